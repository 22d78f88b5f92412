"""Lines of verdicts from made-up records, so that every word can be checked by hand."""

import math
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest

from repro import paths
from repro.artefacts import table1, table2
from repro.pages.site import scoreboard
from repro.published import read_claims, read_table
from repro.report import claims, tables
from repro.stats.verdicts import VERDICTS, Exact
from tests.artefacts.test_results import commit, fake_results, lines_of, paper_like


def gap_of(spread):
    """RR falls behind LTH by 3 points more or less: seeds differ by `spread`."""

    def accuracy(labels, seed):
        return paper_like(labels, seed) - (spread * (seed - 1) if labels["arm"] == "RR" and labels["round"] else 0)

    return accuracy


def lines(results):
    """Claims of a page and what Holm's correction makes of each, by id."""
    return {one.claim.id: (one, survives) for one, survives in claims.judge_with_holm(results)}


def judged(word, p):
    return claims.Judged(SimpleNamespace(id=f"{word} at {p}"), word=word, p=p)


def test_a_decided_claim_survives_where_its_p_does_after_the_correction_for_all_that_were_tested():
    """.001 three times and .02 twice stay below .05; with a fourth claim in between .02 counts three times."""
    three = [judged("holds", 0.02), judged("contradicted", 0.001), judged("undecided", 0.3)]
    untested = judged("leans towards", math.nan)
    assert list(claims.after_holm([*three, untested]).values()) == ["yes", "yes", "–", "–"]
    assert list(claims.after_holm([*three, judged("undecided", 0.06)]).values()) == ["no", "yes", "–", "–"]


def test_the_correction_counts_the_claims_of_the_other_pages_of_the_paper(monkeypatch):
    commit(fake_results(table1.ARTEFACT, gap_on_table_1))
    results, seen = fake_results(table2.ARTEFACT, gap_of(0.01)), []
    real = claims.after_holm
    monkeypatch.setattr(claims, "after_holm", lambda found: (seen.append(found), real(found))[1])
    lines(results)
    (found,) = seen
    tested = [one.claim.artefact for one in found if not math.isnan(one.p)]
    assert set(tested) == {"table1", "table2"}
    assert len(tested) == sum(len(read_claims(name)) for name in ("table1", "table2"))
    assert all(one.claim.locator.startswith("A, ") for one in found)


def gap_on_table_1(labels, seed):
    return 0.5 + seed * (labels["arm"] == "RR") / 10


def test_the_claims_of_a_page_stand_in_for_the_recorded_ones():
    commit(fake_results(table2.ARTEFACT, gap_of(0.05)))
    own = fake_results(table2.ARTEFACT, gap_of(0.0), seeds=(0,))
    words = {one.claim.id: one.word for one in claims.judge_paper("A", own)}
    assert words["table2-gap"] == "leans towards"
    assert {one.claim.id: one.word for one in claims.judge_paper("A")}["table2-gap"] == "leans towards"
    assert [one.results.seeds for one in claims.judge_paper("A") if one.claim.id == "table2-gap"] == [(0, 1, 2)]


def test_what_is_not_decided_or_not_tested_has_no_correction():
    results = fake_results(table2.ARTEFACT, gap_of(0.05))
    one, survives = lines(results)["table2-gap"]
    assert (one.word, survives) == ("leans towards", "–")
    single = lines(fake_results(table2.ARTEFACT, gap_of(0.0), seeds=(0,)))
    assert {survives for _, survives in single.values()} == {"–"}


def test_an_exact_value_is_shown_with_what_was_counted_and_no_interval():
    results = fake_results(table2.ARTEFACT, paper_like)
    claim = claims.judge(results)[0].claim
    one = claims.judge_claim(results, claim, Exact(-0.36, "360 of 1,000 classes"))
    assert (one.word, one.here) == ("holds", "-36.0 points, exact: 360 of 1,000 classes")
    assert claims.after_holm([one]) == {claim.id: "–"}


def test_a_value_that_rounds_to_zero_has_no_minus():
    assert [claims.signed(value) for value in (-0.0004, 0.0, -0.0006)] == ["+0.0", "+0.0", "-0.1"]


def test_a_line_says_what_the_paper_printed_what_came_out_and_what_was_run():
    (row,) = lines_of("table2", "table2-gap", fake_results(table2.ARTEFACT, paper_like))
    assert row["paper"] == "+3.12 points"
    assert row["here"] == "+3.4 [+3.4, +3.4] points, n = 3"
    assert (row["verdict"], row["after Holm"]) == ("holds", "yes")
    assert row["what was run"].startswith("ResNet-20, width 16; 4 epochs on all training images of CIFAR-10; the dense")
    assert "reaches 90.1 %" in row["what was run"]


def test_a_demo_has_its_word_and_says_that_it_is_no_evidence():
    table = tables.verdicts(fake_results(table2.ARTEFACT, paper_like, preset="demo")).frame
    assert table["verdict"].str.endswith(" (demo: no evidence)").all()
    assert "holds (demo: no evidence)" in set(table["verdict"])
    assert set(table["after Holm"]) == {"–"}
    assert table["what was run"].str.startswith("ResNet-20, width 8; 3 epochs on all training images of digit").all()


@pytest.fixture
def more_claims(tmp_path, monkeypatch):
    """The published tables with a claim of a page that is not there yet."""
    folder = tmp_path / "published"
    shutil.copytree(paths.PUBLISHED, folder)
    table = pd.read_csv(folder / "claims.csv", dtype=str, keep_default_na=False)
    new = table.iloc[-1].to_dict() | {
        "id": "new-claim",
        "artefact": "new",
        "statement": "Pigs fly",
        "locator": "C, end",
    }
    pd.DataFrame([*table.to_dict("records"), new]).to_csv(folder / "claims.csv", index=False)
    monkeypatch.setattr(paths, "PUBLISHED", folder)


def test_a_claim_without_a_page_is_on_the_scoreboard_as_not_run(more_claims):
    row = next(line for line in scoreboard().splitlines() if "Pigs fly" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:2] == ["no page yet", "Pigs fly (C, end)"]
    assert cells[3:] == ["–", "*not run*", "–", "–"]


def test_the_scoreboard_counts_its_words():
    commit(fake_results(table2.ARTEFACT, paper_like))
    found = claims.judge_paper("A")
    text = scoreboard()
    header, _, *counts = (
        [c.strip() for c in line.strip("|").split("|")] for line in text.split("\n\n")[0].splitlines()
    )
    by_paper = {cells[0]: dict(zip(header, cells, strict=True)) for cells in counts}
    assert by_paper["A"] == {"paper": "A", "claims": str(len(found))} | {
        word: str([one.word for one in found].count(word)) for word in VERDICTS
    }
    assert int(by_paper["A"]["holds"]) > 0
    assert by_paper["all"]["holds"] == by_paper["A"]["holds"]
    assert int(by_paper["all"]["claims"]) == len(read_table("claims"))
    tested = len(read_claims("table2"))
    assert f"Of {len(found)} claims {tested} have three seeds or more; Holm's" in text


def test_runs_of_a_demo_are_not_on_the_scoreboard():
    commit(fake_results(table2.ARTEFACT, paper_like, preset="demo"))
    assert all(one.word == "not run" for one in claims.judge_paper("A"))


def test_the_largest_preset_is_the_evidence():
    for preset in ("pocket", "gpu"):
        commit(fake_results(table2.ARTEFACT, paper_like, preset=preset))
    found = [one.results.preset for one in claims.judge_paper("A") if one.results]
    assert set(found) == {"gpu"}
    shown = lines_of("table2", "table2-matches", fake_results(table2.ARTEFACT, paper_like))
    assert shown[0]["claim"].startswith("ResNet-20 on CIFAR-10 has winning tickets")
    assert shown[1]["claim"] == "the same, recorded at preset gpu"
