"""Every verdict of the scoreboard, computed once more.

The values of Tables 1, 2 and 4, of Figure 3 and of all of paper B come from the JSON lines by code of its own
(tests.pages.recomputed); those of the other artefacts, whose statistics have tests of their own, come from their
`claim_values`. The claims are parsed, the intervals and p-values computed, the words found and Holm's correction made
by code of its own for all of them.
"""

import csv
import re
from itertools import pairwise
from math import isnan, nan, sqrt
from statistics import fmean, stdev

import pytest
from scipy import stats

from repro import paths
from repro.artefacts import REGISTRY
from repro.artefacts.base import recorded
from repro.pages.site import scoreboard
from repro.stats.verdicts import Exact
from tests.pages.recomputed import ARTEFACTS, EVIDENCE, RESULTS, recomputed

NOISE = {"points": 0.5, "hundredths": 25, "percent": 10}
COLUMNS = ["page", "claim", "paper", "here", "verdict", "after Holm", "what was run"]


@pytest.fixture(scope="module")
def text():
    """The scoreboard of the committed records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RESULTS", RESULTS)
        return scoreboard()


@pytest.fixture(scope="module")
def claims():
    with (paths.CHECKOUT / "src/repro/published/claims.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def board(text):
    """Cells of the scoreboard by the claim's text."""
    rows = [[c.strip() for c in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return {
        row[1]: dict(zip(COLUMNS, row, strict=True)) for row in rows if len(row) == 7 and row[0] not in ("page", "---")
    }


def values_of(artefact):
    """Values of each claim of an artefact: numbers in hundredths, one a seed, or an exact one."""
    if artefact in ARTEFACTS:
        return {name: [100 * v for v in values] for name, values in recomputed(artefact).items()}
    if artefact not in REGISTRY:
        return {}
    results = next(filter(None, (recorded(REGISTRY[artefact], preset) for preset in EVIDENCE)), None)
    found = REGISTRY[artefact].claim_values(results.frame) if results else {}
    return {name: v if isinstance(v, Exact) else [100 * x for x in v] for name, v in found.items()}


def nearest_border(claim, value):
    margin = 100 * float(claim["margin"])
    return -margin if claim["kind"] == "within" and value < 0 else margin


def is_inside(claim, value):
    margin = 100 * float(claim["margin"])
    return {"above": value > margin, "below": value < margin, "within": abs(value) < margin}[claim["kind"]]


def expected(claim, values):
    """Word, p and the numbers that a line must show: for each claim by its own arithmetic."""
    if isinstance(values, Exact):
        value = 100 * values.value
        return ("holds" if is_inside(claim, value) else "contradicted"), nan, [value]
    if not values:
        return "not run", nan, []
    mean, n, p, ends = fmean(values), len(values), nan, []
    border = nearest_border(claim, mean)
    if n > 1:
        error = stdev(values) / sqrt(n)
        half = stats.t.ppf(0.975, n - 1) * error
        ends = [mean - half, mean + half]
    if n >= 3:
        p = stats.ttest_1samp(values, border).pvalue if error else float(abs(mean - border) < 1e-9)
    if n >= 3 and abs(mean - border) > half:
        return ("holds" if is_inside(claim, mean) else "contradicted"), p, [mean, *ends]
    if round(abs(mean - border), 9) <= NOISE[claim["unit"]]:
        return "undecided", p, [mean, *ends]
    return ("leans towards" if is_inside(claim, mean) else "leans against"), p, [mean, *ends]


def survivors(judged):
    """Ids of claims that Holm's step-down rule rejects at 5 %, among those with a p."""
    left = sorted((p, name) for name, (_, p, _) in judged.items() if not isnan(p))
    found = set()
    while left and left[0][0] * len(left) <= 0.05:
        found.add(left.pop(0)[1])
    return found


@pytest.fixture(scope="module")
def judged(claims):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RESULTS", RESULTS)
        known = {k: v for artefact in {c["artefact"] for c in claims} for k, v in values_of(artefact).items()}
    return {claim["id"]: expected(claim, known.get(claim["id"], [])) for claim in claims}


def line_of(board, claim):
    return board[f"{claim['statement']} ({claim['locator']})"]


def test_every_line_has_the_word_and_the_numbers_of_an_independent_computation(board, claims, judged):
    assert len(board) == len(claims)
    for claim in claims:
        line, (word, _, numbers) = line_of(board, claim), judged[claim["id"]]
        assert line["verdict"] == f"*{word}*", claim["id"]
        shown = [float(n) for n in re.findall(r"[+-]\d+\.\d", line["here"].partition(", exact")[0])]
        assert shown == pytest.approx(numbers, abs=0.0501), claim["id"]


def test_every_decided_line_survives_holms_correction_or_not_as_his_rule_says(board, claims, judged):
    for paper in "ABC":
        own = {c["id"]: judged[c["id"]] for c in claims if c["locator"].startswith(paper)}
        kept = survivors(own)
        for claim in (c for c in claims if c["id"] in own):
            word, p, _ = own[claim["id"]]
            decided = word in ("holds", "contradicted") and not isnan(p)
            said = ("yes" if claim["id"] in kept else "no") if decided else "–"
            assert line_of(board, claim)["after Holm"] == said, claim["id"]


def test_the_claims_that_are_recomputed_are_all_of_their_artefacts(claims):
    """But for those whose network no recorded preset has."""
    for artefact in ARTEFACTS:
        wanted = {claim["id"] for claim in claims if claim["artefact"] == artefact}
        assert wanted - set(recomputed(artefact)) <= {"figure3-small-matches", "figure3-small-near"}


def test_no_line_is_decided_by_fewer_than_three_seeds_unless_it_is_exact(board):
    decided = [line for line in board.values() if line["verdict"] in ("*holds*", "*contradicted*")]
    assert decided
    for line in decided:
        n = re.search(r"n = (\d+)$", line["here"])
        assert "exact: " in line["here"] or int(n.group(1)) >= 3, line


def test_every_line_that_was_run_says_what_on_which_device_and_by_which_code(board):
    ran = [line for line in board.values() if line["verdict"] != "*not run*"]
    assert ran
    for line in ran:
        assert re.search(
            r"(Preset \w+|The same at every preset), \S.*, (fresh|stale|\d+ of \d+ runs stale)\.$", line["what was run"]
        )
    assert {line["what was run"] for line in board.values() if line["verdict"] == "*not run*"} <= {"–"}


def test_the_counts_on_top_are_those_of_the_lines(text, board):
    head, _, *counts = text.split("\n\n")[0].splitlines()
    words, total = ([c.strip() for c in line.strip("|").split("|")] for line in (head, counts[-1]))
    said = dict(zip(words[2:], (int(cell.split(" ")[0]) for cell in total[2:]), strict=True))
    assert said == {word: sum(line["verdict"] == f"*{word}*" for line in board.values()) for word in words[2:]}
    assert sum(said.values()) == int(total[1]) == len(board)


def test_lines_stand_in_the_order_of_the_claims(board, claims):
    places = [
        list(board).index(f"{c['statement']} ({c['locator']})")
        for paper in "ABC"
        for c in claims
        if c["locator"][0] == paper
    ]
    assert all(a < b for a, b in pairwise(places))
