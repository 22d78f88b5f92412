"""Slow: the whole path as a user walks it, and the committed pages against the committed records."""

import re

import nbformat
import pytest

from repro import paths
from repro.artefacts import REGISTRY
from repro.artefacts.base import is_same_everywhere
from tests.checkout import copy_checkout, git_status, repro, run_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_checkout(tmp_path_factory.mktemp("clone") / "book")


@pytest.fixture(scope="module")
def reproduced(checkout):
    """Every artefact executed at demo from nothing."""
    for name in REGISTRY:
        done = repro(checkout, "execute", name)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", REGISTRY)
def test_a_notebook_executes_from_nothing_at_demo(reproduced, checkout, name):
    page = nbformat.read(checkout / "build/demo/reproductions" / f"{name}.ipynb", as_version=4)
    shown = "\n".join(str(c.get("outputs", "")) for c in page.cells)
    assert ("not evidence" in shown) != is_same_everywhere(REGISTRY[name])
    assert "image/png" in shown
    assert "<td>fresh</td>" in shown, "what was just made is of the code as it stands"
    assert len(list((checkout / ".repro/runs").glob("*/*/record.json"))) >= 50, (
        "committed records do not stand in for own runs"
    )


def test_a_second_time_nothing_is_trained_and_the_pages_are_the_same(reproduced, checkout):
    pages = sorted((checkout / "build/demo/reproductions").glob("*.ipynb"))
    records = sorted((checkout / ".repro/runs").glob("*/*/record.json"))
    before = [file.read_bytes() for file in (*pages, *records)]
    written = [file.stat().st_mtime_ns for file in records]
    done = repro(checkout, "execute", *REGISTRY)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"\[\d+/\d+\]", done.stderr), "a run that is carried out is said"
    assert done.stdout.count("reproductions/") == len(pages) == len(REGISTRY)
    assert sorted((checkout / ".repro/runs").glob("*/*/record.json")) == records
    assert [file.stat().st_mtime_ns for file in records] == written
    assert [file.read_bytes() for file in (*pages, *records)] == before


def test_the_site_of_own_pages_builds_without_a_warning(reproduced, checkout):
    done = repro(checkout, "book", "--preset", "demo")
    assert done.returncode == 0, done.stderr
    html = (checkout / "build/demo/_build/html/reproductions/table2.html").read_text()
    assert "(demo: no evidence)" in html
    assert git_status(checkout) == ""


def test_plain_papermill_works(reproduced, checkout, tmp_path):
    page = tmp_path / "out.ipynb"
    words = ["notebooks/table2.ipynb", str(page), "-p", "preset", "demo", "-y", "seeds: [0, 1, 2]"]  # -p takes no list
    done = run_in(checkout, "papermill", *words)
    assert done.returncode == 0, done.stderr
    assert nbformat.read(page, as_version=4).cells[-1].outputs


def test_publishing_again_changes_nothing(checkout):
    done = repro(checkout, "publish")
    assert done.returncode == 0, done.stderr
    assert git_status(checkout) == ""


def test_the_published_book_builds_without_a_warning_and_its_links_lead_somewhere(checkout):
    done = repro(checkout, "book")
    assert done.returncode == 0, done.stderr
    site = checkout / "build/published/_build/html"
    pages = [page for page in site.rglob("*.html") if "_static" not in page.parts]
    assert len(pages) > 8
    for page in pages:
        for link in re.findall(r'href="([^"#:?]+)"', page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_large_files_are_not_committed(checkout):
    sizes = {
        p: p.stat().st_size
        for p in checkout.rglob("*")
        if p.is_file() and not {".git", "build", ".repro"} & set(p.parts)
    }
    assert all(size < 1_000_000 for size in sizes.values())
    assert not any(paths.RESULTS.name in p.parts and p.suffix == ".safetensors" for p in sizes)
