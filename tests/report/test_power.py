"""Which claims the plan puts first, and what it says of each."""

from types import SimpleNamespace

import pytest

from repro.report import power
from repro.report.claims import Judged


def judged(name, values, word="undecided", artefact="table1"):
    claim = SimpleNamespace(id=name, artefact=artefact, kind="above", margin=0.0, unit="points", locator="A, Table 1")
    return Judged(claim, object(), values, word)


@pytest.fixture
def plan(monkeypatch):
    """Makes needs of claims whose artefacts take an hour a seed."""

    def make(*claims):
        monkeypatch.setattr(power, "papers", lambda: ["A"])
        monkeypatch.setattr(power, "judge_paper", lambda _: claims)
        monkeypatch.setattr(power, "seconds_a_seed", lambda _: 3600.0)
        return power.find_needs()

    return make


def test_decided_claims_and_claims_that_were_not_run_need_nothing(plan):
    assert plan(judged("a", (0.1,), "holds"), judged("b", (0.1,), "contradicted"), judged("c", (), "not run")) == []


def test_what_most_decides_an_hour_comes_first(plan):
    found = plan(
        judged("never", (0.01, -0.01, 0.0)),
        judged("dear", (0.01, 0.02, 0.0), artefact="table2"),
        judged("cheap", (0.010, 0.011)),
    )
    assert [one.judged.claim.id for one in found] == ["cheap", "dear", "never"]
    assert [one.seeds for one in found][::2] == [3, None]
    assert found[0].hours == 1.0


def test_one_seed_says_nothing_of_the_spread(plan):
    row = next(power.lines(plan(judged("a", (0.02,)))))
    assert (row["sd"], row["needed"], row["seeds here"]) == ("unknown", "3 or more", "1")


def test_claims_of_one_page_are_decided_together(plan):
    rows = list(power.lines(plan(judged("a", (0.02,)), judged("b", (0.03,)), judged("c", (0.03,), artefact="table2"))))
    assert {row["claim"]: row["decided together"] for row in rows} == {"a": "2", "b": "2", "c": "1"}
