import pytest

from repro import config
from repro.artefacts import REGISTRY, base, find_artefact, table1, table2
from repro.config import ConfigError


@pytest.mark.parametrize("preset", config.PRESETS)
@pytest.mark.parametrize("artefact", REGISTRY.values(), ids=lambda a: a.id)
def test_every_preset_asks_the_same_questions(artefact, preset):
    labels = [arm.labels for arm in artefact.grid(preset)]
    first_rate = [x for x in labels if x.get("learning_rate") == labels[0].get("learning_rate")]
    assert len(first_rate) == 2 + 4 * 2 * 2  # dense twice; four sparsities, rewound or not, LTH or RR
    assert len({tuple(x.items()) for x in labels}) == len(labels)


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
    with pytest.raises(ConfigError, match="table1, table2"):
        find_artefact("table3")
    with pytest.raises(ConfigError, match="no parameter 'colour'"):
        base.plan(table1.ARTEFACT, "demo", colour="red")
    assert len(base.plan(table1.ARTEFACT, "demo", [3])) == 18
