from dataclasses import replace
from itertools import product

import pytest

from repro import config, published
from repro.artefacts import REGISTRY, base, figure3, figure3_turn, find_artefact, find_run, table1, table2, table4
from repro.artefacts.shared import patches
from repro.config import ConfigError


@pytest.mark.parametrize("preset", config.PRESETS)
@pytest.mark.parametrize("artefact", [table1.ARTEFACT, table2.ARTEFACT], ids=lambda a: a.id)
def test_every_preset_asks_the_same_questions_of_weight_tickets(artefact, preset):
    labels = [arm.labels for arm in artefact.grid(preset)]
    first_rate = [x for x in labels if x.get("learning_rate") == labels[0].get("learning_rate")]
    assert len(first_rate) == 2 + 4 * 2 * 2  # dense twice; four sparsities, rewound or not, LTH or RR


@pytest.mark.parametrize("preset", config.PRESETS)
def test_figure_3_asks_the_same_questions_of_every_network(preset):
    arms = figure3.grid(preset)
    names = dict.fromkeys(arm.labels["model"] for arm in arms)
    assert set(names) <= {"DeiT-T", "DeiT-S"}
    for name in names:
        asked = [(a.labels["arm"], a.labels["keep_rate"]) for a in arms if a.labels["model"] == name]
        assert set(product(("LT", "RC"), patches.KEEP_RATES)) | {("dense", 1.0)} <= set(asked)
    assert len(arms) == 9 * len(names) + 8  # and eight controls


def pairs_of_turn(preset):
    """LT and RC by what is varied and step."""
    found = {}
    for arm in figure3_turn.grid(preset)[1:]:
        found.setdefault((arm.labels["varied"], arm.labels["step"]), {})[arm.labels["arm"]] = arm.run
    return {key: {name: run for name, run in pair.items() if name != "dense"} for key, pair in found.items()}


def test_selector_and_students_grow_together():
    arms = [arm for arm in figure3_turn.grid("pocket", together=(8.0, 16.0)) if arm.labels["varied"] == "together"]
    for dense, lt in ((a.run, b.run) for a, b in zip(arms[2::3], arms[::3], strict=True)):
        assert lt.patches.source.selector == dense
        assert lt.training.epochs == dense.training.epochs
    with pytest.raises(ConfigError, match="once"):
        figure3_turn.grid("pocket", together=(8.0, 8.0))


@pytest.mark.parametrize("preset", config.PRESETS)
def test_one_thing_is_varied_at_a_time_around_the_pair_of_figure_3(preset):
    pairs = pairs_of_turn(preset)
    middle = pairs["training", 1]
    assert middle == pairs["selector", 2] == pairs.get(("images", 1), middle)
    of_figure3 = [
        arm.run
        for arm in figure3.grid(preset)
        if arm.labels["model"] == "DeiT-T" and arm.labels["keep_rate"] == 0.8 and arm.labels["arm"] in ("LT", "RC")
    ]
    assert list(middle.values()) == of_figure3
    for (varied, _), pair in pairs.items():
        assert replace(pair["LT"], patches=None) == replace(pair["RC"], patches=None)
        assert pair["LT"].patches.source == pair["RC"].patches.source, "both are tested on the same ids"
        may_differ = {"training": {"training"}, "images": {"data", "training", "patches"}, "selector": {"patches"}}
        may_differ["together"] = {"training", "patches"}
        same = {"model", "start", "data", "training", "patches"} - may_differ[varied]
        assert all(getattr(pair["LT"], name) == getattr(middle["LT"], name) for name in same)


@pytest.mark.parametrize("preset", ["demo", "pocket", "gpu"])
def test_a_quarter_of_the_images_is_trained_on_for_as_many_steps_and_with_the_same_selector(preset):
    pairs = pairs_of_turn(preset)
    few, all_images = pairs["images", 0]["LT"], pairs["images", 1]["LT"]
    whole = {"demo": 880, "pocket": 50_000, "gpu": 50_000}[preset]
    assert 4 * few.data.train_images == whole
    assert few.training.epochs * few.data.train_images == all_images.training.epochs * whole
    assert few.training.warmup_epochs * few.data.train_images == all_images.training.warmup_epochs * whole
    assert few.patches.source.data == few.data
    assert few.patches.source.selector == all_images.patches.source.selector


@pytest.mark.parametrize("preset", config.PRESETS)
def test_table_4_asks_for_the_printed_columns(preset):
    columns = {(a.labels["model"], a.labels["keep_rate"]) for a in table4.grid(preset) if a.labels["arm"] == "LT"}
    printed = published.read_table("table4")
    assert columns == set(zip(printed["model"], printed["keep_rate"], strict=True))


@pytest.mark.parametrize("preset", config.PRESETS)
@pytest.mark.parametrize("artefact", REGISTRY.values(), ids=lambda a: a.id)
def test_no_two_arms_bear_the_same_labels(artefact, preset):
    labels = [tuple(arm.labels.items()) for arm in artefact.grid(preset)]
    assert len(set(labels)) == len(labels)


def test_lt_and_rc_share_selector_start_and_recipe_and_are_tested_on_the_same_tickets():
    for arms in (figure3.grid("pocket"), table4.grid("pocket")):
        pairs = {}
        for arm in arms:
            if arm.labels["arm"] in ("LT", "RC"):
                pairs.setdefault((arm.labels["model"], arm.labels["keep_rate"]), {})[arm.labels["arm"]] = arm.run
        for pair in pairs.values():
            assert pair["LT"].patches.source == pair["RC"].patches.source
            assert replace(pair["LT"], patches=None) == replace(pair["RC"], patches=None)
            assert (pair["LT"].patches.fixed, pair["RC"].patches.fixed) == (True, False)


def test_a_selector_of_the_paper_preset_is_fine_tuned_for_each_keep_rate_with_its_dropping_on():
    arms = [a for a in figure3.grid("paper") if a.labels["arm"] == "LT" and a.labels["model"] == "DeiT-S"]
    for arm in arms:
        selector = arm.run.patches.source.selector
        assert selector.model.keep_rate == arm.labels["keep_rate"]
        assert (selector.training.epochs, selector.training.weight_decay) == (30, 1e-6)
        assert selector.training.learning_rate == pytest.approx(8e-5)
        assert selector.start.source.training.epochs == 300
    assert {a.run.patches.source.selector.start for a in figure3.grid("gpu") if a.labels["arm"] == "LT"} == {None}


def test_the_iso_token_control_spends_the_tokens_of_a_dense_run():
    run = figure3.grid("paper")[-1].run
    assert run.training.epochs == 586  # 300 / 0.8^3
    assert run.patches.choice == "random"


def test_tickets_can_be_selected_online_instead():
    arms = figure3.grid("demo", tickets="online")
    assert {a.run.patches.fixed for a in arms if a.labels["arm"] == "LT"} == {False}
    assert "LT stored" in {a.labels["arm"] for a in arms}


def test_a_run_is_found_by_its_name():
    run = table4.grid("pocket")[-1].run
    assert find_run(config.name(run)) == run
    assert find_run(config.name(run.patches.source.selector)) == run.patches.source.selector


def test_imp_trains_every_round_at_full_size_and_prunes_within_the_round_before():
    arm = next(a for a in table2.grid("gpu") if a.labels["round"] == 14 and a.labels["rewound"])
    sparsities, run = [], arm.run
    while run.ticket:
        sparsities.append(round(run.ticket.sparsity, 3))
        assert run.start.epoch == 2
        run = run.ticket.source
    assert sparsities == [round(1 - 0.8**n, 3) for n in range(14, 0, -1)]
    assert run.ticket is None
    assert run.training.snapshot_epochs == (0, 2)


def test_lth_and_rr_of_a_row_share_their_ticket_and_differ_in_their_start():
    for artefact, index in ((table1, table1.INDEX), (table2, table2.INDEX)):
        rows = {}
        for arm in artefact.grid("pocket"):
            rows.setdefault(tuple(arm.labels[i] for i in index), {})[arm.labels["arm"]] = arm.run
        for (*_, rewound), pair in rows.items():
            assert pair["LTH"].ticket == pair["RR"].ticket
            if pair["LTH"].ticket:
                assert (pair["LTH"].start.epoch > 0) == rewound
                assert pair["RR"].start is None
                assert pair["RR"].draw == 1
                assert pair["LTH"].training == pair["RR"].training


def test_table_1_prunes_once_from_the_dense_run():
    assert {a.run.ticket.source for a in table1.grid("demo") if a.run.ticket} == {table1.grid("demo")[0].run}


def test_options_reach_the_runs():
    arms = table1.grid("demo", counted_over="scope", layout="layerwise", epochs=2)
    assert {(a.run.ticket.counted_over, a.run.ticket.layout) for a in arms if a.run.ticket} == {("scope", "layerwise")}
    assert {a.run.training.epochs for a in arms} == {2}
    rates = [a.labels["learning_rate"] for a in table2.grid("demo", learning_rates=(0.1, 0.01))]
    assert rates.count(0.1) == rates.count(0.01) == 18


def test_wrong_requests_are_refused():
    with pytest.raises(ConfigError, match="table1, table2, weights-turn, figure1"):
        find_artefact("table9")
    with pytest.raises(ConfigError, match="no parameter 'colour'"):
        base.plan(table1.ARTEFACT, "demo", colour="red")
    assert len(base.plan(table1.ARTEFACT, "demo", [3])) == 18
