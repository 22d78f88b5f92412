"""What rounding allows, against brute force."""

from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from repro.audit.rounding import correlation_extreme, correlation_range, difference_range, half_unit, pearson


def test_half_a_unit_follows_the_digits_that_are_printed():
    assert half_unit(Decimal("79.9")) == Decimal("0.05")
    assert half_unit(Decimal("1.000")) == Decimal("0.0005")
    assert half_unit(Decimal("27")) == Decimal("0.5")


def test_a_difference_may_be_off_by_half_a_unit_of_each_number():
    """79.6 is from 79.55 to 79.65 and 79.5 from 79.45 to 79.55, so the difference is from 0.0 to 0.2."""
    assert difference_range(Decimal("79.6"), Decimal("79.5")) == (Decimal("0.00"), Decimal("0.20"))
    assert difference_range(Decimal("81.2"), Decimal("80.63")) == (Decimal("0.515"), Decimal("0.625"))


def test_pearson_is_scipys_and_nothing_for_a_constant():
    x, y = np.array([1.0, 2.0, 4.0, 3.0]), np.array([1.0, 3.0, 2.0, 5.0])
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert np.isnan(pearson(np.ones(4), y))


@pytest.mark.parametrize("row", [(864, 862, 862, 863), (863, 867, 863, 871), (871, 864, 863, 867)])
def test_a_correlation_range_holds_every_random_draw_and_is_nearly_reached_by_some(row):
    """Brute force: 200,000 draws of all eight accuracies within half a unit, of which a third sit in corners."""
    first, second = np.array(row, float), np.array([910.0, 905.0, 896.0, 909.0])
    rng = np.random.default_rng(0)
    moves = rng.uniform(-0.5, 0.5, (200_000, 8))
    moves[::3] = np.sign(moves[::3]) / 2
    x, y = first + moves[:, :4], second + moves[:, 4:]
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    drawn = (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))
    low, high = correlation_range(first, second, (0.5, 0.5))
    assert low <= drawn.min() + 1e-6
    assert high >= drawn.max() - 1e-6
    assert (low, high) == pytest.approx((drawn.min(), drawn.max()), abs=0.02)


def test_an_extreme_is_given_by_values_that_round_to_the_printed_ones():
    first, second = np.array([864.0, 862.0, 862.0, 863.0]), np.array([910.0, 905.0, 896.0, 909.0])
    x, y = correlation_extreme(first, second, (0.5, 0.0), 1)
    assert np.abs(x - first).max() <= 0.5
    assert (y == second).all()
    assert pearson(x, y) == pytest.approx(correlation_range(first, second, (0.5, 0.0))[1])


def test_with_many_digits_the_range_is_one_value():
    first, second = np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 3.0])
    assert correlation_range(first, second, (1e-9, 1e-9)) == pytest.approx((0.5, 0.5))
