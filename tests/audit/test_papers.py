"""What the audit finds in the three papers, and that it finds what is put there."""

import shutil
from collections import Counter

import pandas as pd
import pytest

from repro import audit, paths
from repro.audit import paper_a_weights, paper_c_lists, paper_c_news, paper_c_ranks, paper_c_supervised
from repro.audit.limits import limits
from repro.published import read_digits, slips

READ = [row["id"] for row in read_digits("quotes").to_dict("records")]
pytestmark = pytest.mark.slow  # a whole audit takes seconds


@pytest.fixture(scope="module")
def rows():
    return {paper: audit.check_paper(paper) for paper in audit.CHECKS}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A copy of the published numbers to spoil; returns a function that replaces a text in one table."""
    folder = tmp_path / "published"
    shutil.copytree(paths.PUBLISHED, folder)
    monkeypatch.setattr(paths, "PUBLISHED", folder)

    def replace(table, old, new):
        file = folder / f"{table}.csv"
        text = file.read_text()
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))

    return replace


def found(rows, about, paper="C"):
    return next(row for row in rows[paper] if row.about.startswith(about))


def test_every_row_can_be_checked_by_hand(rows):
    for paper, checks in rows.items():
        assert checks
        for row in checks:
            assert row.where.startswith(f"{paper}, ")
            assert row.verdict in audit.VERDICTS
            assert all((row.about, row.printed, row.formula))
            assert row.recomputed or row.verdict == "cannot be recomputed"
            assert row.note or row.verdict != "cannot be recomputed", "it must say why"


def test_every_table_that_is_read_is_covered_by_the_checksum_of_a_record(monkeypatch):
    read, read_csv = set(), pd.read_csv
    monkeypatch.setattr(pd, "read_csv", lambda file, **more: read.add(file.stem) or read_csv(file, **more))
    for paper in audit.CHECKS:
        audit.check_paper(paper)
    limits()
    assert read == set(audit.TABLES)


def test_the_audit_is_no_list_of_faults(rows):
    counts = Counter(row.verdict for checks in rows.values() for row in checks)
    assert counts["agrees"] > sum(counts.values()) / 2
    assert sum(audit.count_verdicts(rows["A"]).values()) == len(rows["A"])


def test_every_quote_is_used(rows):
    quoted = {row.about for checks in rows.values() for row in checks}
    inputs = {"a-criterion", "c-pool-1", "c-threshold", "c-news-classes", "c-news-train-class", "c-news-test-class"}
    quotes = read_digits("quotes").set_index("id")["statement"]
    assert {name for name in READ if quotes[name] not in quoted} == inputs
    assert len(set(READ)) == len(READ)


def test_exactly_the_known_slips_of_tables_1_and_2_differ():
    differ = [row.where for row in paper_a_weights.differences() if row.verdict != "agrees"]
    assert differ == ["A, Table 1, row 6", "A, Table 2, row 8"]
    known = [
        (table, slips(pd.read_csv(paths.PUBLISHED / f"{table}.csv"))["locator"].item())
        for table in ("table1", "table2")
    ]
    assert known == [("table1", "row 6"), ("table2", "row 8")]


def test_a_mended_number_agrees_and_a_spoiled_one_differs(published):
    published("table1", "0.786,0.768", "0.766,0.768")
    published("table1", "0.772,0.773", "0.771,0.773")
    verdicts = {row.where: (row.verdict, row.note) for row in paper_a_weights.differences()}
    assert verdicts["A, Table 1, row 6"] == ("agrees", "")
    assert verdicts["A, Table 1, row 3"][0] == "agrees within rounding"  # -0.2 printed as -0.1: 77.14 - 77.26 = -0.12


def test_whole_patches_cannot_make_27_1_percent(rows):
    """53 of 196 are 27.04 %, 54 are 27.55 %; 28 of 196 are 14.29 %, which rounds to 14.3."""
    checks = {row.printed: row for row in rows["A"] if row.about.startswith("patch sparsity as a share")}
    assert {printed: row.verdict for printed, row in checks.items()} == {
        "27.1": "impossible",
        "48.8": "impossible",
        "38.6": "impossible",
        "14.3": "agrees",
    }
    assert checks["27.1"].recomputed == "27.04 or 27.55"
    assert "144 of 196" in checks["27.1"].note
    assert all(row.harmless for row in checks.values() if row.verdict == "impossible")


def test_table_4_by_the_papers_criterion(rows):
    """Losses printed: Swin 0.25 and 0.57, LV-ViT 0.8 and 0.9 on tickets, DeiT-M 2.1 and 2.2, ResNet-50 0.87."""
    checks = [row for row in rows["A"] if "Table 4, column" in row.where and "tested on" in row.formula]
    assert [row.recomputed for row in checks] == ["0.25", "0.57", "0.8", "0.9", "2.1", "2.2", "0.87"]
    assert [row.verdict for row in checks] == ["agrees", *["differs"] * 5, "agrees"]


def test_only_pd_uniform_needs_a_tie(rows):
    checks = [row for row in rows["C"] if row.about.startswith("ρ_s of") and "different values" in row.about]
    assert len(checks) == 9 + 8
    assert [row.where for row in checks if row.verdict == "impossible"] == ["C, Table 2, row 4"]
    assert found(rows, "ρ_s of PD-Uniform, if exactly two").verdict == "agrees"


def test_without_the_odd_digit_it_needs_none(published):
    published("subsets-table2", "0.847", "0.857")
    assert {row.verdict for row in paper_c_ranks.rank_correlations()} == {"agrees"}


def test_two_subsets_of_one_order_must_have_one_rank_correlation(rows):
    verdicts = {row.about: row.verdict for row in paper_c_supervised.equal_orders()}
    assert verdicts == {
        "ρ_s of PD-Top and of ERC-155": "agrees",
        "ρ_s of PD-Uniform and of ERC-100": "impossible",
    }


def test_no_full_row_gives_table_3(rows):
    """At most five of eight ρ_s; the ERC-100 row's own order is the one that does."""
    order = found(rows, "all ρ_s")
    assert order.verdict == "impossible"
    assert order.recomputed == "at most 5 of 8 agree; one order does"
    assert "RegNetY-3.2GF > DenseNet-121 > ResNeXt-50 > ResNet-50 > ConvNeXt-S > MobileNetV3-L" in order.note
    assert [row.verdict for row in paper_c_supervised.one_row()] == ["impossible", "impossible"]
    assert paper_c_supervised.fit_row().bound == pytest.approx(0.018, abs=1e-3)
    assert "PD-Mid" in found(rows, "all ρ_p but").about


def test_a_table_3_that_has_a_full_row_is_not_called_impossible(published):
    """Each printed coefficient replaced by what the PD-Uniform row would give as the full one."""
    import numpy as np
    from scipy import stats

    table, full = paper_c_supervised.accuracies(), paper_c_supervised.accuracies()[5]
    original = read_digits("subsets-table3")
    linear = [f"{stats.pearsonr(line, full).statistic:.3f}" for line in table]
    ranked = [f"{stats.spearmanr(line, full).statistic:.3f}" for line in table]
    original.assign(rho_p=linear, rho_s=ranked).to_csv(paths.PUBLISHED / "subsets-table3.csv", index=False)
    assert np.allclose(paper_c_supervised.fit_row().correlations, np.array(linear, float), atol=2e-3)
    assert [row.verdict for row in paper_c_supervised.one_order()] == ["agrees"]
    assert next(paper_c_supervised.one_row()).verdict == "agrees within rounding"


def test_the_accuracies_in_place_of_the_full_row_are_torchvisions():
    from torchvision import models

    builders = ("resnet50", "resnext50_32x4d", "regnet_y_3_2gf", "densenet121", "mobilenet_v3_large", "convnext_small")
    table = read_digits("subsets-table3-torchvision").set_index("weights")[paper_c_supervised.networks()]
    for version, row in table.iterrows():
        for builder, text in zip(builders, row, strict=True):
            weights = models.get_model_weights(builder)
            chosen = weights[
                f"IMAGENET1K_{version}" if f"IMAGENET1K_{version}" in weights.__members__ else "IMAGENET1K_V1"
            ]
            assert float(text) == pytest.approx(chosen.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100)


def test_table_13_comes_out_to_the_digit(rows):
    checks = list(paper_c_news.correlations())
    assert len(checks) == 7
    assert {row.verdict for row in checks} == {"agrees"}
    assert checks[0].recomputed == "0.7643"


def test_a_wrong_digit_of_table_13_is_forgiven_where_rounding_explains_it_and_no_further(published):
    published("subsets-table13", "0.863,0.871,0.437", "0.863,0.871,0.537")  # RS-1: at most .597
    published("subsets-table13", "0.859,0.868,0.589", "0.859,0.868,0.789")  # RS-2: at most .727
    verdicts = {row.about: row.verdict for row in paper_c_news.correlations()}
    assert verdicts["ρ_p of RS-1"] == "agrees within rounding"
    assert verdicts["ρ_p of RS-2"] == "differs"


def test_rounding_lets_a_random_subset_beat_both_tickets(rows):
    row = found(rows, "Both tickets have a higher")
    assert row.verdict == "agrees"
    assert "RS-0 can reach 0.99" in row.note


def test_the_printed_lists_are_100_and_155_distinct_known_ids_in_order():
    from timm.data import ImageNetInfo

    known = set(ImageNetInfo("imagenet-1k").label_names())
    lists = paper_c_lists.tickets()
    assert {name: len(ids) for name, ids in lists.items()} == {"PD-Bottom": 100, "ERC": 155}
    for ids in lists.values():
        assert len(set(ids)) == len(ids)
        assert ids == sorted(ids)
        assert set(ids) <= known
    assert known == paper_c_lists.known_classes()
    assert {row.verdict for row in paper_c_lists.printed_lists()} == {"agrees"}


def test_a_damaged_list_is_noticed(published):
    published("subsets-tickets", "PD-Bottom,n01693334", "PD-Bottom,n01667778")  # a repeat, known, out of order
    published("subsets-tickets", "ERC,n13052670", "ERC,n13052671")
    wrong = {row.about: row.recomputed for row in paper_c_lists.printed_lists() if row.verdict == "differs"}
    assert wrong == {
        "PD-Bottom: distinct ids": "99 of 100",
        "PD-Bottom: ids in ascending order": "99 of 100",
        "ERC: ids of ImageNet-1K": "154 of 155",
    }


def test_timms_class_list_must_be_there(monkeypatch):
    paper_c_lists.known_classes.cache_clear()
    monkeypatch.setattr(paper_c_lists, "find_spec", lambda name: None)
    with pytest.raises(paper_c_lists.ClassListMissing, match="make setup"):
        paper_c_lists.known_classes()


def test_words_that_a_table_contradicts(rows):
    differ = {row.about for row in rows["C"] if row.verdict == "differs"}
    assert {
        "MoCo v1 and v2 differ in data augmentation alone",
        "The hypothesis was verified on images only",
        "Times that a ticket saves",
        "PD-Top has the lowest ρ_p",
    } <= differ
    moco = found(rows, "MoCo v1 and v2")
    assert moco.recomputed == "they differ in moco-t 0.07 / 0.2, mlp_head false / true, aug_plus false / true"


def test_four_configurations_show_nothing():
    news = limits()[-1]
    assert (news["n"], news["rho_p_reaching"], news["rho_p"], news["critical_rho_s"]) == (4, 0, 7, None)
    assert [row["rho_s_reaching"] for row in limits()] == [9, 7, 0]


def test_no_torch_is_needed():
    import subprocess
    import sys

    code = "import sys; from repro.audit import check_paper as c; c('A'); c('B'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
