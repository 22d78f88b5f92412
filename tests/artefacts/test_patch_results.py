"""The pages of patch tickets from made-up records, so that every number can be checked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from repro import config, paths
from repro.artefacts import figure1, figure2, figure3, figure3_turn, table4
from repro.artefacts.shared import patches
from repro.artefacts.shared.flops import TRAINING, count_patches, selector_macs, vit_macs
from repro.artefacts.shared.price import ticket_price
from repro.config import SelectRun, ShowRun
from repro.procedures.show import as_png
from repro.report import patch_figures, patch_tables, tables
from repro.report.patch_figures import fade
from repro.runs import store
from repro.runs.record import write
from tests.artefacts.test_results import fake_record, fake_results

KEPT = {0.9: 48, 0.85: 40, 0.8: 34, 0.75: 27}  # of 64


def paper_like(labels, seed):
    """All patches .9; on whole images LT .8 and RC .7 (sparse .6 and .4); seeds .01 apart."""
    return {"dense": 0.9, "LT": 0.8, "RC": 0.7}.get(labels["arm"], 0.5) + seed / 100


def commit(records):
    file = paths.recorded("figure3", "pocket")
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(write(r) + "\n" for r in records))


def rated(record, seconds, images_per_second):
    return replace(record, timing={"seconds": seconds, "images_per_second": images_per_second})


def test_claims_of_figure_3_are_tested_on_the_values_they_name():
    """On whole images .9, .8 and .7, seeds .01 apart; on tickets LT .6 and RC .4, on random patches both .3."""
    values = figure3.claim_values(fake_results(figure3.ARTEFACT, paper_like, preset="demo").frame)
    expected = {
        "figure3-small-matches": 0.3,  # dense .9 - LT sparse .6
        "figure3-small-near": 0.3,
        "figure3-tiny-near": 0.3,
        "figure3-sparse-gap": 0.2,
        "figure3-own-gap": 0.3,  # LT sparse .6 - RC on random patches .3
        "figure3-sparse-trend": 0.0,
        "figure3-dense-trend": 0.0,
        "figure3-above": -0.1,  # LT sparse .6 - RC dense .7
        "figure3-advantage": -0.2,  # LT sparse .6 - LT dense .8
    } | {f"figure3-dense-gap-{rate}": 0.1 for rate in (90, 85, 80, 75)}
    moves = dict.fromkeys(("figure3-small-matches", "figure3-small-near", "figure3-tiny-near"), 1)
    moves |= {"figure3-above": -1, "figure3-advantage": -1}
    assert set(values) == set(expected)
    for name, value in expected.items():
        by_seed = [value + moves.get(name, 0) * seed / 100 for seed in range(3)]
        assert values[name].tolist() == pytest.approx(by_seed, abs=1e-9), name


def test_a_gap_that_changes_its_sign_is_a_claim_at_each_keep_rate_and_a_trend():
    """On whole images LT is .03 ahead of RC at a keep rate of .9 and loses .02 a step, so .03 behind at .75."""
    ahead = {0.9: 0.03, 0.85: 0.01, 0.8: -0.01, 0.75: -0.03}

    def accuracy(labels, seed):
        return 0.7 + (ahead[labels["keep_rate"]] + seed / 1000 if labels["arm"] == "LT" else 0)

    values = figure3.claim_values(fake_results(figure3.ARTEFACT, accuracy).frame)
    for rate, gap in ahead.items():
        assert values[f"figure3-dense-gap-{100 * rate:.0f}"].tolist() == pytest.approx([gap, gap + 0.001, gap + 0.002])
    assert values["figure3-dense-trend"].tolist() == pytest.approx([-0.06] * 3)


def test_claims_of_table_4_are_tested_on_their_columns_and_on_the_contrast_with_the_resnet():
    """Dense .9; LT loses a hundredth by its place in the table, RC two; ResNet's LT loses five and its RC none."""
    places = {("Swin-T", 0.9): 1, ("Swin-T", 0.8): 2, ("LV-ViT-S", 0.85): 3, ("DeiT-M", 0.95): 4}

    def accuracy(labels, seed):
        place = places.get((labels["model"], labels["keep_rate"]), 0)
        lost = {"LT": place or 5, "RC": 2 * place}.get(labels["arm"], 0)
        return 0.9 - lost / 100 + seed / 1000

    values = table4.claim_values(fake_results(table4.ARTEFACT, accuracy).frame)
    columns = enumerate(("swin", "swin-half", "lvvit", "deit-m"), start=1)
    expected = {
        "table4-gap": 0.025,
        "table4-sparse-gap": 0.2,  # LT .6, RC .4
        "table4-contrast-gap": 0.025 + 0.05,
        "table4-contrast-short": 0.05 - 0.01,
    }
    expected |= {f"table4-{name}-{what}": place / 100 for place, name in columns for what in ("matches", "gap")}
    assert set(values) == set(expected)
    for name, value in expected.items():
        assert values[name].tolist() == pytest.approx([value] * 3), name


def test_a_reason_is_judged_by_what_tickets_gain_from_its_first_condition_to_its_last():
    """Longer training brings LT a point a step, more images take one, the selector does nothing; seeds .1 apart."""
    gain = {"training": 0.01, "images": -0.01, "selector": 0.0}

    def accuracy(labels, seed):
        if labels["arm"] != "LT":
            return 0.5
        return 0.48 + gain[labels["varied"]] * labels["step"] + seed / 1000 * (labels["step"] > 0)

    results = fake_results(figure3_turn.ARTEFACT, accuracy)
    table = patch_tables.judge_reasons(results).frame
    assert table["change of LT − RC"].str.split(" ").str[0].tolist() == ["+2.1", "-0.9", "+0.1"]
    assert table["verdict"].tolist() == ["holds", "contradicted", "undecided"]
    assert table[["from", "to"]].to_numpy().tolist()[:2] == [
        ["2 epochs", "8 epochs"],
        ["a quarter of the images", "all images"],
    ]
    rows = patch_tables.compare_conditions(results).frame
    assert rows["condition"].tolist()[:3] == ["2 epochs", "4 epochs", "8 epochs"]
    assert rows["dense: LT / RC"][0] == "48.0 / 50.0"
    assert rows["LT − RC\u00a0"][0] == "-2.0 [-2.0, -2.0]"
    assert rows["sparse: LT / RC"].eq("60.0 / 40.0").all()
    panels = patch_figures.plot_conditions(results).axes
    assert [axis.get_title() for axis in panels] == ["training (n = 3)", "images (n = 3)", "selector (n = 3)"]


def test_a_claim_about_a_network_that_is_not_there_was_not_run():
    results = fake_results(figure3.ARTEFACT, paper_like)  # pocket has no DeiT-S
    row = tables.verdicts(results).frame.iloc[0]
    assert (row["here"], row["verdict"], row["what was run"]) == ("–", "not run", "–")


def test_figure_3_shows_nominal_and_real_sparsity_and_gaps_with_their_interval():
    table = patch_tables.compare_lines(fake_results(figure3.ARTEFACT, paper_like, preset="demo")).frame
    row = table[
        (table["network"] == "in place of DeiT-S: ViT, width 96, 3 blocks") & (table["keep rate"] == "0.9")
    ].iloc[0]
    assert row["dropped: nominal / real"] == "27.1 / 27.1"
    assert (row["sparse: LT / RC"], row["dense: LT / RC"]) == ("60.0 / 40.0", "81.0 / 71.0")
    assert (row["LT − RC"], row["LT − RC\u00a0"]) == ("+20.0 [+20.0, +20.0]", "+10.0 [+10.0, +10.0]")
    assert row["n"] == "3"


def test_figure_3_draws_four_lines_in_a_panel_for_each_network():
    figure = patch_figures.plot_lines(fake_results(figure3.ARTEFACT, paper_like, preset="demo"))
    assert [axis.get_title() for axis in figure.axes] == [
        "in place of DeiT-T:\nViT, width 64, 3 blocks (n = 3)",
        "in place of DeiT-S:\nViT, width 96, 3 blocks (n = 3)",
    ]
    dots = [line for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in dots] == [12] * 4  # four keep rates of three seeds


def test_where_it_turns_is_read_from_the_runs():
    def accuracy(labels, seed):
        rc_gains = labels["arm"] == "RC" and labels["keep_rate"] < 0.9
        return paper_like(labels, seed) + (0.2 if rc_gains else 0)

    said = str(patch_tables.describe_turn(fake_results(figure3.ARTEFACT, accuracy)))
    assert said == (
        "In place of DeiT-T: ViT, width 96, 4 blocks. "
        "LT is ahead of RC at 0.9, 0.85, 0.8, 0.75 when tested on tickets, at 0.9 on whole images."
    )


def test_table_4_puts_the_printed_column_beside_ours():
    results = fake_results(table4.ARTEFACT, paper_like)
    table = patch_tables.compare_columns(results).frame.set_index(["network", "keep rate"])
    row = table.loc[("in place of LV-ViT-S: LV-ViT, width 64, 6 blocks", "0.85")]
    assert row["LT dense"] == "82.5 / 81.0"
    assert (row["LT − RC, paper"], row["LT − RC, here"]) == ("+0.4", "+10.0 [+10.0, +10.0]")
    assert table.loc[("in place of Swin-T: Swin, width 48, 6 blocks", "0.9")]["LT sparse"] == "– / 60.0"
    assert len(patch_figures.plot_columns(results).axes[0].get_xticks()) == 5


def selections(arms, seed=0, sparse=0.55):
    runs = {arm.run.patches.source for arm in arms if getattr(arm.run, "patches", None)}
    return [rated(fake_record(r, seed, 0.0, accuracy_sparse=sparse), 2.0, 1000.0) for r in runs]


def test_controls_stand_beside_lt_rc_and_the_selector_itself():
    results = fake_results(figure3.ARTEFACT, paper_like, seeds=(0,))
    commit([*results.records, *selections(results.arms)])
    table = patch_tables.compare_controls(results).frame.set_index("trained on")
    assert table.loc["all patches: the selector itself", "its selector's patches"] == "55.0"
    assert table.loc["all patches: the selector itself", "whole images"] == "90.0"
    assert table.loc["LT", "sparse − LT"] == ""
    assert table.loc["RC", "sparse − LT"] == "-20.0"
    assert {"centre", "LT, untrained selector", "LT online"} <= set(table.index)


def test_the_selector_of_table_4_is_not_the_network_of_its_row():
    results = fake_results(table4.ARTEFACT, paper_like, seeds=(0,))
    selector = fake_record(table4.SIZES["pocket"].selector, 0, 0.77)
    commit([*results.records, selector, *selections(results.arms)])
    assert patch_tables.compare_controls(results).frame["whole images"][0] == "77.0"


def test_keep_rates_of_ones_own_leave_the_controls_where_they_are():
    results = fake_results(figure3.ARTEFACT, paper_like, seeds=(0,), keep_rates=(0.7, 0.5))
    commit([*(rated(r, 50.0, 100.0) for r in results.records), *selections(results.arms)])
    table = patch_tables.compare_controls(results).frame.set_index("trained on")
    assert "LT" not in table.index
    assert table.loc["centre", "sparse − LT"] == ""
    assert patch_tables.compare_lines(results).frame["keep rate"].tolist() == ["0.7", "0.5"]
    assert patch_tables.describe_price(results).frame["keep rate"].tolist() == ["0.7", "0.5"]
    values = figure3.claim_values(results.frame)
    for name in ("advantage", "dense-gap-90", "dense-trend", "sparse-trend", "tiny-near"):
        assert values[f"figure3-{name}"].empty, name


def test_figure_1_shows_the_keep_rates_it_has():
    patch_figures.plot_paths(show_results(figure1.ARTEFACT, {0: [0], 1: [0]}, keep_rates=(0.5,)))


def test_the_price_counts_pretraining_selection_and_student():
    """Dense 100 s at 50 images/s; a student half as long at twice the speed; a selection of 2 s at 1000 images/s."""
    results = fake_results(figure3.ARTEFACT, paper_like, seeds=(0,))
    speed = {True: (100.0, 50.0), False: (50.0, 100.0)}
    records = [rated(r, *speed[r.name == config.name(results.arms[0].run)]) for r in results.records]
    commit([*records, *selections(results.arms)])
    row = ticket_price(results).set_index("keep_rate").loc[0.8]
    model = results.arms[0].run.model
    assert row["step_seconds"] == 0.5
    assert row["whole_seconds"] == pytest.approx((100 + 2 + 50) / 100)
    student = vit_macs(model, KEPT[0.8])
    assert row["step_flops"] == pytest.approx(student / vit_macs(model))
    spent = TRAINING * 5000 * (vit_macs(model) + student) + 2000 * selector_macs(model, 0.8)
    assert row["whole_flops"] == pytest.approx(spent / (TRAINING * 5000 * vit_macs(model)))
    assert "1.52" in patch_tables.describe_price(results).frame["the same, measured"].tolist()
    assert count_patches(model) == 64


def test_tickets_selected_online_have_no_price():
    results = fake_results(figure3.ARTEFACT, paper_like, seeds=(0,), tickets="online")
    assert "No student here" in str(patch_tables.describe_price(results))


def test_a_price_without_its_records_names_the_mend():
    with pytest.raises(store.RunMissing, match="repro run"):
        ticket_price(fake_results(figure3.ARTEFACT, paper_like, seeds=(0,)))


def examples(patches, ids):
    import torch

    return [
        {
            "png": as_png(torch.full((3, 32, 32), 90.0)),
            "label": "cat",
            "stages": [list(range(patches))[: len(ids) + 2], [*ids, patches - 1], ids],
            "random": ids,
            "patch_labels": ["cat"] * patches,
            "patch_shares": [0.5] * patches,
        }
        for _ in range(6)
    ]


def show_results(artefact, ids_of_seed, seeds=(0, 1), **options):
    results = fake_results(artefact, lambda labels, seed: 0.5, seeds=seeds, **options)
    records = []
    for record in results.records:
        details = {
            "patches": 16,
            "mean_colour": [1.0, 2.0, 3.0],
            "examples": examples(16, ids_of_seed[record.seed]),
        }
        records.append(replace(record, details=details, metrics={"patch_sparsity": 0.75}))
    return replace(results, records=records)


def test_agreement_is_the_share_of_a_ticket_that_two_seeds_have_in_common():
    results = show_results(figure1.ARTEFACT, {0: [0, 1, 2, 3], 1: [1, 2, 3, 8]})
    found = figure1.agreement(results)
    assert found["shared"].tolist() == [0.75] * 4
    assert found["chance"].tolist() == [0.25] * 4
    row = patch_tables.list_agreement(results).frame.iloc[0]
    assert row["network"] == "in place of DeiT-T: ViT, width 96, 4 blocks"
    assert "75.0" in row["shared, %"]
    alone = show_results(figure1.ARTEFACT, {0: [0, 1, 2, 3]}, seeds=(0,))
    assert patch_tables.list_agreement(alone) is None, "a page has no empty section"


def test_the_figure_shows_every_path_of_every_image():
    figure = patch_figures.plot_paths(show_results(figure1.ARTEFACT, {0: [0, 1, 2, 3], 1: [0]}))
    assert [axis.get_title() for axis in figure.axes[:5]] == [
        "cat: 16",
        "stage 1: 6",
        "stage 2: 5",
        "ticket: 4",
        "random: 4",
    ]


def test_a_dropped_patch_fades_and_a_kept_one_stays():
    image = np.full((8, 8, 3), 200, np.uint8)
    seen = fade(image, [3], 4)
    assert (seen[4:, 4:] == 200).all()
    assert (seen[:4, :4] != 200).all()


def test_menus_in_jupyter_and_a_sentence_on_a_page(monkeypatch):
    results = show_results(figure1.ARTEFACT, {0: [0, 1, 2, 3], 1: [0]})
    monkeypatch.setenv("PAPERMILL", "1")
    assert "menus" in str(patch_figures.explore_paths(results))
    monkeypatch.delenv("PAPERMILL")
    widget = patch_figures.explore_paths(results)
    assert [child.description for child in widget.children[:3]] == ["image", "keep_rate", "network"]


def test_figure_2_paints_with_the_function_that_trains():
    seen = patches.paint(np.full((8, 8, 3), 200, np.uint8), [3], 4, "black", [9.0, 9.0, 9.0])
    assert (seen[4:, 4:] == 200).all()
    assert seen.sum() == 200 * 4 * 4 * 3
    assert (patches.paint(np.full((8, 8, 3), 200, np.uint8), [3], 4, "mean", [9.0, 8.0, 7.0])[0, 0] == [9, 8, 7]).all()
    figure = patch_figures.plot_adjustments(show_results(figure2.ARTEFACT, {0: [0, 1, 2, 3], 1: [0]}))
    assert [axis.get_title() for axis in figure.axes][2] == "LV-ViT: labels of 4 patches"


def test_settings_of_a_figure_that_only_shows_are_those_of_its_selector():
    rows = {tuple(r[:2]): r[2] for r in tables.settings(show_results(figure1.ARTEFACT, {0: [0], 1: [0]})).frame.values}
    assert rows["model", "width"] == "96"
    assert isinstance(figure1.grid("pocket")[0].run, ShowRun)
    assert not isinstance(figure1.grid("pocket")[0].run, SelectRun)
