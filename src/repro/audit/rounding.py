"""What rounding allows: a number printed as .910 may be anything from .9095 to .9105.

For a difference that is plain arithmetic. For a correlation the extremes over the box of all values that round to what
is printed are found by search, from its corners and from the printed values; a search can fall short of an extreme by
a little, never overshoot it, so a range shown here is one that rounding reaches.
"""

import itertools
from decimal import Decimal

import numpy as np
from scipy import optimize

from repro.stats.agreement import pearson

STARTS = 24  # corners a search starts from


def half_unit(printed: Decimal) -> Decimal:
    """Half a unit of the last printed digit: 0.05 for 79.9."""
    return Decimal(5).scaleb(int(printed.as_tuple().exponent) - 1)


def difference_range(first: Decimal, second: Decimal) -> tuple[Decimal, Decimal]:
    """Least and greatest difference of two numbers that round to these."""
    slack = half_unit(first) + half_unit(second)
    return first - second - slack, first - second + slack


def correlation_range(first: np.ndarray, second: np.ndarray, halves: tuple[float, float]) -> tuple[float, float]:
    """Least and greatest Pearson correlation of values within `halves` of these two rows of n values."""
    return tuple(pearson(*correlation_extreme(first, second, halves, sign)) for sign in (-1, 1))  # type: ignore[return-value]


def correlation_extreme(
    first: np.ndarray, second: np.ndarray, halves: tuple[float, float], sign: int
) -> tuple[np.ndarray, np.ndarray]:
    """Two rows, within `halves` of those given, with the least (sign -1) or greatest (sign 1) correlation found.

    A half of 0 keeps a row as it is. Work is done in half units, so that the search sees values of order one.
    """
    n, centre = len(first), np.concatenate([first, second]).astype(float)
    width = np.repeat(halves, n)
    free = np.flatnonzero(width)

    def rows(moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = centre.copy()
        values[free] += width[free] * moves
        return values[:n], values[n:]

    def objective(moves: np.ndarray) -> float:
        return -sign * pearson(*rows(moves))

    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=len(free))))
    best = sorted(corners, key=objective)[:STARTS]
    starts = [*best, np.zeros(len(free))]
    bounds = [(-1.0, 1.0)] * len(free)
    found = [optimize.minimize(objective, start, method="L-BFGS-B", bounds=bounds).x for start in starts]
    return rows(min([*best, *found], key=objective))
