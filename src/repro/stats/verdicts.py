"""Means, intervals and verdicts over seeds.

A difference between two arms is taken seed by seed, so what the seeds share cancels; its interval is Student's t at
95 %. The decision a reader may doubt: two seeds decide nothing, whatever their interval, and a mean that is nearer to
the border of the claimed region than repeating one run moves it says nothing at all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats, which calls them, takes half a second to import

LEVEL = 0.95
ALPHA = 0.05  # p up to which a claim survives Holm's correction
MIN_SEEDS = 3  # that decide
DIGITS = 12  # after the point that count, so that a difference of two accuracies can lie on a border
VERDICTS = ("holds", "leans towards", "undecided", "leans against", "contradicted", "not run")
NOISE = {  # of one run, by the unit of a claim; measured on the method page
    "points": 0.005,  # of accuracy, between two processors
    "hundredths": 0.25,  # of a correlation over four configurations, between seeds
    "percent": 0.1,  # of the epochs that are saved, where accuracies move by their noise
}


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


def depth(value: float, kind: str, margin: float) -> float:
    """How far a value lies inside the claimed region, to its nearest border; below zero outside. Raises ValueError."""
    low, high = claimed_region(kind, margin)
    return round(min(value - low, high - value), DIGITS)


def verdict(values: Sequence[float] | Exact, kind: str, margin: float, unit: str) -> str:
    """One of VERDICTS for one value a seed, or for an exact value.

    holds, contradicted: at least three seeds, and the whole interval lies inside or outside of the claimed region.
    leans towards, leans against: the mean lies there by more than the noise of one run in this unit. undecided: it is
    nearer to the border. An exact value decides alone. Raises NotFinite, and ValueError for an unknown kind or unit.
    """
    if unit not in NOISE:
        raise ValueError(f"unknown unit of a claim {unit!r}: choose one of {', '.join(NOISE)}")
    if isinstance(values, Exact):
        check_finite([values.value])
        return "holds" if depth(values.value, kind, margin) > 0 else "contradicted"
    check_finite(values)
    found, (low, high) = estimate(values), claimed_region(kind, margin)
    if not found.n:
        return "not run"
    if found.n >= MIN_SEEDS and min(depth(end, kind, margin) for end in (found.low, found.high)) > 0:
        return "holds"
    if found.n >= MIN_SEEDS and round(max(low - found.high, found.low - high), DIGITS) > 0:
        return "contradicted"
    inside = depth(found.mean, kind, margin)
    if abs(inside) <= NOISE[unit]:
        return "undecided"
    return "leans towards" if inside > 0 else "leans against"


def p_value(values: Sequence[float] | Exact, kind: str, margin: float) -> float:
    """Two-sided p of Student's t against the border of the claimed region that is nearest to the mean.

    Not a number where nothing is tested: for an exact value, and for fewer than three seeds. Raises NotFinite.
    """
    if isinstance(values, Exact) or len(values) < MIN_SEEDS:
        return math.nan
    check_finite(values)
    distance = abs(depth(float(np.mean(values)), kind, margin))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    if not error:
        return 0.0 if distance else 1.0
    return float(2 * stdtr(len(values) - 1, -distance / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction for their number, in the order given.

    The smallest of m is taken m times, the next m − 1 times and so on, none below the one before it nor above 1.
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


def check_finite(values: Sequence[float]) -> None:
    """Raise NotFinite where one of the values is infinite or no number."""
    if not all(map(math.isfinite, values)):
        raise NotFinite(f"a verdict needs finite numbers; got {', '.join(f'{value:g}' for value in values)}")
