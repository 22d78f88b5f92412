"""Packages that are known to break: the set-up must have mended them."""

import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest


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


def test_jupyter_book_is_the_version_that_builds_offline():
    assert metadata.version("jupyter-book") == "1.0.4.post1"
