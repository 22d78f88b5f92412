"""Means, intervals and verdicts over seeds.

The verdict rules are stated on the method page before any result. A difference between two arms is taken seed by
seed, so what the seeds share cancels; its interval is Student's t at 95 %. One seed has no interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # Student's t; scipy.stats, which calls it, takes half a second to import

LEVEL = 0.95
VERDICTS = ("holds", "direction holds", "not seen", "contradicted", "not run")


class NotFinite(ValueError):
    """A value or an end of an interval that is no number, from which no verdict follows."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval; the interval is not a number for fewer than two seeds."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Exact:
    """A value in which nothing was drawn at random, such as a count over all classes: it has no interval."""

    value: float
    said: str  # what was counted, such as "360 of 1,000 classes"


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and interval of one value a seed; a mean that is not a number for no value."""
    n = len(values)
    if n < 2:
        return Estimate(float(values[0]) if n else math.nan, math.nan, math.nan, n)
    mean = float(np.mean(values))
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2) * np.std(values, ddof=1) / math.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n)


def claimed_region(kind: str, margin: float) -> tuple[float, float]:
    """Where a claim says the value lies: `above` or `below` the margin, or `within` it of zero."""
    regions = {"above": (margin, math.inf), "below": (-math.inf, margin), "within": (-margin, margin)}
    if kind not in regions:
        raise ValueError(f"unknown kind of claim {kind!r}: choose one of {', '.join(regions)}")
    return regions[kind]


def verdict(values: Sequence[float], kind: str, margin: float, *, exact: bool = False) -> str:
    """One of VERDICTS for one value a seed.

    holds: the interval lies in the claimed region. contradicted: it lies outside. Between the two the mean decides:
    direction holds where it lies inside, not seen where it does not. One seed can only give these last two, unless it
    is `exact`: a value in which nothing was drawn at random. Raises NotFinite.
    """
    check_finite(values)
    low, high = claimed_region(kind, margin)
    if len(values) == 1 and exact:
        return "holds" if low <= values[0] <= high else "contradicted"
    return judge(estimate(values), kind, margin)


def judge(found: Estimate, kind: str, margin: float) -> str:
    """The same for an estimate, whether its interval is over seeds or over something else, such as classes."""
    low, high = claimed_region(kind, margin)
    if found.n == 0:
        return "not run"
    check_finite((found.mean, found.low, found.high) if found.n > 1 else (found.mean,))
    if found.n > 1 and low <= found.low and found.high <= high:
        return "holds"
    if found.n > 1 and (found.high < low or found.low > high):
        return "contradicted"
    return "direction holds" if low <= found.mean <= high else "not seen"


def check_finite(values: Sequence[float]) -> None:
    """Raise NotFinite where one of the values is infinite or no number."""
    if not all(map(math.isfinite, values)):
        raise NotFinite(f"a verdict needs finite numbers; got {', '.join(f'{value:g}' for value in values)}")
