"""Rules that every source notebook keeps, checked without executing it."""

import ast
import re
from typing import Literal, get_args, get_origin, get_type_hints

import nbformat
import pytest

from repro import paths
from repro.artefacts import REGISTRY
from repro.artefacts.base import SEEDS, check_options
from repro.config import PRESETS
from repro.config.base import choices
from repro.pages.parameters import notebook_parameters, parse_parameters

NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
CITED = set(re.findall(r"@\w+\{(\w+),", (paths.BOOK / "references.bib").read_text()))


def test_every_artefact_has_a_notebook_and_a_place_in_the_book():
    assert {n.stem for n in NOTEBOOKS} == set(REGISTRY)
    toc = (paths.BOOK / "_toc.yml").read_text()
    assert all(f"reproductions/{name}" in toc for name in REGISTRY)


@pytest.fixture(params=NOTEBOOKS, ids=lambda n: n.stem)
def notebook(request):
    found = nbformat.read(request.param, as_version=4)
    nbformat.validate(found)
    found.name = request.param.stem
    return found


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


def test_sources_hold_no_outputs(notebook):
    assert not any(c.outputs or c.execution_count for c in code_cells(notebook))
    assert notebook.metadata.kernelspec.name == "python3"


def test_parameters_are_typed_commented_literals_and_stand_before_our_imports(notebook):
    tagged = [i for i, c in enumerate(notebook.cells) if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    cell = notebook.cells[tagged[0]]
    for line, statement in zip(cell.source.splitlines(), ast.parse(cell.source).body, strict=True):
        assert isinstance(statement, ast.AnnAssign)
        if statement.target.id != "preset":
            assert ast.unparse(statement.annotation).endswith(" | None")
            assert ast.unparse(statement.value) == "None", "the preset's own, and zero is a value"
        assert "  # " in line
    assert not any("import" in c.source for c in notebook.cells[: tagged[0]] if c.cell_type == "code")
    names = [s.target.id for s in ast.parse(cell.source).body]
    assert names == ["preset", "seeds", *REGISTRY[notebook.name].options]


def test_parameters_are_of_the_types_that_the_grid_takes(notebook):
    types = notebook_parameters(paths.notebook(notebook.name))
    wanted = get_type_hints(REGISTRY[notebook.name].grid)
    for name in REGISTRY[notebook.name].options:
        assert types[name] == as_text(choices(wanted[name])[0]) | None, name


def as_text(kind):
    """A type with plain text for a choice of words, alone or in a list."""
    if get_origin(kind) is tuple:
        return tuple[as_text(get_args(kind)[0]), ...]
    return str if get_origin(kind) is Literal else kind


def test_a_notebook_asks_and_shows(notebook):
    assert 8 <= len(notebook.cells) <= 20
    assert sum("import" in c.source for c in code_cells(notebook)) == 1
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= 12
        assert not any(
            isinstance(node, ast.For | ast.While | ast.FunctionDef) for node in ast.walk(ast.parse(cell.source))
        )
        assert not re.search(r"(?<![\w.])/(home|root|tmp|Users)/|^[!%]", cell.source, re.MULTILINE)


def test_figures_have_label_caption_and_alt_text(notebook):
    plots = [c.source for c in code_cells(notebook) if "_figures.plot_" in c.source]
    assert plots
    for source in plots:
        assert all(re.search(rf"^#\| {word}: \S", source, re.MULTILINE) for word in ("label", "caption", "alt"))


def test_it_opens_with_label_title_and_claim_and_ends_with_the_footer(notebook):
    first = notebook.cells[0].source
    assert first.startswith(f"(page-{notebook.name})=\n# ")
    assert "**Claim.**" in first
    assert "{cite}" in first
    assert notebook.cells[-1].source == "footer.provenance(results)"


def test_every_citation_exists(notebook):
    text = "\n".join(c.source for c in notebook.cells)
    assert set(re.findall(r"\{cite\}`(\w+)`", text)) <= CITED


def suggestions(notebook):
    """What the page suggests to change: pairs of a parameter and its value, as text."""
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return set(re.findall(r"-p (\w+)=([\w.,]+)", text))


def test_what_a_page_suggests_to_change_is_another_page_at_every_preset(notebook):
    artefact = REGISTRY[notebook.name]
    for name, text in suggestions(notebook):
        given = parse_parameters(paths.notebook(notebook.name), {name: text})
        if name == "seeds":
            assert all(tuple(given["seeds"]) != seeds for seeds in SEEDS.values())
        else:
            options = check_options(artefact, given)
            assert all(artefact.grid(preset, **options) != artefact.grid(preset) for preset in PRESETS), name


def test_a_page_with_options_suggests_a_change_and_none_suggests_a_preset(notebook):
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert suggestions(notebook) or not REGISTRY[notebook.name].options
    assert not re.search(r"`preset = ", text), "a page may be of that preset already"
