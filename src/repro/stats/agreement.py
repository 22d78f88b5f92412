"""How well a subset ranks configurations as the whole data set does: paper C's ρ_p and ρ_s, and what few points allow.

With four configurations little can be said: |ρ_p| must exceed 0.950 to differ from 0 at 5 %, and no ρ_s can, since even
a perfect order comes about by chance once in twelve, both signs counted. What rounding of printed accuracies allows is
found by the audit.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd


def pearson(full: Sequence[float] | np.ndarray, subset: Sequence[float] | np.ndarray) -> float:
    """ρ_p, the linear correlation; not a number where either row is constant."""
    x, y = (np.asarray(row, float) - np.mean(row) for row in (full, subset))
    length = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / length) if length else float("nan")


def spearman(full: Sequence[float], subset: Sequence[float]) -> float:
    """ρ_s, the correlation of ranks, ties sharing their mean rank; not a number where either row is constant."""
    return pearson(*(pd.Series(row).rank().tolist() for row in (full, subset)))


def chance_of_order(count: int) -> float:
    """How often chance gives a perfect order or its reverse: the least p value of any ρ_s of `count` pairs."""
    return 2 / math.factorial(count)


def regret(full: Sequence[float], subset: Sequence[float]) -> float:
    """What choosing on the subset costs: the best accuracy on the whole data less that of the subset's favourite."""
    return float(np.max(full) - np.asarray(full)[int(np.argmax(subset))])
