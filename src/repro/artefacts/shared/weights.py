"""What artefacts on weight tickets share: rewinding epoch, pruning rounds, the arms of a rehearsal, LTH beside RR."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from repro.artefacts.base import Arm
from repro.config import ConfigError, Rewind, TrainRun, WeightTicket

PRUNE_RATE = 0.2  # of the weights left, a round of iterative magnitude pruning


def check_rewind_epoch(epoch: int) -> int:
    """The epoch that rewinding goes back to. Raises ConfigError below 1: at 0 it would be the row without rewinding."""
    if epoch < 1:
        raise ConfigError(f"rewind_epoch must be at least 1, since 0 is the row without rewinding; got {epoch}")
    return epoch


def prune_in_rounds(dense: TrainRun, rounds: Sequence[int], start: Rewind) -> Iterator[tuple[int, TrainRun, TrainRun]]:
    """LTH and RR after each of the rounds, on the masks of one chain of trainings from `start`.

    A round that is left out is pruned together with the next. RR trains LTH's mask from another initialisation.
    """
    source, training = dense, replace(dense.training, snapshot_epochs=())
    for number in rounds:
        ticket = WeightTicket(source, sparsity=1 - (1 - PRUNE_RATE) ** number)
        source = replace(dense, training=training, ticket=ticket, start=start)
        yield number, source, replace(dense, training=training, ticket=ticket, draw=1)


def first_and_last(arms: list[Arm]) -> list[Arm]:
    """The dense run of a weight-ticket table, and its last LTH, rewound LTH and RR."""
    return [arms[0], *arms[-4:]]


def paired(frame: pd.DataFrame, index: list[str]) -> pd.DataFrame:
    """LTH beside RR, one row for each value of `index` and seed: columns LTH, RR and difference."""
    wide = frame.pivot_table("accuracy", [*index, "seed"], "arm", sort=False)
    wide["difference"] = wide["LTH"] - wide["RR"]
    return wide.reset_index()
