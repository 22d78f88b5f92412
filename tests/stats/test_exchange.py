"""A statistic of two groups against every other deal of the same values."""

import itertools
from math import comb
from statistics import fmean

import numpy as np
import pytest

from repro.stats.exchange import beyond_chance, deals, lead


def test_every_deal_comes_once_and_the_one_at_hand_first():
    found = deals([1, 2], [3, 4, 5], lambda group, others: tuple(group))
    assert found[0] == (1, 2)
    assert len(found) == len(set(found)) == comb(5, 2)


def test_the_lead_beyond_chance_by_hand():
    """Of 3, 1, 0 dealt to one and two: 3 leads by 2, 1 by -2 and 0 by -3, mean -1."""
    assert beyond_chance([3], [1, 0], lead) == pytest.approx(2 + 1)
    assert beyond_chance([1], [3, 0], lead) == pytest.approx(-2 + 1)


def test_chance_alone_gives_nothing_where_the_lead_itself_is_far_below_zero():
    """Chance makes all deals of seven values to two and five equally likely: over them the mean is 0 by its making."""
    values = np.random.default_rng(0).normal(size=7).tolist()
    pairs = [
        ([values[i] for i in chosen], [v for i, v in enumerate(values) if i not in chosen])
        for chosen in itertools.combinations(range(7), 2)
    ]
    assert fmean(lead(*pair) for pair in pairs) < -1
    assert fmean(beyond_chance(*pair, lead) for pair in pairs) == pytest.approx(0)


def test_ties_lead_by_nothing():
    assert beyond_chance([1, 1], [1, 1, 1], lead) == 0
