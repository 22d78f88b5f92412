"""What the tables of weight tickets share: their rewinding epoch, the arms that a rehearsal takes, LTH beside RR."""

import pandas as pd

from repro.artefacts.base import Arm
from repro.config import ConfigError


def check_rewind_epoch(epoch: int) -> int:
    """The epoch that rewinding goes back to. Raises ConfigError below 1: at 0 it would be the row without rewinding."""
    if epoch < 1:
        raise ConfigError(f"rewind_epoch must be at least 1, since 0 is the row without rewinding; got {epoch}")
    return epoch


def first_and_last(arms: list[Arm]) -> list[Arm]:
    """The dense run of a weight-ticket table, and its last LTH, rewound LTH and RR."""
    return [arms[0], *arms[-4:]]


def paired(frame: pd.DataFrame, index: list[str]) -> pd.DataFrame:
    """LTH beside RR, one row for each value of `index` and seed: columns LTH, RR and difference."""
    wide = frame.pivot_table("accuracy", [*index, "seed"], "arm", sort=False)
    wide["difference"] = wide["LTH"] - wide["RR"]
    return wide.reset_index()
