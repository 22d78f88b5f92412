"""Whether two ways of calling classes consistent agree more than chance: an exact permutation test (paper C, 3.1).

Null hypothesis: which classes the one way picks says nothing about which the other picks, so that every assignment of
the second's marks to the classes is equally likely. With strata (classes of like difficulty) marks are exchanged
within a stratum only: agreement that comes from difficulty alone is then part of the null. Under it the number of
classes marked by both is hypergeometric, and with strata a sum of such numbers, so p-values are exact and need no
random draws.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from repro.config import ConfigError


@dataclass(frozen=True)
class Agreement:
    """How many classes both ways pick, what chance gives, and the second's share inside and outside the first."""

    both: int
    expected: float
    null_low: int  # of 95 % of all permutations, both ends within
    null_high: int
    p_more: float  # chance of as many or more under the null
    p_either: float  # twice the smaller tail, at most 1
    difference: float  # share picked by the second among those picked by the first, less that among the others
    low: float  # 95 %, Newcombe's interval from Wilson's of both shares
    high: float


def overlap_null(first: np.ndarray, second: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Probability of 0, 1, 2, ... classes marked by both under the null; all arrays are (classes,)."""
    null = np.ones(1)
    for stratum in np.unique(strata):
        inside = strata == stratum
        marked, drawn = int(first[inside].sum()), int(second[inside].sum())
        part = stats.hypergeom.pmf(np.arange(min(marked, drawn) + 1), int(inside.sum()), marked, drawn)
        null = np.convolve(null, part)
    return null


def wilson(hits: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share."""
    found = stats.binomtest(hits, total).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def difference_of_shares(hits: tuple[int, int], totals: tuple[int, int]) -> tuple[float, float, float]:
    """First share less second, with Newcombe's 95 % interval (1998, method 10)."""
    one, two = (h / n for h, n in zip(hits, totals, strict=True))
    (low_one, high_one), (low_two, high_two) = (wilson(h, n) for h, n in zip(hits, totals, strict=True))
    difference = one - two
    down = np.hypot(one - low_one, high_two - two)
    up = np.hypot(high_one - one, two - low_two)
    return difference, float(difference - down), float(difference + up)


def compare_marks(first: np.ndarray, second: np.ndarray, strata: np.ndarray | None = None) -> Agreement:
    """Agreement of two boolean arrays (classes,), within strata where they are given.

    Raises ConfigError where the arrays differ in length, or one marks no class or every class: nothing can agree then.
    """
    strata = np.zeros(len(first), int) if strata is None else strata
    if not len(first) == len(second) == len(strata):
        raise ConfigError(
            f"marks of {len(first)}, {len(second)} and strata of {len(strata)} classes do not belong together"
        )
    if any(marks.all() or not marks.any() for marks in (first, second)):
        raise ConfigError("marks that hold for no class, or for every class, cannot be compared")
    null, both = overlap_null(first, second, strata), int((first & second).sum())
    more, fewer = float(null[both:].sum()), float(null[: both + 1].sum())
    reached = np.cumsum(null)
    inside, outside = int(first.sum()), int((~first).sum())
    difference, low, high = difference_of_shares((both, int((~first & second).sum())), (inside, outside))
    return Agreement(
        both=both,
        expected=float(np.arange(len(null)) @ null),
        null_low=int(np.searchsorted(reached, 0.025)),
        null_high=int(np.searchsorted(reached, 0.975)),
        p_more=min(1.0, more),
        p_either=min(1.0, 2 * min(more, fewer)),
        difference=difference,
        low=low,
        high=high,
    )


def difficulty_strata(accuracies: np.ndarray, strata: int = 10) -> np.ndarray:
    """Stratum of each class, (classes,), equally many in each: tenths by the mean accuracy of (models, classes)."""
    places = np.argsort(np.argsort(accuracies.mean(axis=0), kind="stable"), kind="stable")
    return places * strata // accuracies.shape[1]


def retest_share(ordered: np.ndarray, images: int) -> float:
    """Expected share of the consistent classes that would be so again on other images; NaN where there are none.

    Takes accuracies (models, classes) from the best model to the worst, each measured on `images` images, as the true
    ones, and models as erring independently. They err on the same images more often than that, so this is a low
    estimate.
    """
    again = chance_of_order(ordered, images)[np.all(ordered[:-1] > ordered[1:], axis=0)]
    return float(again.mean()) if len(again) else float("nan")


def chance_of_order(ordered: np.ndarray, images: int) -> np.ndarray:
    """Chance that binomial counts of right images fall strictly from model to model, (classes,)."""
    counts = np.arange(images + 1)[:, None]
    chance = stats.binom.pmf(counts, images, ordered[-1])  # (counts, classes), from the worst model up
    for accuracy in ordered[-2::-1]:
        fewer = np.cumsum(chance, axis=0) - chance
        chance = fewer * stats.binom.pmf(counts, images, accuracy)
    return chance.sum(axis=0)
