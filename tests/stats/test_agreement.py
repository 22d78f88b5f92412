import math

import numpy as np
import pytest
from scipy import stats

from repro.audit.ranks import critical_pearson
from repro.audit.rounding import correlation_range
from repro.stats import agreement

FULL, LT1 = [0.910, 0.905, 0.896, 0.909], [0.870, 0.865, 0.864, 0.871]


def test_correlations_are_scipys():
    rng = np.random.default_rng(0)
    for count in (3, 4, 7, 50):
        x, y = rng.normal(size=(2, count))
        assert agreement.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
        assert agreement.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    tied = [1.0, 2.0, 2.0, 5.0]
    assert agreement.spearman(tied, FULL) == pytest.approx(stats.spearmanr(tied, FULL).statistic)


def test_a_constant_row_has_no_correlation():
    assert math.isnan(agreement.pearson(FULL, [0.5] * 4))


def test_the_critical_value_is_where_scipys_p_value_is_5_percent():
    limit = critical_pearson(4)
    assert limit == pytest.approx(0.950, abs=5e-4)
    # Four points whose correlation is exactly the limit: y = limit x + sqrt(1 - limit^2) z with z orthogonal to x.
    x, z = np.array([-3.0, -1, 1, 3]) / math.sqrt(20), np.array([1.0, -1, -1, 1]) / 2
    assert stats.pearsonr(x, limit * x + math.sqrt(1 - limit**2) * z).pvalue == pytest.approx(0.05)


def test_two_of_24_orders_are_perfect_or_reversed():
    assert agreement.chance_of_order(4) == 2 / 24


def test_rounding_range_holds_every_row_that_rounds_to_the_printed_one():
    low, high = correlation_range(np.array(FULL), np.array(LT1), (5e-4, 5e-4))
    rng = np.random.default_rng(0)
    found = [
        agreement.pearson(FULL + rng.uniform(-5e-4, 5e-4, 4), LT1 + rng.uniform(-5e-4, 5e-4, 4)) for _ in range(2000)
    ]
    assert low <= min(found) < 0.78 < 0.92 < max(found) <= high
    assert 0.72 < low < 0.74
    assert 0.94 < high < 0.96


def test_regret_is_what_the_favourite_of_the_subset_costs():
    assert agreement.regret(FULL, LT1) == pytest.approx(0.001), "C4 is the favourite, C1 is best"
    assert agreement.regret(FULL, FULL) == 0
