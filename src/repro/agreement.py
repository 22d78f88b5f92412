"""How well a subset ranks configurations as the whole data set does: paper C's ρ_p and ρ_s, and what few points allow.

With four configurations little can be said: |ρ_p| must exceed 0.950 to differ from 0 at 5 %, and no ρ_s can, since even
a perfect order comes about by chance once in twelve, both signs counted. Accuracies printed to three decimals leave
room of their own, which `rounding_range` finds.
"""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy import optimize, stats


def pearson(full: Sequence[float], subset: Sequence[float]) -> float:
    """ρ_p, the linear correlation; not a number where either row is constant."""
    x, y = (np.asarray(row, float) - np.mean(row) for row in (full, subset))
    scale = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / scale) if scale > 0 else math.nan


def spearman(full: Sequence[float], subset: Sequence[float]) -> float:
    """ρ_s, the correlation of ranks, ties sharing their mean rank; not a number where either row is constant."""
    return pearson(*(stats.rankdata(row).tolist() for row in (full, subset)))


def critical_pearson(count: int, level: float = 0.05) -> float:
    """The |ρ_p| of `count` normal pairs that chance exceeds with probability `level`, by Student's t."""
    t = stats.t.ppf(1 - level / 2, count - 2)
    return float(t / math.sqrt(count - 2 + t**2))


def chance_of_order(count: int) -> float:
    """How often chance gives a perfect order or its reverse: the least p value of any ρ_s of `count` pairs."""
    return 2 / math.factorial(count)


def rounding_range(full: Sequence[float], subset: Sequence[float], half_unit: float = 5e-4) -> tuple[float, float]:
    """Least and greatest ρ_p of rows that round to the printed ones, for a ρ_p above 0.

    In either row ρ_p is quasi-concave where it is positive, so its least value lies in a corner of the box of possible
    rows; the greatest is sought from the best corner and from the printed rows.
    """
    printed = np.array([*full, *subset])
    corners = [printed + half_unit * np.array(signs) for signs in product((-1, 1), repeat=len(printed))]
    values = [_split_pearson(corner) for corner in corners]
    box = [(value - half_unit, value + half_unit) for value in printed]
    starts = [printed, corners[int(np.argmax(values))]]
    found = [optimize.minimize(lambda rows: -_split_pearson(rows), start, bounds=box).fun for start in starts]
    return min(values), max(*values, *(-value for value in found))


def _split_pearson(rows: np.ndarray) -> float:
    return pearson(*np.split(rows, 2))  # type: ignore[arg-type]


def regret(full: Sequence[float], subset: Sequence[float]) -> float:
    """What choosing on the subset costs: the best accuracy on the whole data less that of the subset's favourite."""
    return float(np.max(full) - np.asarray(full)[int(np.argmax(subset))])
