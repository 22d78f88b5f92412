"""The claim atlas: every claim is in it, with the numbers of the records, and it needs nothing from elsewhere."""

import re
from xml.etree import ElementTree

import pytest

from repro import paths
from repro.pages.atlas import ABOUT, atlas
from repro.published import read_table
from repro.report import claims
from repro.stats.verdicts import Exact, claimed_region, estimate
from tests.pages.recomputed import RESULTS


@pytest.fixture(scope="module")
def text():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RESULTS", RESULTS)
        return atlas()


@pytest.fixture(scope="module")
def judged():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RESULTS", RESULTS)
        return {one.claim.id: one for paper in ABOUT for one in claims.judge_paper(paper)}


@pytest.fixture(scope="module")
def drawings(text):
    """Drawings by claim."""
    found = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    return {svg.get("data-claim"): svg for svg in found}


def test_every_claim_has_one_row_and_one_drawing(text, drawings):
    wanted = read_table("claims")["id"].tolist()
    assert sorted(re.findall(r'<article class="claim" data-id="([^"]+)"', text)) == sorted(wanted)
    assert set(drawings) == set(wanted)
    assert text.count("<svg") == len(wanted)


def test_the_numbers_of_every_drawing_are_those_of_the_records(drawings, judged):
    for name, one in judged.items():
        low, high = claimed_region(one.claim.kind, one.claim.margin)
        wanted = {"low": low, "high": high, "paper": one.claim.value}
        if isinstance(one.values, Exact):
            wanted |= {"ours": one.values.value}
        else:
            found = estimate(list(one.values))
            wanted |= {"ours": found.mean, "ours-low": found.low, "ours-high": found.high}
            assert drawings[name].get("data-n") == str(found.n)
        for key, value in wanted.items():
            said = drawings[name].get(f"data-{key}")
            assert (said is None) == (not abs(value) < float("inf")), (name, key)
            assert said is None or float(said) == pytest.approx(100 * value, rel=1e-5, abs=1e-9), (name, key)
        assert drawings[name].get("data-verdict") == one.word


def test_what_is_drawn_stands_where_its_number_is(drawings):
    """The scale is straight: our dot, the ends of its interval and the region's borders lie on one line of it."""
    for name, svg in drawings.items():
        if svg.get("data-ours-low") is None:
            continue
        dot = float(svg.find("*[@class='ours']").get("cx"))
        left, right = map(
            float, re.match(r"M([\d.]+) \S+H([\d.]+)M", svg.find("*[@class='interval']").get("d")).groups()
        )
        low, mean, high = (float(svg.get(f"data-{key}")) for key in ("ours-low", "ours", "ours-high"))
        zero = float(re.match(r"M([\d.]+)", svg.find("*[@class='zero']").get("d")).group(1))
        a_unit = (right - left) / (high - low) if high > low else 0
        assert dot == pytest.approx(left + a_unit * (mean - low), abs=0.11), name
        assert not a_unit or zero == pytest.approx(left - a_unit * low, abs=0.2 + 0.1 * abs(low) / (high - low)), name


def test_the_claims_that_were_not_run_are_folded(text, judged):
    shown, _, folded = text.partition("<details>")
    assert 'data-verdict="not run"' not in shown
    assert set(re.findall(r'class="claim".*?data-verdict="([^"]+)"', folded)) == {"not run"}
    assert f"{sum(one.word == 'not run' for one in judged.values())} claims that were not run" in folded


def test_the_answers_count_the_rows(text, judged):
    for paper in ABOUT:
        (said,) = re.findall(rf'<p class="answer" data-paper="{paper}">(.*?)</p>', text)
        numbers = list(map(int, re.findall(r"\b\d+\b", said.partition("</em>")[2])))
        own = [one.word for one in judged.values() if one.paper == paper]
        words = ("holds", "leans towards", "contradicted", "leans against", "undecided")
        assert numbers[:2] == [len(own), len(own) - own.count("not run")]
        assert numbers[2:7] == [own.count(word) for word in words]


def test_nothing_comes_from_another_host(text):
    files = [paths.BOOK / "_static" / name for name in ("atlas.js", "atlas.css")]
    assert not any(re.search(r"(https?:)?//[a-z]", part.replace("// F", "")) for part in (text, files[0].read_text()))
    assert "url(" not in files[1].read_text()


def test_the_committed_part_is_what_the_records_give(text):
    assert (paths.BOOK / "atlas.md").read_text() == text, "`repro publish` writes this part anew"
