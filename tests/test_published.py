from itertools import combinations

import pytest

from repro import published
from repro.artefacts import REGISTRY
from repro.stats import agreement, exchange


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


def check_values(artefact, expected):
    """The printed values of an artefact's claims, all of them, are those that follow from its table."""
    assert values_of(artefact) == pytest.approx(expected, abs=1e-6)


def values_of(artefact):
    claims = published.read_claims(artefact)
    return claims[claims["value"].notna()].set_index("id")["value"].to_dict()


def test_the_values_of_table_1_follow_from_its_rows():
    lth, rr = (published.read_table("table1")[arm].tolist() for arm in ("lth", "rr"))
    gap = [one - other for one, other in zip(lth, rr, strict=True)]  # rows 1 to 8: dense, 12, then 44, 53, 71 in pairs
    gained = [lth[3] - lth[2], lth[5] - lth[4], lth[7] - lth[6]]
    check_values(
        "table1",
        {
            "table1-no-gap": (gap[1] + gap[2] + gap[4] + gap[6]) / 4,
            "table1-low-matches": lth[0] - lth[1],
            "table1-below": (gap[2] + gap[4] + gap[6]) / 3,
            "table1-rewound-plain": gained[2],
            "table1-rewound-mean": sum(gained) / 3,
            "table1-short": lth[0] - lth[7],
        },
    )


def test_the_values_of_table_2_follow_from_its_rows():
    lth, rr = (published.read_table("table2")[arm].tolist() for arm in ("lth", "rr"))
    gap = [one - other for one, other in zip(lth, rr, strict=True)]  # dense, 83.2, then 91.4, 94.5, 95.6 in pairs
    check_values(
        "table2",
        {
            "table2-matches": lth[0] - lth[1],
            "table2-gap": (gap[1] + gap[2] + gap[4] + gap[6]) / 4,
            "table2-gap-round-8": gap[1],
            "table2-gap-round-11": gap[2],
            "table2-gap-round-13": gap[4],
            "table2-gap-round-14": gap[6],
            "table2-rewound-gap": (gap[3] + gap[5] + gap[7]) / 3,
            "table2-rewinding": lth[7] - lth[6],
            "table2-rewinding-round-11": lth[3] - lth[2],
            "table2-rewinding-round-13": lth[5] - lth[4],
        },
    )


def test_the_values_of_table_4_follow_from_its_columns():
    table = published.read_table("table4")
    gap, lost = table["lt_dense"] - table["rc_dense"], table["pretrain"] - table["lt_dense"]
    names = ["swin", "swin-half", "lvvit", "deit-m"]
    check_values(
        "table4",
        {f"table4-{name}-gap": gap[i] for i, name in enumerate(names)}
        | {f"table4-{name}-matches": lost[i] for i, name in enumerate(names)}
        | {
            "table4-gap": gap[:4].mean(),
            "table4-sparse-gap": (table["lt_sparse"] - table["rc_sparse"])[2:4].mean(),
            "table4-contrast-gap": gap[:4].mean() - gap[4],
            "table4-contrast-short": lost[4] - lost[0],
        },
    )


def test_the_values_of_table_13_follow_from_its_correlations():
    rho = published.read_table("subsets-table13").set_index("subset")["rho_p"]
    random, tickets = rho.filter(like="RS").tolist(), rho.filter(like="LT").tolist()
    distances = [abs(one - other) for one, other in combinations(random, 2)]
    expected = {
        "gap": sum(tickets) / 2 - sum(random) / 5,
        "ahead": exchange.beyond_chance(tickets, random, exchange.lead),
        "spread": tickets[1] - tickets[0] - sum(distances) / 10,
    }
    claims = published.read_claims("subsets-table13")
    assert len(claims) == 7
    for claim in claims.itertuples():
        assert claim.value == pytest.approx(expected[claim.id.rsplit("-", 1)[1]], abs=1e-6)


def test_the_values_of_tables_2_to_4_of_paper_c_follow_from_their_rows():
    rho = {n: published.read_table(f"subsets-table{n}").set_index("subset") for n in (2, 3)}
    two, ranks, three = rho[2]["rho_p"], rho[2]["rho_s"], rho[3]["rho_p"]
    check_values(
        "subsets-table2",
        {
            "subsets-table2-worst": two["PD-Top"] - two[["RS", "PD-Uniform", "PD-Bottom", "ERC"]].min(),
            "subsets-table2-same-rank": ranks["RS"] - ranks["PD-Top"],
            "subsets-table2-bottom-gap": two["PD-Bottom"] - two["RS"],
            "subsets-table2-bottom-rank": ranks["PD-Bottom"] - ranks["RS"],
            "subsets-table2-erc-gap": two["ERC"] - two["RS"],
            "subsets-table2-erc-rank": ranks["ERC"] - ranks["RS"],
            "subsets-table2-similar": (two[["WNH", "WEC", "SEC"]] - two["PD-Uniform"]).abs().max(),
        },
    )
    accuracies = rho[3].drop(columns=["rho_p", "rho_s", "locator"])
    top, middle, bottom = (accuracies.loc[policy] for policy in ("PD-Top", "PD-Mid", "PD-Bottom"))
    both = ["RS", "PD-Top", "PD-Mid", "PD-Uniform", "PD-Bottom"]
    check_values(
        "subsets-table3",
        {
            "subsets-table3-harder": min((top - middle).min(), (middle - bottom).min()),
            "subsets-table3-erc-gap": three[["ERC-100", "ERC-155"]].mean() - three["RS"],
            "subsets-table3-mediocre": three[["NiR", "RS"]].mean() - three.drop(["NiR", "RS"]).mean(),
            "subsets-table3-uniform": three["PD-Uniform"] - two["PD-Uniform"],
            "subsets-table3-aligned": agreement.pearson([*two[both], two["ERC"]], [*three[both], three["ERC-155"]]),
        },
    )


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


def test_every_claim_can_be_tested():
    from repro.artefacts import base
    from tests.artefacts.test_results import fake_results

    for artefact in REGISTRY.values():
        results = fake_results(artefact, lambda labels, seed: 0.5)
        assert isinstance(results, base.Results)
        assert set(artefact.claim_values(results.frame)) == set(published.read_claims(artefact.id)["id"])
