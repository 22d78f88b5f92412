"""A `TransferRun`: are classes that are consistent under one chain of models so under another, more than chance?"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repro.config import TransferRun
from repro.data import classes
from repro.procedures import Procedure
from repro.procedures.rank import chain_of, load_pool
from repro.published import read_ticket
from repro.tickets.classes import is_consistent
from repro.tickets.consistency import compare_marks, difficulty_strata
from repro.training.cost import timing


def transfer(run: TransferRun, seed: int, folder: Path, folder_of: Any) -> dict[str, Any]:
    """Test whether two sets of consistent classes have more in common than chance gives, and than difficulty gives."""
    start, pool = time.monotonic(), load_pool(run.source)
    first = is_consistent(chain_of(pool, run.first)) if run.first else printed_marks(pool)
    second = is_consistent(chain_of(pool, run.second))
    plain = compare_marks(first, second)
    within = compare_marks(first, second, difficulty_strata(pool.accuracies))
    alike = {f"{name}_alike": value for name, value in asdict(within).items()}
    return {
        "metrics": asdict(plain) | alike | {"picked_first": int(first.sum()), "picked_second": int(second.sum())},
        "timing": timing(time.monotonic() - start, len(first), torch.device("cpu")),
        "data": pool.checksum,
        "precision": "none",
    }


def printed_marks(pool: classes.Pool) -> np.ndarray:
    """Which classes of a pool are in the paper's printed ERC ticket, (classes,)."""
    return np.isin(pool.classes, read_ticket("ERC"))


PROCEDURE = Procedure(TransferRun, transfer)
