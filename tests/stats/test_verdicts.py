import math

import numpy as np
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
        ([0.001, 0.0011, 0.0012], "above", 0.0, "holds"),  # an interval decides however near it is
        ([0.03, 0.031], "above", 0.0, "leans towards"),  # two seeds decide nothing
        ([0.03, 0.031, -0.02], "above", 0.0, "leans towards"),
        ([-0.03, -0.031, 0.02], "above", 0.0, "leans against"),
        ([-0.03, -0.031, -0.032], "above", 0.0, "contradicted"),
        ([-0.03, -0.031], "above", 0.0, "leans against"),
        ([0.03], "above", 0.0, "leans towards"),
        ([-0.03], "above", 0.0, "leans against"),
        ([0.004], "above", 0.0, "undecided"),
        ([-0.004], "above", 0.0, "undecided"),
        ([0.9 - 0.895], "above", 0.0, "undecided"),  # a hair above the noise, as floats go
        ([0.0051], "above", 0.0, "leans towards"),
        ([0.02, -0.01, -0.009], "above", 0.0, "undecided"),
        ([0.0, 0.0, 0.0], "above", 0.0, "undecided"),  # on the border is neither inside nor outside
        ([0.9 - 0.895] * 3, "below", 0.005, "undecided"),
        ([], "above", 0.0, "not run"),
        ([0.001, 0.002, 0.008], "below", 0.005, "undecided"),
        ([-0.009, 0.002, 0.004], "below", 0.005, "leans towards"),
        ([0.001, 0.0011, 0.0012], "below", 0.005, "holds"),
        ([0.02, 0.021, 0.022], "below", 0.005, "contradicted"),
        ([0.001, -0.001, 0.0], "within", 0.005, "holds"),
        ([0.004, -0.004, 0.006], "within", 0.005, "undecided"),
        ([0.02, 0.021, 0.022], "within", 0.005, "contradicted"),
        ([-0.02, -0.021, -0.022], "within", 0.005, "contradicted"),
        ([0.05, -0.001, 0.001], "within", 0.005, "leans against"),
        ([-0.05, -0.001, 0.001], "within", 0.005, "leans against"),
        ([0.001], "within", 0.02, "leans towards"),
    ],
)
def test_verdicts(values, kind, margin, word):
    assert stats.verdict(values, kind, margin, "points") == word


@pytest.mark.parametrize("unit", stats.NOISE)
def test_a_mean_leans_where_it_is_further_than_the_noise_of_its_unit(unit):
    noise = stats.NOISE[unit]
    words = [stats.verdict([share * noise], "above", 0.0, unit) for share in (-1.1, -0.9, 0.9, 1.1)]
    assert words == ["leans against", "undecided", "undecided", "leans towards"]


def test_no_verdict_is_decided_below_three_seeds():
    rng = np.random.default_rng(0)
    for kind in ("above", "below", "within"):
        for n in (1, 2):
            words = {stats.verdict(rng.normal(0, 0.1, n), kind, 0.01, "points") for _ in range(200)}
            assert not words & {"holds", "contradicted", "not run"}


def test_an_unknown_kind_or_unit_names_the_known_ones():
    with pytest.raises(ValueError, match="above, below, within"):
        stats.verdict([0.1], "equal", 0.0, "points")
    with pytest.raises(ValueError, match="points, hundredths, percent"):
        stats.verdict([0.1], "above", 0.0, "epochs")


def test_an_exact_value_decides_alone():
    for value, word in ((0.001, "holds"), (0.0, "contradicted"), (-0.001, "contradicted")):
        assert stats.verdict(stats.Exact(value, "of all"), "above", 0, "points") == word
    assert math.isnan(stats.p_value(stats.Exact(0.1, "of all"), "above", 0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["above", "below", "within"])
def test_what_is_no_number_has_no_verdict(value, kind):
    for values in ([value], [0.1, value], [0.1, 0.1, value]):
        with pytest.raises(stats.NotFinite, match=f"needs finite numbers; got .*{value:g}"):
            stats.verdict(values, kind, 0.0, "points")
    with pytest.raises(stats.NotFinite):
        stats.verdict(stats.Exact(value, "of all"), kind, 0.0, "points")
    with pytest.raises(stats.NotFinite):
        stats.p_value([0.1, 0.1, value], kind, 0.0)


@pytest.mark.parametrize(
    ("kind", "margin", "border"),
    [("above", 0.01, 0.01), ("below", 0.01, 0.01), ("within", 0.01, 0.01)],
)
def test_p_is_students_against_the_nearest_border(kind, margin, border):
    values = [0.013, 0.021, 0.008, 0.017]
    expected = scipy_stats.ttest_1samp(values, border).pvalue
    assert stats.p_value(values, kind, margin) == pytest.approx(expected, rel=1e-9)
    mirrored = scipy_stats.ttest_1samp([-v for v in values], -0.01 if kind == "within" else border).pvalue
    assert stats.p_value([-v for v in values], kind, margin) == pytest.approx(mirrored, rel=1e-9)


def test_a_verdict_is_decided_where_p_is_below_five_percent():
    rng = np.random.default_rng(1)
    for kind in ("above", "below", "within"):
        for _ in range(300):
            values = rng.normal(0.01, 0.01, int(rng.integers(3, 6)))
            decided = stats.verdict(values, kind, 0.01, "points") in ("holds", "contradicted")
            assert decided == (stats.p_value(values, kind, 0.01) < stats.ALPHA)


def test_p_needs_three_seeds_and_no_spread_is_certain():
    assert math.isnan(stats.p_value([0.1, 0.2], "above", 0.0))
    assert stats.p_value([0.5, 0.5, 0.5], "above", 0.0) == 0.0
    assert stats.p_value([0.5, 0.5, 0.5], "above", 0.5) == 1.0


def test_holm_gives_the_adjusted_values_of_his_definition():
    """By hand: .01 four times, .02 three times, .03 twice, and .04, which may not fall below .06."""
    assert stats.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert stats.holm([0.6, 0.9]) == [1.0, 1.0]
    assert stats.holm([]) == []


def test_holm_rejects_what_the_step_down_rule_rejects():
    rng = np.random.default_rng(2)
    for _ in range(100):
        p_values = (rng.random(6) ** 4).tolist()
        rejected, ordered = set(), sorted(p_values)
        while ordered and ordered[0] <= stats.ALPHA / len(ordered):  # Holm 1979: stop at the first that is too large
            rejected.add(ordered.pop(0))
        assert {p for p, q in zip(p_values, stats.holm(p_values), strict=True) if q <= stats.ALPHA} == rejected
