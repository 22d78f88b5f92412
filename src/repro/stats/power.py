"""How many seeds a decision needs: the power of the t-test behind a verdict.

A claim is decided when the 95 % interval leaves the border of its region behind. If mean and spread stay what they
are, the chance of that grows with the number of seeds; 80 % is what is asked for. The decision a reader may doubt: the
spread is itself measured on few seeds, so the number is a guide for spending hours and no promise.
"""

import math

from scipy.special import nctdtr, stdtrit

from repro.stats.verdicts import LEVEL, MIN_SEEDS

POWER = 0.8  # chance of a decision that is asked for
MOST = 100  # seeds beyond which a claim counts as not to be decided this way


def chance_of_decision(distance: float, sd: float, seeds: int) -> float:
    """Chance in [0, 1] that the interval of so many seeds lies wholly on the mean's side of a border.

    `distance` is that of the mean from the border, `sd` the standard deviation over seeds, both in the same unit.
    """
    if seeds < 2:
        return 0.0
    if not sd:
        return float(distance > 0)
    critical = stdtrit(seeds - 1, (1 + LEVEL) / 2)
    return float(1 - nctdtr(seeds - 1, distance / sd * math.sqrt(seeds), critical))


def seeds_needed(distance: float, sd: float) -> int | None:
    """The fewest seeds, at least three, that decide with a power of 80 %; None where a hundred do not."""
    return next((n for n in range(MIN_SEEDS, MOST + 1) if chance_of_decision(distance, sd, n) >= POWER), None)
