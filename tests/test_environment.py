"""Packages that are known to break: the set-up must have mended them."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.utils import canonicalize_name

from repro import compat

ROOT = Path(__file__).resolve().parents[1]

READY = Path(sys.prefix) / "ready"  # written by `make setup` when it is done
FIRST_IMPORTS = ("timm", "torchvision", "torchvision.transforms.v2")


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_scikit_learn_extra_works_with_numpy_2():
    from sklearn_extra.cluster import KMedoids

    assert int(np.__version__.split(".")[0]) >= 2
    points = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
    found = KMedoids(n_clusters=2, method="pam", random_state=0).fit(points)
    assert found.labels_[0] == found.labels_[1] != found.labels_[3]


def test_kmedoids_agrees_with_it():
    import kmedoids
    from scipy.spatial.distance import cdist
    from sklearn_extra.cluster import KMedoids

    points = np.random.default_rng(0).normal(size=(60, 4))
    ours = kmedoids.fasterpam(cdist(points, points), 4, random_state=0)
    theirs = KMedoids(n_clusters=4, method="pam", random_state=0).fit(points)
    assert ours.loss <= theirs.inertia_ * 1.02


@pytest.mark.slow
def test_timm_and_torchvision_import_after_the_mend():
    done = run("import repro.models, timm, torchvision.transforms.v2, torchvision.models; print('fine')")
    assert done.stdout.strip() == "fine", done.stderr


@pytest.mark.slow
def test_the_mend_can_be_called_twice():
    done = run("from repro.compat import mend_torchvision as m; assert m() == m(); import torchvision")
    assert done.returncode == 0, done.stderr


def test_the_mend_does_nothing_on_a_matching_build(tmp_path):
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").touch()  # no _C*.so that fails to load
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import repro.compat as c; exit(c.mend_torchvision())"
    assert run(code).returncode == 0


def with_hook(folder):
    """Code that starts Python as it starts with `folder` for its site-packages."""
    return f"import site, sys; site.addsitedir({str(folder)!r}); assert 'torch' not in sys.modules; "


@pytest.mark.slow
@pytest.mark.parametrize("first", FIRST_IMPORTS)
def test_behind_the_hook_the_order_of_imports_does_not_matter(first, tmp_path):
    for _ in range(2):  # setting up a second time changes nothing
        compat.install_hook(tmp_path / "hook.pth")
    done = run(with_hook(tmp_path) + f"import {first}, repro.models, timm; print('fine')")
    assert done.stdout.strip() == "fine", done.stderr
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", FIRST_IMPORTS)
def test_in_the_environment_of_make_setup_the_order_does_not_matter(first):
    if not READY.exists() or READY.stat().st_mtime < Path(compat.__file__).stat().st_mtime:
        pytest.skip("these tests run in an environment that `make setup` did not make, or made from other code")
    assert run(f"import {first}, repro.models").returncode == 0


def test_the_hook_costs_nothing_until_torchvision_is_imported(tmp_path):
    (tmp_path / "hook.pth").write_text(compat.HOOK)
    code = "import json, importlib.util; importlib.util.find_spec('json.tool'); "
    done = run(with_hook(tmp_path) + code + "assert not {'torch', 'repro'} & set(sys.modules)")
    assert done.returncode == 0, done.stderr


def test_on_a_matching_build_the_hook_is_taken_away(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").touch()
    (tmp_path / "hook.pth").write_text(compat.HOOK)
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(tmp_path)!r}); "
        f"from repro import compat; compat.install_hook(Path({str(tmp_path / 'hook.pth')!r}))"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "hook.pth").exists()


def test_make_setup_installs_the_hook():
    assert "$(BIN)/python -m repro.compat" in (ROOT / "Makefile").read_text()


def test_jupyter_book_is_the_version_that_builds_offline():
    assert metadata.version("jupyter-book") == "1.0.4.post1"


def pinned(name):
    """What a file of requirements holds: version and hashes of each package."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    entries = re.split(r"\n(?=\S)", "\n".join(lines))
    found = [re.match(r"([\w.-]+)==(\S+)", entry) for entry in entries]
    assert all(found), "every entry pins one version"
    hashes = [re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry) for entry in entries]
    return {canonicalize_name(m[1]): (m[2], h) for m, h in zip(found, hashes, strict=True)}


def test_the_lock_names_the_same_versions_with_the_hashes_of_their_files():
    wanted, locked = pinned("requirements.txt"), pinned("requirements.lock")
    assert {name: locked.get(name, ("",))[0] for name in wanted} == {
        name: version for name, (version, _) in wanted.items()
    }
    assert [name for name, (_, hashes) in locked.items() if not hashes] == []
    besides = locked.keys() - wanted.keys()
    assert [name for name in besides if not re.match("nvidia-|cuda-|triton$|setuptools$|wheel$", name)] == []


def test_the_lock_names_no_host():
    assert "://" not in (ROOT / "requirements.lock").read_text()
