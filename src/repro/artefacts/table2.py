"""Table 2 of paper A: weight tickets in ResNet-20 on CIFAR-10, by iterative magnitude pruning.

Every round trains from the original initialisation (or the rewound weights) on the mask of the round before and then
loses a fifth of its weights. RR trains the same mask from another initialisation. The paper states neither learning
rate nor rewinding step. A rate of 0.1 with 160 epochs is the recipe of the sanity-check code by one of paper A's
authors, which names a dense accuracy above the paper's. That the paper took 0.01 is a guess, so the rate is an option.
"""

from dataclasses import dataclass, replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.recipes import lasting
from repro.artefacts.shared.weights import check_rewind_epoch, first_and_last, paired, prune_in_rounds
from repro.config import Augment, Data, Model, Rewind, Schedule, Training, TrainRun

ROUNDS_SHOWN = (8, 11, 13, 14)  # 83.2, 91.4, 94.5 and 95.6 % of the weights pruned


@dataclass(frozen=True)
class Size:
    """How big a preset is."""

    data: Data
    model: Model
    epochs: int
    batch_size: int  # images a step
    rewind_epoch: int
    rounds: tuple[int, ...]  # pruning rounds that are trained; one left out is pruned together with the next
    learning_rates: tuple[float, ...]
    augment: Augment = "crop-flip"
    schedule: Schedule = "multistep"


CIFAR = Data("cifar10")
ALL_ROUNDS = tuple(range(1, 15))
SIZES = {
    "demo": Size(Data("digit-scans"), Model(width=8), 3, 32, 1, ROUNDS_SHOWN, (0.04,), "none"),
    "pocket": Size(CIFAR, Model(), 4, 64, 1, (4, *ROUNDS_SHOWN), (0.1,)),
    "gpu": Size(CIFAR, Model(), 40, 128, 2, ALL_ROUNDS, (0.1, 0.01)),
    "paper": Size(CIFAR, Model(), 160, 64, 2, ALL_ROUNDS, (0.1, 0.01)),
}


def grid(
    preset: str,
    *,
    learning_rates: tuple[float, ...] | None = None,
    rewind_epoch: int | None = None,
    epochs: float | None = None,
    schedule: Schedule | None = None,
) -> list[Arm]:
    """Dense, and LTH and RR at each shown sparsity, with and without rewinding, for each learning rate."""
    size = SIZES[preset]
    epoch = size.rewind_epoch if rewind_epoch is None else check_rewind_epoch(rewind_epoch)
    arms = []
    for rate in size.learning_rates if learning_rates is None else learning_rates:
        dense = dense_run(size, rate, epoch, epochs, schedule)
        labels = {"learning_rate": rate, "round": 0, "rewound": False}
        arms += [Arm(labels | {"arm": arm}, dense) for arm in ("LTH", "RR")]
        for rewound in (False, True):
            arms += imp_arms(size, dense, rewound, labels | {"rewound": rewound})
    return arms


def dense_run(
    size: Size, learning_rate: float, rewind_epoch: int, epochs: float | None, schedule: Schedule | None = None
) -> TrainRun:
    """The unpruned network, keeping its initial weights and those it is rewound to."""
    training = Training(
        epochs=size.epochs,
        batch_size=size.batch_size,
        learning_rate=learning_rate,
        schedule=schedule or size.schedule,
        augment=size.augment,
    )
    kept = replace(lasting(training, epochs), snapshot_epochs=(0, rewind_epoch))
    return TrainRun(data=size.data, model=size.model, training=kept)


def imp_arms(size: Size, dense: TrainRun, rewound: bool, labels: dict) -> list[Arm]:
    """LTH and RR of the shown rounds, on the masks of one chain of pruning rounds."""
    start = Rewind(dense, dense.training.snapshot_epochs[1] if rewound else 0)
    return [
        Arm(labels | {"round": number, "arm": arm}, run)
        for number, lth, rr in prune_in_rounds(dense, size.rounds, start)
        if number in ROUNDS_SHOWN
        for arm, run in (("LTH", lth), ("RR", rr))
    ]


INDEX = ["learning_rate", "round", "rewound"]  # columns that name a row of the table


def at_first_rate(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs at the first learning rate, which the claims are tested on."""
    return frame[frame["learning_rate"] == frame["learning_rate"].iloc[0]]


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed, at the first learning rate."""
    rows = paired(at_first_rate(frame), INDEX).set_index(["round", "seed"])
    plain, rewound = rows[~rows["rewound"]], rows[rows["rewound"]]
    shown, printed = list(ROUNDS_SHOWN), list(ROUNDS_SHOWN[1:])  # the paper prints no rewound ticket of the first
    gained = rewound["LTH"] - plain["LTH"]
    found = {
        "table2-matches": plain["LTH"][0] - plain["LTH"][shown[0]],
        "table2-gap": plain["difference"][shown].groupby("seed").mean(),
        "table2-rewound-gap": rewound["difference"][printed].groupby("seed").mean(),
        "table2-rewinding": gained[printed[-1]],
    }
    found |= {f"table2-gap-round-{rounds}": plain["difference"][rounds] for rounds in shown}
    return found | {f"table2-rewinding-round-{rounds}": gained[rounds] for rounds in printed[:-1]}


ARTEFACT = Artefact(
    "table2",
    "Weight tickets in ResNet-20",
    "paper A, Table 2",
    grid,
    claim_values,
    rehearsed=first_and_last,
)
