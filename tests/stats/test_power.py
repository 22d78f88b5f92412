"""Power of a decision, against a simulation and against numbers that others computed."""

import numpy as np
import pytest

from repro.stats.power import chance_of_decision, seeds_needed
from repro.stats.verdicts import estimate


@pytest.mark.parametrize(("seeds", "distance"), [(2, 11.6), (3, 3.3), (4, 2.1), (5, 1.7), (10, 1.0)])
def test_the_distance_that_so_many_seeds_decide(seeds, distance):
    assert chance_of_decision(distance, 1.0, seeds) == pytest.approx(0.8, abs=0.03)


def test_the_chance_is_how_often_an_interval_leaves_the_border_behind():
    draws = np.random.default_rng(0).normal(1.5, 1.0, (4000, 4))
    decided = np.mean([estimate(list(row)).low > 0 for row in draws])
    assert chance_of_decision(1.5, 1.0, 4) == pytest.approx(decided, abs=0.02)


def test_seeds_needed_are_three_at_least_and_none_where_a_hundred_do_not_do():
    assert seeds_needed(100.0, 1.0) == 3
    assert seeds_needed(1.0, 0.0) == 3
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(0.01, 1.0) is None
    needed = seeds_needed(1.0, 1.0)
    assert chance_of_decision(1.0, 1.0, needed) >= 0.8 > chance_of_decision(1.0, 1.0, needed - 1)
