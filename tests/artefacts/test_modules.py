"""What a module of an artefact may import, and how artefacts are found."""

import ast
import re

import pytest

from repro import paths
from repro.artefacts import REGISTRY

MODULES = sorted((paths.CHECKOUT / "src/repro/artefacts").glob("*.py"))
INFRASTRUCTURE = {"base", "shared"}
REUSED = {
    ("figure2", "table4"),  # shows the selector and the annotator of Table 4's grid
    ("weights_turn", "table1"),  # varies their trainings
    ("weights_turn", "table2"),
}


def imported(file):
    """Names of what a module takes from `repro.artefacts`, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (parts[2] for name in found if (parts := name.split("."))[:2] == ["repro", "artefacts"])


@pytest.mark.parametrize("file", [m for m in MODULES if m.stem != "__init__"], ids=lambda file: file.stem)
def test_an_artefact_imports_another_only_where_it_reuses_its_grid(file):
    others = {name for name in imported(file) if name not in INFRASTRUCTURE}
    assert {(file.stem, other) for other in others} <= REUSED, "what artefacts share stands in artefacts/shared"


def test_what_is_shared_imports_no_artefact():
    for file in (paths.CHECKOUT / "src/repro/artefacts/shared").glob("*.py"):
        assert set(imported(file)) <= INFRASTRUCTURE


def test_artefacts_are_found_by_their_module_and_stand_in_the_order_of_the_book():
    holding = [m.stem for m in MODULES if re.search(r"^ARTEFACT = ", m.read_text(), re.MULTILINE)]
    assert sorted(REGISTRY) == sorted(stem.replace("_", "-") for stem in holding)
    contents = (paths.BOOK / "_toc.yml").read_text()
    assert list(REGISTRY) == [name for name in re.findall(r"reproductions/(.+)", contents)]
