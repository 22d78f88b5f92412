"""The claims and their history: what every line of `claims.csv` and `claims-retired.csv` has to say."""

import datetime
from math import isnan

import pandas as pd
import pytest

from repro import config
from repro.artefacts import REGISTRY
from repro.artefacts.base import recorded
from repro.published import read_claims, read_table
from repro.stats.verdicts import Exact, claimed_region

CLAIMS, RETIRED = read_table("claims"), read_table("claims-retired")
COLUMNS = "id artefact statement value kind margin unit networks locator written first_record known note"
NOT_BUILT = {  # artefacts of the design that have claims and no runs yet
    *(f"subsets-{name}" for name in ("table2", "table3", "figure1", "figure4", "figure6", "figure7", "figure8")),
    "subsets-appendix-f",
}
MISSED = {"table4-swin-half-matches", "table4-lvvit-matches", "table4-deit-m-matches"}  # by the paper's own numbers


def each(frame=CLAIMS):
    return [pytest.param(claim, id=claim.id) for claim in frame.itertuples()]


def date(text):
    return datetime.date.fromisoformat(text)


def test_ids_are_unique_and_all_columns_are_there():
    assert " ".join(CLAIMS.columns) == COLUMNS
    assert CLAIMS["id"].is_unique
    assert not CLAIMS[["statement", "locator", "written"]].isna().any(axis=None)
    assert CLAIMS["statement"].is_unique


@pytest.mark.parametrize("claim", each())
def test_a_claim_has_a_region_that_its_printed_value_meets_but_where_the_paper_misses_it(claim):
    low, high = claimed_region(claim.kind, claim.margin)
    assert claim.unit in {"points", "hundredths", "percent"}
    assert (claim.unit == "hundredths") >= ("(in hundredths)" in claim.statement)
    if not isnan(claim.value):
        assert (low <= claim.value <= high) == (claim.id not in MISSED)
    if claim.id in MISSED:
        assert "own numbers miss" in claim.note


@pytest.mark.parametrize("claim", each())
def test_a_claim_belongs_to_an_artefact_of_its_paper_and_to_networks_of_its_grid(claim):
    artefact = REGISTRY.get(claim.artefact)
    assert claim.id.startswith(f"{claim.artefact}-")
    if artefact is None:
        assert claim.artefact in NOT_BUILT
        assert claim.locator.startswith("C, ")
        return
    assert artefact.source.startswith(f"paper {claim.locator.partition(', ')[0]}, ")
    if isinstance(claim.networks, str):
        labels = [arm.labels for arm in artefact.grid("paper")]
        column = "model" if "model" in labels[0] else "network"  # the paper's networks, or what ours are
        names = set(claim.networks.split(";"))
        assert names <= {label[column] for label in labels}
        assert column == "network" or all(n in claim.statement for n in names) or "transformers" in claim.statement


def test_what_is_not_built_is_not_registered_and_has_claims():
    assert not NOT_BUILT & set(REGISTRY)
    assert set(CLAIMS["artefact"]) >= NOT_BUILT
    assert all(len(read_claims(artefact)) for artefact in NOT_BUILT)


@pytest.mark.parametrize("claim", each())
def test_the_dates_of_a_claim_are_in_order_and_say_whether_its_result_was_known(claim):
    written = date(claim.written)
    assert written <= datetime.date.today()
    assert claim.known in {"no", "yes", "in part"}
    if not isinstance(claim.first_record, str):
        assert claim.known == "no", "nothing can be known of what was never run"
        return
    assert date(claim.first_record) <= datetime.date.today()
    assert claim.known != "no" or written <= date(claim.first_record)


@pytest.mark.parametrize("claim", each(RETIRED))
def test_a_claim_that_was_retired_says_when_and_why_and_by_what_it_was_replaced(claim):
    claimed_region(claim.kind, claim.margin)
    assert date(claim.written) <= date(claim.retired) <= datetime.date.today()
    assert len(claim.why) > 5
    replaced_by = set(claim.replaced_by.split(";"))
    assert replaced_by <= {*CLAIMS["id"], *RETIRED["id"]}
    assert claim.statement not in set(CLAIMS["statement"]), "a claim that stands is not retired"
    if claim.id in set(CLAIMS["id"]):
        assert replaced_by == {claim.id}


def test_no_retired_statement_stands_twice():
    assert not RETIRED.duplicated(["id", "statement"]).any()


@pytest.mark.parametrize("name", REGISTRY)
def test_what_the_records_judge_has_a_date_of_its_first_record(name):
    """A claim with a value from the committed records was judged by them no later than the earliest of them."""
    artefact = REGISTRY[name]
    for preset in set(config.PRESETS) - {"demo"}:
        if (results := recorded(artefact, preset)) is None:
            continue
        earliest = min(date(record.provenance.date) for record in results.records)
        values = artefact.claim_values(results.frame)
        for claim in read_claims(name).itertuples():
            found = values[claim.id]
            assert isinstance(found, Exact) or (isinstance(found, pd.Series) and not found.isna().any())
            if isinstance(found, Exact) or len(found):
                assert date(claim.first_record) <= earliest, claim.id
