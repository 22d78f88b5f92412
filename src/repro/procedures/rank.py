"""What a `ConsistencyRun` and a `TransferRun` do: per-class consistency (paper C, section 3.1, Figure 3), and its test.

Both read accuracies and train nothing. The chain of a run is ordered by accuracy over all classes, as Algorithm 1 does,
in whatever order its models are named. Records hold which classes win, shares and means over many classes, never
the accuracy of a model in a class, which for ImageNet is third-party data.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repro.config import ConfigError, ConsistencyRun
from repro.data import classes, pairs
from repro.procedures import Procedure
from repro.tickets.classes import is_consistent, order_models, tied_share
from repro.tickets.consistency import retest_share, wilson
from repro.training.cost import timing

BINS = 50  # groups of neighbouring classes whose mean is recorded
IMAGES = 50  # test images of a class, of ImageNet and of the digit pairs


def load_pool(source: str) -> classes.Pool:
    """Accuracies of a source's models. Raises DataError."""
    return pairs.read_pool() if source == "digit pairs" else classes.read_pool()


def chain_of(pool: classes.Pool, models: tuple[str, ...]) -> np.ndarray:
    """Accuracies of a chain of models. Raises ConfigError for one that the pool does not have."""
    if unknown := set(models) - set(pool.models):
        raise ConfigError(f"no model {sorted(unknown)[0]!r} in the pool; it has {', '.join(pool.models)}")
    return pool.of(models)


def rank(run: ConsistencyRun, seed: int, folder: Path, folder_of: Any) -> dict[str, Any]:
    """Count the classes that rank a chain of models as all classes do, with and without ties."""
    start, pool = time.monotonic(), load_pool(run.source)
    chain = chain_of(pool, run.models)
    order = order_models(chain)
    strict, tolerant = is_consistent(chain), is_consistent(chain, strict=False)
    total = len(strict)
    low, high = wilson(int(strict.sum()), total)
    return {
        "metrics": {
            "consistent": strict.mean(),
            "consistent_low": low,
            "consistent_high": high,
            "consistent_with_ties": tolerant.mean(),
            "retest": retest_share(chain[order], IMAGES),
            "by_chance": 1 / np.prod(np.arange(1, len(chain) + 1)),
        },
        "order": [run.models[row] for row in order],
        "overall": chain[order].mean(axis=1).round(6).tolist(),
        "tied": tied_share(chain).tolist(),
        "winning": np.flatnonzero(strict).tolist(),
        "winning_with_ties": np.flatnonzero(tolerant & ~strict).tolist(),
        "classes": total,
        "bins": chain[order].reshape(len(chain), BINS, -1).mean(axis=2).round(4).tolist(),
        "timing": timing(time.monotonic() - start, total, torch.device("cpu")),
        "data": pool.checksum,
        "precision": "none",
    }


PROCEDURE = Procedure(ConsistencyRun, rank)
