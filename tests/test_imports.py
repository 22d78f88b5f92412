"""The order of imports is the architecture: a package imports only from those before it."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import repro

ROOT = Path(repro.__file__).parent
LAYERS = [
    {"machine"},
    {"paths", "config", "compat"},
    {"lease"},
    {"disk"},
    {"tickets", "stats", "published"},
    {"data"},
    {"audit", "models"},
    {"training"},
    {"ssl"},
    {"procedures"},
    {"runs"},
    {"artefacts"},
    {"report"},
    {"pages", "doctor", "bench", "own"},
    {"asked", "data_commands"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")
NOTEBOOK_STACK = {"papermill", "nbformat", "jupyter_client", "IPython", "matplotlib", "seaborn"}


def imported(file):
    """Full names of what a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(file):
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_module_imports_only_from_the_left(file):
    own = package(file)
    for name in imported(file):
        parts = name.split(".")
        if parts[0] == "repro":
            other = parts[1]
            assert RANK[other] < RANK[own] or other == own, f"{own} imports {name}"
        if RANK[own] <= RANK["runs"]:
            assert parts[0] not in NOTEBOOK_STACK, f"{own} imports {name}"
        if parts[0] == "papermill":
            assert own == "pages"


def test_tickets_do_not_import_each_other():
    for file in (ROOT / "tickets").glob("*.py"):
        assert not [name for name in imported(file) if name.startswith("repro.tickets")]


def test_runs_can_be_planned_without_notebook_software():
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in sorted(NOTEBOOK_STACK))
    code = (
        f"import sys; {blocked}from repro.cli import planned; assert len(planned('table2', 'gpu', ['seeds=0'])) == 36"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_page_is_shown_without_torch():
    names = ", ".join(f"repro.report.{file.stem}" for file in (ROOT / "report").glob("[!_]*.py"))
    code = f"import sys, {names}, repro.artefacts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_commands_start_without_what_takes_long_to_import():
    code = (
        "import sys, repro.cli, repro.artefacts; "
        "sys.exit(' '.join({'torch', 'scipy.stats', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_test_module_lacks_its_package():
    assert all(package(file) in RANK for file in MODULES)


def test_no_modules_import_each_other_in_a_circle():
    """Imports within functions count too."""
    names = {module_name(file): file for file in MODULES}
    graph = {
        name: {n for found in imported(file) if (n := found if found in names else found.rpartition(".")[0]) in names}
        - {name}
        for name, file in names.items()
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError, naming the circle


def module_name(file):
    parts = ("repro", *file.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
