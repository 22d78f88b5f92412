from itertools import combinations
from math import isnan

import pytest

from repro import published
from repro.artefacts import REGISTRY
from repro.stats import agreement
from repro.stats.verdicts import claimed_region


@pytest.mark.parametrize(("artefact", "rows"), [("table1", ["row 6"]), ("table2", ["row 8"])])
def test_exactly_the_known_slips_are_found(artefact, rows):
    assert published.slips(published.read_table(artefact))["locator"].tolist() == rows


def test_the_recomputed_difference_of_table_2_is_5_6_points():
    assert published.slips(published.read_table("table2"))["recomputed"].item() == pytest.approx(0.056)


@pytest.mark.parametrize("artefact", ["table1", "table2"])
def test_tables_are_shares_with_a_locator_each(artefact):
    table = published.read_table(artefact)
    assert len(table) == 8
    assert table[["lth", "rr"]].stack().between(0.7, 0.95).all()
    assert table["locator"].is_unique


@pytest.mark.parametrize("artefact", ["table1", "table2"])
def test_the_value_of_each_claim_follows_from_the_published_table(artefact):
    table = published.read_table(artefact)
    dense = table["lth"].iloc[0]
    plain, rewound = table[~table["rewound"]].iloc[1:], table[table["rewound"]]
    gap = (plain["lth"] - plain["rr"]).mean()
    expected = {
        "table1-no-gap": gap,
        "table1-rewinding": (rewound["lth"] - rewound["rr"]).iloc[-1],
        "table1-short": dense - rewound["lth"].iloc[-1],
        "table2-matches": dense - plain["lth"].iloc[0],
        "table2-gap": gap,
        "table2-rewinding": rewound["lth"].iloc[-1] - plain["lth"].iloc[-1],
    }
    claims = published.read_claims(artefact)
    assert len(claims) == 3
    for claim in claims.itertuples():
        assert claim.value == pytest.approx(expected[claim.id], abs=1e-6)
        low, high = claimed_region(claim.kind, claim.margin)
        assert low <= claim.value <= high, "the paper's own numbers must meet the claim"


def test_the_claims_of_table_4_follow_from_its_columns():
    table = published.read_table("table4")
    gap, lost = table["lt_dense"] - table["rc_dense"], table["pretrain"] - table["lt_dense"]
    expected = {
        "table4-swin-matches": lost[0],
        "table4-gap": gap[:4].mean(),
        "table4-resnet-no-gap": gap[4],
        "table4-resnet-short": lost[4],
    }
    claims = published.read_claims("table4").set_index("id")["value"].to_dict()
    assert claims == pytest.approx(expected, abs=1e-4)


def test_the_claims_of_table_13_follow_from_its_correlations():
    rho = published.read_table("subsets-table13").set_index("subset")["rho_p"]
    random, tickets = rho.filter(like="RS").tolist(), rho.filter(like="LT").tolist()
    distances = [abs(one - other) for one, other in combinations(random, 2)]
    expected = {
        "gap": sum(tickets) / 2 - sum(random) / 5,
        "best": min(tickets) - max(random),
        "spread": tickets[1] - tickets[0] - sum(distances) / 10,
    }
    claims = published.read_claims("subsets-table13")
    assert len(claims) == 7
    for claim in claims.itertuples():
        assert claim.value == pytest.approx(expected[claim.id.rsplit("-", 1)[1]], abs=1e-6)


def test_every_printed_correlation_of_table_13_follows_from_its_accuracies():
    table = published.read_table("subsets-table13")
    full, *rows = table[["C1", "C2", "C3", "C4"]].to_numpy().tolist()
    found = [agreement.pearson(full, row) for row in rows]
    assert found == pytest.approx(table["rho_p"].tolist()[1:], abs=5e-4)


def test_table_4_as_printed_meets_the_papers_criterion_in_one_column_only():
    from repro.report.patch_tables import check_criterion

    assert check_criterion().frame["within 0.5 points"].tolist() == ["yes", "no", "no", "no", "no"]


@pytest.mark.parametrize(("name", "size"), [("subsets-table2", 9), ("subsets-table3", 8), ("subsets-table13", 8)])
def test_tables_of_paper_c_are_shares_and_coefficients_with_a_locator_each(name, size):
    table = published.read_table(name)
    assert len(table) == size
    assert table["locator"].is_unique
    assert table["locator"].str.startswith("Table ").all()
    numbers = table.drop(columns=["subset", "locator"]).stack().dropna()
    assert numbers.between(0.2, 1).all()


def test_digits_stay_as_they_are_printed():
    assert published.read_digits("subsets-table3")["rho_s"].tolist()[6] == "1.000"
    assert published.read_digits("subsets-table13")["rho_p"].tolist()[0] == ""


def test_the_patch_sparsities_of_table_4_are_the_nominal_ones():
    table = published.read_table("table4")
    assert (1 - table["keep_rate"] ** 3).round(3).tolist() == table["patch_sparsity"].tolist()


def test_quotes_name_paper_and_place():
    quotes = published.read_digits("quotes")
    assert quotes["id"].is_unique
    assert (quotes["locator"].str[0].str.lower() == quotes["id"].str[0]).all()
    assert quotes["statement"].str.len().min() > 5


def test_no_number_of_paper_b_is_cited_to_a_section_of_its_summary_that_prints_none():
    """The key findings of the summary are in words; its numbers stand in these two sections."""
    quotes = published.read_digits("quotes")
    numbers = quotes[quotes["id"].str.startswith("b-") & (quotes["printed"] != "")]
    places = {*numbers["locator"], *published.read_table("lotus")["locator"]}
    assert places == {"B, summary, main contribution", "B, summary, failure modes"}


def test_settings_of_paper_c_are_one_cell_each():
    settings = published.read_digits("subsets-settings")
    assert not settings.duplicated(["locator", "setting", "column"]).any()
    assert set(settings["locator"]) == {f"Table {n}" for n in range(5, 13)}
    assert (settings["value"] != "").all()


@pytest.mark.parametrize("artefact", REGISTRY)
def test_every_claim_has_a_region_a_locator_and_a_value_that_meets_it_where_one_is_printed(artefact):
    for claim in published.read_claims(artefact).itertuples():
        low, high = claimed_region(claim.kind, claim.margin)
        assert isnan(claim.value) or low <= claim.value <= high
        assert REGISTRY[artefact].source.startswith(f"paper {claim.locator.partition(', ')[0]}, ")


def test_every_claim_can_be_tested():
    from repro.artefacts import base
    from tests.artefacts.test_results import fake_results

    for artefact in REGISTRY.values():
        results = fake_results(artefact, lambda labels, seed: 0.5)
        assert isinstance(results, base.Results)
        assert set(artefact.claim_values(results.frame)) == set(published.read_claims(artefact.id)["id"])
