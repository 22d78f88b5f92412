"""The turn of weight tickets: its runs are those of the tables, and its effects are differences seed by seed."""

import pandas as pd
import pytest

from repro import config
from repro.artefacts import table1, table2, weights_turn
from repro.config import ConfigError


def runs(arms):
    return {arm.run for arm in arms}


def test_where_the_lengths_are_the_same_the_runs_are_those_of_the_tables():
    own = weights_turn.grid("pocket", epochs=(8.0,))
    recipe = [arm for arm in own if arm.labels["learning_rate"] == 1e-3 and arm.labels["pruned"] == 0.71]
    vit = {arm.labels["arm"]: arm.run for arm in recipe}
    rows = table1.grid("pocket", epochs=8.0)
    assert {vit[name] for name in ("LTH", "RR", "rewound")} <= runs(rows)
    resnet = runs(arm for arm in own if arm.labels["network"] == "ResNet-20")
    shared = resnet & runs(table2.grid("pocket", epochs=8.0, schedule="cosine"))
    assert len(shared) == 4, "the dense network, and the first round both have: LTH, RR and rewound"


@pytest.mark.parametrize("preset", config.PRESETS)
def test_every_length_and_rate_has_the_same_arms(preset):
    arms = pd.DataFrame([arm.labels for arm in weights_turn.grid(preset)])
    for network, own in arms.groupby("network"):
        for (epochs, rate), group in own.groupby(["epochs", "learning_rate"]):
            names = set(group["arm"]) - {"rewound, optimiser kept"}
            assert names == {"dense", "LTH", "LTH, step 0", "RR", "RR, step 0", "rewound"}, (network, epochs, rate)


def test_a_length_must_reach_beyond_the_epoch_rewound_to():
    with pytest.raises(ConfigError, match="longer than the epoch rewound to"):
        weights_turn.grid("pocket", epochs=(1.0, 4.0))


def frame():
    """Two lengths and two seeds of one network: the gap is 10 + seed points at 4 epochs and 2 at 8."""
    rows = []
    for epochs, gap in ((4.0, 0.10), (8.0, 0.02)):
        for seed in (0, 1):
            shared = {"network": "ViT", "epochs": epochs, "learning_rate": 1e-3, "seed": seed}
            rr = 0.5 + epochs / 100
            values = {"RR": rr, "LTH": rr + gap + seed / 100, "rewound": rr, "RR, step 0": 0.1, "LTH, step 0": 0.2}
            rows += [shared | {"pruned": 0.71, "arm": arm, "accuracy": value} for arm, value in values.items()]
            rows.append(shared | {"pruned": 0.0, "arm": "dense", "accuracy": 0.6 + epochs / 100})
    return pd.DataFrame(rows)


def test_effects_are_differences_of_one_seed_and_length():
    found = weights_turn.effects(frame()).set_index(["effect", "epochs", "seed"])["value"].round(9)
    assert found["LTH − RR", 4.0, 0] == 0.10
    assert found["LTH − RR", 4.0, 1] == 0.11
    assert found["dense − LTH", 8.0, 0] == pytest.approx(0.08)
    assert found["dense for twice as long − LTH", 4.0, 0] == pytest.approx(0.68 - 0.64)
    assert ("dense for twice as long − LTH", 8.0, 0) not in found.index, "twice the greatest length was not run"
    assert found["step 0: LTH − RR", 8.0, 1] == 0.1


def test_claims_are_about_the_greatest_length_and_the_change_since_the_least():
    values = weights_turn.claim_values(frame())
    assert values["weights-turn-vit-gap"].round(9).to_list() == [0.02, 0.03]
    assert values["weights-turn-vit-gap-trend"].round(9).to_list() == [-0.08, -0.08]
    assert values["weights-turn-resnet-gap"].empty, "no ResNet was run"
    one_length = weights_turn.claim_values(frame().query("epochs == 4"))
    assert one_length["weights-turn-vit-gap"].round(9).to_list() == [0.1, 0.11]
    assert one_length["weights-turn-vit-gap-trend"].empty, "one length has no trend"


def test_a_length_that_one_seed_lacks_is_no_claims_greatest():
    rows = frame().query("epochs == 4 or seed == 0")
    assert weights_turn.claim_values(rows)["weights-turn-vit-gap"].round(9).to_list() == [0.1, 0.11]
