"""The digest of code: what changes it, and what does not."""

import pytest

from repro.config import Run
from repro.procedures import entry
from repro.runs import code

SOURCES = {
    "training/__init__.py": "",
    "training/one.py": "from repro import paths\nfrom repro.data import tensors\ndef g(x):\n    return x + 1\n",
    "training/other.py": "",
    "data/__init__.py": "",
    "data/tensors.py": "def f():\n    import repro.models.resnet\n    return 1\n",
    "models/resnet.py": "import torch",
    "config/__init__.py": "",
    "paths.py": "",
}


def tree(folder, **changes):
    """A package with some files, changed."""
    for name, text in (SOURCES | changes).items():
        file = folder / "repro" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "repro"


def digest(folder, **changes):
    return code.code_digest("repro.training.one", tree(folder, **changes))


def test_a_digest_covers_what_a_procedure_imports_and_nothing_else(tmp_path):
    found = set(code.file_digests("repro.training.one", tree(tmp_path)))
    assert found == {"training/one.py", "data/__init__.py", "data/tensors.py", "models/resnet.py"}


@pytest.mark.parametrize(
    "same",
    [
        '"""What."""\nfrom repro.data import tensors\n\n\ndef g(x):\n    """Add one."""\n    return (x+1)  # indeed\n',
        "from repro.data.tensors import f\nfrom repro import config\ndef g(x): return x + 1\n",
    ],
)
def test_comments_docstrings_formatting_and_own_imports_do_not_count(tmp_path, same):
    assert digest(tmp_path / "a") == digest(tmp_path / "b", **{"training/one.py": same})


def test_where_a_file_lies_does_not_count(tmp_path):
    moved = {"training/one.py": "from repro.data.x import f\ndef g(x):\n    return x + 1\n"}
    moved["data/x.py"] = SOURCES["data/tensors.py"]
    assert digest(tmp_path / "a") == digest(tmp_path / "b", **moved)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("training/one.py", "from repro.data import tensors\ndef g(x):\n    return x + 2\n"),
        ("training/one.py", "from repro.data import tensors\ndef g(x, y=None):\n    return x + 1\n"),
        ("training/one.py", "import math\nfrom repro.data import tensors\ndef g(x):\n    return x + 1\n"),
        ("models/resnet.py", "import torch\nSIZE = 'a docstring it is not'"),
    ],
)
def test_what_is_computed_counts(tmp_path, name, text):
    assert digest(tmp_path / "a") != digest(tmp_path / "b", **{name: text})


def test_every_procedure_has_a_module_and_its_digest_covers_it():
    for run in Run.__args__:
        assert f"procedures/{run.procedure}.py" in code.file_digests(entry(run.procedure))
    assert code.code_digest(entry("train")) != code.code_digest(entry("choose"))
