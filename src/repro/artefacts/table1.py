"""Table 1 of paper A: weight tickets in DeiT-Small, by one-shot magnitude pruning of the trained network.

The mask is cut once from the trained weights and trained again from the original initialisation (LTH), from weights
rewound to an early epoch (LTH with rewinding) or from another initialisation (RR). RR has nothing to rewind, so here
one RR run stands beside both; the paper prints two values for it, 0.2 to 0.3 points apart, which is its noise.
The paper does not say what its sparsity is a share of. 44 % of the model is what pruning 12 % of the model from MSA
and half of the MLPs adds up to, so `model` is the default, and `scope` is an option.
"""

from dataclasses import dataclass, replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.recipes import DEIT, SMALL, lasting
from repro.artefacts.shared.weights import check_rewind_epoch, first_and_last, paired
from repro.config import CountedOver, Data, Layout, Model, Rewind, Training, TrainRun, WeightTicket

ROWS = (("msa", 0.12), ("msa-mlp", 0.44), ("msa-mlp", 0.53), ("msa-mlp", 0.71))  # scope, sparsity


@dataclass(frozen=True)
class Size:
    """How big a preset is."""

    data: Data
    model: Model
    training: Training
    rewind_epoch: int


SIZES = {
    "demo": Size(Data("digit-scans"), Model("vit", width=192, depth=2, heads=3, patch_size=8), SMALL, 1),
    "pocket": Size(
        Data("cifar10"),
        Model("vit", width=96, depth=4, heads=3),
        replace(SMALL, epochs=4, batch_size=64, learning_rate=1e-3, augment="crop-flip"),
        1,
    ),
    "gpu": Size(
        Data("cifar10"),
        Model("vit", width=192, depth=12, heads=3),
        replace(SMALL, epochs=50, batch_size=256, learning_rate=1e-3, warmup_epochs=5, augment="crop-flip"),
        2,
    ),
    "paper": Size(Data("imagenet"), Model("deit_small_patch16_224", classes=1000, drop_path=0.1), DEIT, 5),
}


def grid(
    preset: str,
    *,
    counted_over: CountedOver = "model",
    layout: Layout = "global",
    rewind_epoch: int | None = None,
    epochs: float | None = None,
) -> list[Arm]:
    """Dense, and LTH and RR for each row of the table, with and without rewinding."""
    size = SIZES[preset]
    epoch = size.rewind_epoch if rewind_epoch is None else check_rewind_epoch(rewind_epoch)
    training = lasting(size.training, epochs)
    dense = TrainRun(data=size.data, model=size.model, training=replace(training, snapshot_epochs=(0, epoch)))
    labels = {"scope": "none", "nominal_sparsity": 0.0, "rewound": False}
    arms = [Arm(labels | {"arm": arm}, dense) for arm in ("LTH", "RR")]
    for scope, sparsity in ROWS:
        ticket = WeightTicket(dense, sparsity, scope, counted_over, layout)
        trained = replace(dense, training=training, ticket=ticket)
        for rewound in (False, True):
            lth = replace(trained, start=Rewind(dense, epoch if rewound else 0))
            labels = {"scope": scope, "nominal_sparsity": sparsity, "rewound": rewound}
            arms += [Arm(labels | {"arm": "LTH"}, lth), Arm(labels | {"arm": "RR"}, replace(trained, draw=1))]
    return arms


INDEX = ["scope", "nominal_sparsity", "rewound"]  # columns that name a row of the table


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed."""
    rows = paired(frame, INDEX)
    dense = rows[rows["scope"] == "none"].set_index("seed")["LTH"]
    pruned = rows[rows["scope"] != "none"].set_index(["nominal_sparsity", "seed"])
    plain, rewound = pruned[~pruned["rewound"]], pruned[pruned["rewound"]]
    first, *later = (sparsity for _, sparsity in ROWS)
    gained = rewound["LTH"] - plain["LTH"]
    return {
        "table1-no-gap": plain["difference"].groupby("seed").mean(),
        "table1-low-matches": dense - plain["LTH"][first],
        "table1-below": plain["difference"][later].groupby("seed").mean(),
        "table1-rewound-plain": gained[later[-1]],
        "table1-rewound-mean": gained[later].groupby("seed").mean(),
        "table1-short": dense - rewound["LTH"][later[-1]],
    }


ARTEFACT = Artefact(
    "table1",
    "Weight tickets in DeiT",
    "paper A, Table 1",
    grid,
    claim_values,
    rehearsed=first_and_last,
)
