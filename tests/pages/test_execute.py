import errno
import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from repro import paths
from repro.config import ConfigError
from repro.pages import execute, parameters


def write(path, *cells):
    parameters = new_code_cell(
        'preset: str = "demo"  # how big\nseeds: list[int] | None = None  # seeds\nrate: float = 0.1  # rate\n'
        "epochs: int | None = None  # n",
        metadata={"tags": ["parameters"]},
    )
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A"), parameters, *cells], metadata=kernel), path)
    return path


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "a.ipynb", new_code_cell("#| label: fig-a\n#| caption: C\n#| alt: A\nprint(preset, rate)"))


def test_parameters_are_read_as_the_notebooks_types(source):
    given = {"preset": "gpu", "seeds": "0,1", "rate": "1", "epochs": "3"}
    assert parameters.parse_parameters(source, given) == {"preset": "gpu", "seeds": [0, 1], "rate": 1.0, "epochs": 3}
    assert parameters.parse_parameters(source, {"seeds": "[4]"}) == {"seeds": [4]}
    assert parameters.parse_parameters(source, {"seeds": "4"}) == {"seeds": [4]}


def test_nothing_and_none_are_none_and_zero_is_a_value(source):
    for text in ("", " ", "none", "None"):
        assert parameters.parse_parameters(source, {"seeds": text, "epochs": text}) == {"seeds": None, "epochs": None}
    assert parameters.parse_parameters(source, {"epochs": "0", "seeds": "[]"}) == {"epochs": 0, "seeds": []}
    assert parameters.parse_parameters(source, {"preset": "none"}) == {"preset": "none"}, "its type allows no None"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"typo": "1"}, "no parameter 'typo'; it has preset, seeds, rate, epochs"),
        ({"epochs": "many"}, "epochs must be a whole number; got 'many'"),
        ({"epochs": "1.5"}, "epochs must be a whole number; got 1.5"),
        ({"epochs": "True"}, "epochs must be a whole number; got True"),
        ({"rate": "fast"}, "rate must be a number; got 'fast'"),
        ({"rate": "none"}, "rate must be a number; got 'none'"),
        ({"rate": "1e999"}, "rate must be a number; got inf"),
        ({"rate": "{[]: 1}"}, "rate must be a number; got '{[]: 1}'"),
        ({"rate": "[" * 10_000}, "rate must be a number; got "),
        ({"seeds": "a"}, "seeds must be a list, each a whole number; got 'a'"),
        ({"seeds": "0,x"}, "seeds must be a list, each a whole number; got '0,x'"),
        ({"seeds": "0,1.5"}, "each of seeds must be a whole number; got 1.5"),
    ],
)
def test_wrong_parameters_are_errors_before_anything_runs(source, given, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        parameters.parse_parameters(source, given)


@pytest.mark.parametrize("annotation", ["dict", "Optional[int]", "list", "int or None"])
def test_a_type_that_is_not_known_is_refused(tmp_path, annotation):
    cell = new_code_cell(f"rate: {annotation} = None", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "b.ipynb")
    with pytest.raises(ConfigError, match=re.escape(f"got {annotation}")):
        parameters.notebook_parameters(tmp_path / "b.ipynb")


def test_a_notebook_without_parameters_is_refused(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / "b.ipynb")
    with pytest.raises(ConfigError, match="exactly one cell tagged"):
        parameters.notebook_parameters(tmp_path / "b.ipynb")


@pytest.mark.slow
def test_a_page_is_the_same_every_time_and_carries_its_figure(source, tmp_path):
    pages = [tmp_path / "pages" / f"{i}.ipynb" for i in (1, 2)]
    for page in pages:
        execute.execute(source, page, {"preset": "gpu", "rate": 0.5})
    assert pages[0].read_bytes() == pages[1].read_bytes()
    text = pages[0].read_text()
    assert "papermill" not in text
    assert "iopub" not in text
    cells = nbformat.read(pages[0], as_version=4).cells
    assert cells[-1].outputs[0].text == "gpu 0.5\n"
    assert cells[-1].metadata["mystnb"]["figure"] == {"name": "fig-a", "caption": "C"}
    injected = next(c for c in cells if "injected-parameters" in c.metadata.get("tags", []))
    assert injected.metadata["tags"][-1] == "hide-input"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print('a warning', file=sys.stderr)", "printed to stderr: a warning"),
        ("import os; print(os.environ['REPRO_HOME'])", "shows a path of this machine"),
    ],
)
def test_a_failed_notebook_never_replaces_a_good_page(tmp_path, code, said):
    page = tmp_path / "pages" / "a.ipynb"
    page.parent.mkdir()
    page.write_text("the good page")
    with pytest.raises(execute.NotebookFailed, match=said):
        execute.execute(write(tmp_path / "bad.ipynb", new_code_cell(code)), page, {})
    assert page.read_text() == "the good page"
    assert [p.name for p in page.parent.iterdir()] == ["a.ipynb"]


def test_a_full_disk_is_an_error_that_names_the_mend(source, tmp_path, monkeypatch):
    def write_nothing(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(execute.papermill, "execute_notebook", write_nothing)
    with pytest.raises(
        execute.NotebookFailed, match=r"cannot make .*page\.ipynb.*No space left on device; free some space"
    ):
        execute.execute(source, tmp_path / "page.ipynb", {})


@pytest.mark.slow
def test_several_notebooks_side_by_side_give_their_pages_and_the_error_of_one_that_fails(source, tmp_path):
    jobs = [(source, tmp_path / f"page{i}.ipynb", {"rate": float(i)}) for i in range(3)]
    assert sorted(execute.execute_all(jobs)) == [page for _, page, _ in jobs]
    shown = [nbformat.read(page, as_version=4).cells[-1].outputs[0].text for _, page, _ in jobs]
    assert shown == ["demo 0.0\n", "demo 1.0\n", "demo 2.0\n"]
    bad = write(tmp_path / "bad.ipynb", new_code_cell("1 / 0"))
    with pytest.raises(execute.NotebookFailed, match=r"bad\.ipynb failed in cell .*ZeroDivisionError"):
        list(execute.execute_all([(bad, tmp_path / "bad-page.ipynb", {}), *jobs]))


def test_published_pages_are_whole():
    for page in paths.PAGES.glob("*.ipynb"):
        notebook = nbformat.read(page, as_version=4)
        execute.check_page(notebook, page.name)
        assert page.stat().st_size < 1_000_000
        assert all(c.execution_count for c in notebook.cells if c.cell_type == "code")
