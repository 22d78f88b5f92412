import math

import pytest
from scipy import stats as scipy_stats

from repro.stats import verdicts as stats


def test_the_interval_is_students():
    values = [0.71, 0.74, 0.72, 0.75]
    low, high = scipy_stats.t.interval(0.95, 3, loc=0.73, scale=scipy_stats.sem(values))
    found = stats.estimate(values)
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((0.73, low, high, 4))


def test_two_seeds_have_the_wide_interval_they_deserve():
    found = stats.estimate([0.0, 0.02])
    assert found.high - found.mean == pytest.approx(12.706 * 0.01, rel=1e-3)


def test_one_seed_has_no_interval_and_none_has_no_mean():
    assert stats.estimate([0.3]).mean == 0.3
    assert math.isnan(stats.estimate([0.3]).low)
    assert math.isnan(stats.estimate([]).mean)


@pytest.mark.parametrize(
    ("values", "kind", "margin", "word"),
    [
        ([0.03, 0.031, 0.032], "above", 0.0, "holds"),
        ([0.03, 0.031, -0.02], "above", 0.0, "direction holds"),
        ([-0.03, -0.031, 0.02], "above", 0.0, "not seen"),
        ([-0.03, -0.031, -0.032], "above", 0.0, "contradicted"),
        ([0.03], "above", 0.0, "direction holds"),
        ([-0.03], "above", 0.0, "not seen"),
        ([], "above", 0.0, "not run"),
        ([0.001, 0.002, 0.008], "below", 0.005, "direction holds"),
        ([0.001, 0.0011, 0.0012], "below", 0.005, "holds"),
        ([0.02, 0.021, 0.022], "below", 0.005, "contradicted"),
        ([0.001, -0.001, 0.0], "within", 0.005, "holds"),
        ([0.004, -0.004, 0.006], "within", 0.005, "direction holds"),
        ([0.02, 0.021, 0.022], "within", 0.005, "contradicted"),
        ([-0.02, -0.021, -0.022], "within", 0.005, "contradicted"),
        ([0.02, -0.001, 0.001], "within", 0.005, "not seen"),
    ],
)
def test_verdicts(values, kind, margin, word):
    assert stats.verdict(values, kind, margin) == word


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match="above, below, within"):
        stats.verdict([0.1], "equal", 0.0)


def test_an_exact_value_needs_no_interval():
    assert stats.verdict([0.2], "above", 0) == "direction holds"
    assert stats.verdict([0.2], "above", 0, exact=True) == "holds"
    assert stats.verdict([-0.2], "above", 0, exact=True) == "contradicted"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["above", "below", "within"])
def test_what_is_no_number_has_no_verdict(value, kind):
    for values in ([value], [0.1, value], [0.1, 0.1, value]):
        with pytest.raises(stats.NotFinite, match=f"needs finite numbers; got .*{value:g}"):
            stats.verdict(values, kind, 0.0)
    with pytest.raises(stats.NotFinite):
        stats.verdict([value], kind, 0.0, exact=True)
    for bounds in ((value, 0.0, 0.2), (0.1, value, 0.2), (0.1, 0.0, value)):
        with pytest.raises(stats.NotFinite):
            stats.judge(stats.Estimate(*bounds, n=5), kind, 0.0)
