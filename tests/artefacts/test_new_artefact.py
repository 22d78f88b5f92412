"""What a new artefact has to touch: its module, its notebook, its claims and CSV, and the table of contents."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.checkout import copy_checkout, git_status, repro, run_in

pytestmark = pytest.mark.slow
MODULE = '''"""A tiny artefact: fewer runs of the perceptron."""

from dataclasses import replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.config import PerceptronRun

DIMENSIONS = {"demo": 20, "pocket": 30, "gpu": 40, "paper": 50}


def grid(preset: str, *, draws: int = 2) -> list[Arm]:
    """All examples and half of them."""
    whole = PerceptronRun(dimensions=DIMENSIONS[preset], draws=draws)
    half = replace(whole, choice="random", keep_share=0.5)
    return [Arm({"choice": r.choice, "keep_share": r.keep_share, "probe_angle": 0.0}, r) for r in (whole, half)]


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """What the other half is worth, one value a seed."""
    whole, half = (frame[frame["choice"] == c].set_index("seed")["error_hebb"] for c in ("all", "random"))
    return {"tiny-worse": half - whole}


ARTEFACT = Artefact("tiny", "A tiny artefact", "paper C, Appendix F.1", grid, claim_values)
'''
CLAIM = 'tiny-worse,tiny,"Half of the examples teach less",0.01,above,0,points,,"C, Appendix F.1",2026-11-24,,no,\n'
TABLE = "row,value,locator\nhalf,0.01,Appendix F.1\n"
CELLS = [
    new_markdown_cell(
        "(page-tiny)=\n# A tiny artefact\n\n**Claim.** Half of the examples teach less {cite}`anonymous2023dataset`."
    ),
    new_code_cell(
        'preset: str = "demo"  # how big: demo, pocket, gpu or paper\n'
        "seeds: list[int] | None = None  # such as [0, 1, 2]; None for the preset's own\n"
        "draws: int | None = None  # of the examples; None for 2",
        metadata={"tags": ["parameters", "hide-input"]},
    ),
    new_code_cell(
        "from repro.artefacts import tiny\nfrom repro.artefacts.base import collect\n"
        "from repro.published import read_table\nfrom repro.report import footer, sample_figures, tables"
    ),
    new_markdown_cell("## Our runs"),
    new_code_cell("results = collect(tiny.ARTEFACT, preset, seeds, draws=draws)\ntables.banner(results)"),
    new_code_cell('read_table("tiny")'),
    new_code_cell("#| label: fig-tiny\n#| caption: Errors.\n#| alt: Dots.\nsample_figures.plot_errors(results)"),
    new_code_cell("tables.verdicts(results)"),
    new_markdown_cell("## Change it\n\n- `-p draws=3`: more examples."),
    new_code_cell("footer.provenance(results)"),
]
OVER_ALL = [  # tests over all artefacts, which no line for the new one may be wanting in
    "tests/test_notebooks.py",
    "tests/test_published.py",
    "tests/test_claims.py",
    "tests/test_cli.py",
    "tests/test_imports.py",
    "tests/test_size.py",
    "tests/artefacts",
    "tests/audit/test_papers.py",
    "tests/report",
    "tests/pages/test_scoreboard.py",
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy with one artefact more."""
    folder = copy_checkout(tmp_path_factory.mktemp("clone") / "book")
    package = folder / "src/repro"
    (package / "artefacts/tiny.py").write_text(MODULE)
    (package / "published/tiny.csv").write_text(TABLE)
    with (package / "published/claims.csv").open("a") as claims:
        claims.write(CLAIM)
    contents = folder / "book/_toc.yml"
    before = "      - file: reproductions/audit\n"
    contents.write_text(contents.read_text().replace(before, f"      - file: reproductions/tiny\n{before}"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=CELLS, metadata=kernel), folder / "notebooks/tiny.ipynb")
    return folder


@pytest.fixture(scope="module", autouse=True)
def touched(checkout):
    """The five files, before and after all that is done with the new artefact."""
    files = "book/_toc.yml notebooks/tiny.ipynb src/repro/artefacts/tiny.py src/repro/published/claims.csv "
    wanted = sorted((files + "src/repro/published/tiny.csv").split())
    assert sorted(line[3:] for line in git_status(checkout).splitlines()) == wanted
    yield
    assert sorted(line[3:] for line in git_status(checkout).splitlines()) == wanted


def test_it_is_listed_where_the_book_has_it(checkout):
    names = [line.split()[0] for line in repro(checkout, "list").stdout.splitlines()]
    assert names[names.index("audit") - 1] == "tiny"


def test_it_is_planned_carried_out_and_executed_into_a_page(checkout):
    done = repro(checkout, "run", "tiny", "-p", "seeds=0,1", "-p", "draws=1")
    assert "tiny, preset demo: 4 runs are done" in done.stdout, done.stderr
    done = repro(checkout, "execute", "tiny", "-p", "seeds=0,1", "-p", "draws=1")
    assert done.returncode == 0, done.stderr
    page = (checkout / "build/demo/reproductions/tiny.ipynb").read_text()
    assert "Half of the examples teach less" in page
    assert "n = 2" in page


def test_it_is_rehearsed_at_paper(checkout):
    done = repro(checkout, "run", "tiny", "--preset", "paper", "--dry-run")
    assert "2 runs rehearsed" in done.stdout, done.stderr


def test_no_test_over_all_artefacts_wants_a_line_for_it(checkout):
    done = run_in(checkout, "pytest", "-q", "-n", "0", "-m", "not slow", "-p", "no:cacheprovider", *OVER_ALL)
    assert done.returncode == 0, done.stdout[-4000:]
