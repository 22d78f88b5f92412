"""Rank correlations that are possible at all, and how large one must be to mean something.

Spearman's ρ_s of n different values is 1 − 6 Σd² / (n(n² − 1)); Σd² is a whole, even number, so few values exist. All
is done by going through every order, which 7 values (5,040 orders) allow.
"""

import itertools
import math
from functools import cache

import numpy as np
from scipy import stats

LEVEL = 0.05  # two-sided


@cache
def all_orders(n: int) -> np.ndarray:
    """Every order of n different values, as ranks 0 to n - 1: (n!, n)."""
    return np.array(list(itertools.permutations(range(n))))


@cache
def weak_orders(n: int) -> np.ndarray:
    """Every order of n values that may tie, as levels from 0 without gaps: (75, 4) for 4, (4683, 6) for 6."""
    codes = itertools.product(range(n), repeat=n)
    return np.array([code for code in codes if set(code) == set(range(max(code) + 1))])


@cache
def squared_differences(n: int) -> np.ndarray:
    """Sum of squared rank differences to the order 0, 1, 2, ... of every order: (n!,)."""
    return ((all_orders(n) - np.arange(n)) ** 2).sum(axis=1)


def spearman_of(squared: float, n: int) -> float:
    """ρ_s of n different values from the sum of squared rank differences."""
    return 1 - 6 * squared / (n * (n * n - 1))


def attainable(n: int) -> list[float]:
    """Every ρ_s that n different values can have, from 1 down to -1."""
    return [spearman_of(int(d), n) for d in np.unique(squared_differences(n))]


def attainable_with_a_tie(n: int) -> list[float]:
    """Every ρ_s that n different values and n values of which exactly two are equal can have."""
    found = set()
    for place in range(n - 1):
        tied = [i - (i > place) for i in range(n)]
        found |= set(rank_correlations(np.array([tied]), all_orders(n))[0].round(9))
    return sorted(found, reverse=True)


def rank_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """ρ_s of every row of one table with every row of another, ties ranked by their mean; 0 for a constant row."""
    return standardised(stats.rankdata(first, axis=1)) @ standardised(stats.rankdata(second, axis=1)).T


def standardised(rows: np.ndarray) -> np.ndarray:
    """Every row centred and of length one, so that a product of two is their correlation."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(length > 0, length, 1.0)


def critical_spearman(n: int) -> float:
    """The least |ρ_s| that chance reaches in at most 5 % of all orders; not a number where even 1 is more likely."""
    sizes = np.abs([spearman_of(d, n) for d in squared_differences(n)])
    good = [r for r in attainable(n) if r > 0 and np.mean(sizes >= r - 1e-9) <= LEVEL]
    return min(good, default=math.nan)


def critical_pearson(n: int) -> float:
    """The least |ρ_p| of n pairs that differs from 0 at 5 %, two-sided, by Student's t."""
    t = float(stats.t.ppf(1 - LEVEL / 2, n - 2))
    return t / math.sqrt(n - 2 + t * t)


def pearson_interval(correlation: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a Pearson correlation of n pairs by Fisher's z; it assumes normal pairs."""
    half = float(stats.norm.ppf(1 - LEVEL / 2)) / math.sqrt(n - 3)
    return math.tanh(math.atanh(correlation) - half), math.tanh(math.atanh(correlation) + half)
