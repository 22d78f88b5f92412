from repro.config import Run
from repro.procedures import entry
from repro.runs import provenance


def files(root, entry):
    found = provenance._reachable(root, provenance._module_file(root, entry))
    return {file.relative_to(root).as_posix() for file in found}


def test_a_digest_covers_what_a_procedure_imports_and_nothing_else(tmp_path):
    root = tmp_path / "repro"
    sources = {
        "training/__init__.py": "",
        "training/one.py": "from repro import paths\nfrom repro.data import tensors\n",
        "training/other.py": "",
        "data/__init__.py": "",
        "data/tensors.py": "def f():\n    import repro.models.resnet\n",
        "models/resnet.py": "import torch",
        "paths.py": "",
    }
    for name, text in sources.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = files(root, "repro.training.one")
    assert found == {"training/one.py", "data/__init__.py", "data/tensors.py", "models/resnet.py"}


def test_every_procedure_has_a_module_and_its_digest_covers_it():
    for run in Run.__args__:
        module = entry(run.procedure)
        covered = files(provenance.paths.CHECKOUT / "src/repro", module)
        assert module.removeprefix("repro.").replace(".", "/") + ".py" in covered
    assert provenance.code_digest(entry("train")) != provenance.code_digest(entry("choose"))
