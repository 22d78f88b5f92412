"""Attainable and critical rank correlations, by hand and against SciPy."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from repro.audit import ranks


def test_seven_values_can_have_these_spearman_correlations_by_going_through_all_5040_orders():
    """1 − d/56 for an even sum of squares d: 1, .964, .929, .893, .857, .821, .786, ... and no .847."""
    found = {round(float(stats.spearmanr(range(7), order).statistic), 6) for order in permutations(range(7))}
    assert {round(value, 6) for value in ranks.attainable(7)} == found
    assert [round(value, 3) for value in ranks.attainable(7)[:7]] == [1.0, 0.964, 0.929, 0.893, 0.857, 0.821, 0.786]
    assert len(found) == 57


def test_three_values_by_hand():
    """Orders of three: sums of squares 0, 2, 2, 6, 6, 8, so 1, .5, -.5, -1."""
    assert ranks.attainable(3) == pytest.approx([1.0, 0.5, -0.5, -1.0])


def test_one_tie_gives_what_no_tie_can():
    """Ranks 1.5, 1.5, 3 against 1, 2, 3: covariance 1.5, lengths √1.5 and √2, so √3/2."""
    assert ranks.attainable_with_a_tie(3)[0] == pytest.approx(3**0.5 / 2)
    assert min(abs(v - 0.847) for v in ranks.attainable_with_a_tie(7)) < 5e-4
    assert min(abs(v - 0.847) for v in ranks.attainable(7)) > 5e-4


def test_there_are_as_many_weak_orders_as_there_should_be():
    assert [len(ranks.weak_orders(n)) for n in (1, 2, 3, 6)] == [1, 3, 13, 4683]
    assert len(ranks.all_orders(6)) == 720


def test_rank_correlations_are_scipys_with_ties():
    first, second = np.array([[3, 1, 2, 2], [1, 2, 3, 4]]), np.array([[1, 1, 2, 3]])
    expected = [[stats.spearmanr(row, second[0]).statistic] for row in first]
    assert ranks.rank_correlations(first, second) == pytest.approx(np.array(expected))
    assert ranks.rank_correlations(first, np.ones((1, 4))).tolist() == [[0.0], [0.0]]


def test_critical_values():
    """Of 24 orders of four, two have |ρ_s| = 1: 8 %, over 5. Tables give .786 for 7 and .886 for 6."""
    assert np.isnan(ranks.critical_spearman(4))
    assert ranks.critical_spearman(6) == pytest.approx(0.886, abs=5e-4)
    assert ranks.critical_spearman(7) == pytest.approx(0.786, abs=5e-4)
    assert [round(ranks.critical_pearson(n), 3) for n in (4, 6, 7)] == [0.95, 0.811, 0.754]


def test_a_critical_pearson_has_a_p_value_of_5_percent():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 7))
    x, noise = x - x.mean(), noise - noise.mean()
    noise -= x * (x @ noise) / (x @ x)
    r = ranks.critical_pearson(7)
    y = r * x / np.linalg.norm(x) + (1 - r * r) ** 0.5 * noise / np.linalg.norm(noise)
    assert stats.pearsonr(x, y).pvalue == pytest.approx(0.05)


def test_the_interval_of_a_correlation_is_scipys():
    x, y = [1, 2, 3, 4, 5, 6, 7], [2, 1, 4, 3, 7, 5, 6]
    found = stats.pearsonr(x, y)
    assert ranks.pearson_interval(found.statistic, 7) == pytest.approx(tuple(found.confidence_interval()))
