"""What chance gives: a statistic of two groups against every other way to deal the same values out to them.

If nothing sets the groups apart every deal is equally likely, so a value above the mean over all deals is worth as much
as one below. A statistic such as the lowest of two less the highest of five is far below 0 by its making; less that
mean it is not.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean

Statistic = Callable[[Sequence[float], Sequence[float]], float]


def deals(group: Sequence[float], others: Sequence[float], statistic: Statistic) -> list[float]:
    """The statistic of every deal of all values to a group of this size and the others; that at hand comes first."""
    values, size = [*group, *others], len(group)
    found = []
    for chosen in combinations(range(len(values)), size):
        left = [value for place, value in enumerate(values) if place not in chosen]
        found.append(statistic([values[place] for place in chosen], left))
    return found


def beyond_chance(group: Sequence[float], others: Sequence[float], statistic: Statistic) -> float:
    """The statistic at hand less its mean over all deals, that at hand among them."""
    found = deals(group, others, statistic)
    return found[0] - fmean(found)


def lead(group: Sequence[float], others: Sequence[float]) -> float:
    """The lowest of a group less the highest of the others."""
    return min(group) - max(others)
