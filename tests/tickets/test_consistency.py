import numpy as np
import pytest
from scipy import stats

from repro.config import ConfigError
from repro.tickets.consistency import (
    chance_of_order,
    compare_marks,
    difference_of_shares,
    difficulty_strata,
    overlap_null,
    retest_share,
)


def marks(total, *which):
    return np.isin(np.arange(total), which)


def test_a_case_worked_out_by_hand():
    """Four classes, each way picks two, both pick the same two.

    Of the 6 ways to place two marks, 1 hits both and 5 not: p = 1/6, the mean is 2 * 2 / 4 = 1.
    Two of two inside, none of two outside: the difference of shares is 1.
    """
    found = compare_marks(marks(4, 0, 1), marks(4, 0, 1))
    assert found.both == 2
    assert found.expected == pytest.approx(1)
    assert found.p_more == pytest.approx(1 / 6)
    assert found.p_either == pytest.approx(1 / 3)
    assert found.difference == 1


def test_within_strata_what_difficulty_explains_is_no_evidence():
    """The same marks; but 0 and 1 are one stratum and 2 and 3 the other: nothing can be exchanged, so p = 1."""
    found = compare_marks(marks(4, 0, 1), marks(4, 0, 1), np.array([0, 0, 1, 1]))
    assert found.expected == pytest.approx(2)
    assert found.p_more == pytest.approx(1)


def test_the_exact_null_is_what_shuffling_gives():
    rng = np.random.default_rng(0)
    first, second, strata = rng.random(60) < 0.4, rng.random(60) < 0.3, rng.integers(0, 3, 60)
    shuffled = []
    for _ in range(4000):
        moved = second.copy()
        for stratum in range(3):
            inside = np.flatnonzero(strata == stratum)
            moved[inside] = second[rng.permutation(inside)]
        shuffled.append((first & moved).sum())
    null = overlap_null(first, second, strata)
    assert null.sum() == pytest.approx(1)
    seen = np.bincount(shuffled, minlength=len(null)) / 4000
    assert np.abs(seen - null).max() < 0.03
    assert compare_marks(first, second, strata).expected == pytest.approx(np.mean(shuffled), abs=0.1)


def test_without_strata_it_is_fishers_exact_test():
    rng = np.random.default_rng(1)
    first, second = rng.random(80) < 0.4, rng.random(80) < 0.5
    table = [[(first & second).sum(), (first & ~second).sum()], [(~first & second).sum(), (~first & ~second).sum()]]
    assert compare_marks(first, second).p_more == pytest.approx(stats.fisher_exact(table, "greater").pvalue)


def test_under_the_null_a_small_p_is_as_rare_as_it_says():
    rng = np.random.default_rng(2)
    first = marks(200, *range(60))
    found = [compare_marks(first, rng.permutation(first)).p_more for _ in range(400)]
    assert np.mean(np.array(found) <= 0.05) < 0.08


def test_newcombes_interval_agrees_with_his_example():
    """Newcombe (1998), Table II, method 10: 56/70 - 48/80 is .2000 with .0524 to .3339."""
    found = difference_of_shares((56, 48), (70, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_strata_are_equally_large_and_in_the_order_of_difficulty():
    accuracies = np.array([[0.9, 0.1, 0.5, 0.7], [0.9, 0.3, 0.5, 0.5]])  # means .9, .2, .5, .6
    assert difficulty_strata(accuracies, 2).tolist() == [1, 0, 0, 1]


def test_the_chance_of_an_order_on_one_image_is_that_the_better_is_right_and_the_worse_wrong():
    """With one image X > Y means 1 and 0: .9 * (1 - .4) = .54."""
    assert chance_of_order(np.array([[0.9], [0.4]]), 1) == pytest.approx([0.54])


def test_the_chance_of_an_order_agrees_with_drawing():
    accuracies = np.array([[0.8, 0.6], [0.7, 0.6], [0.5, 0.6]])
    drawn = np.random.default_rng(0).binomial(20, accuracies, (20_000, 3, 2))
    again = ((drawn[:, 0] > drawn[:, 1]) & (drawn[:, 1] > drawn[:, 2])).mean(axis=0)
    assert chance_of_order(accuracies, 20) == pytest.approx(again, abs=0.01)
    assert retest_share(accuracies, 20) == pytest.approx(again[0], abs=0.01), "only class 0 is consistent"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (marks(4), marks(4, 1), "no class"),
        (marks(4, 1), marks(4, 0, 1, 2, 3), "every class"),
        (marks(4, 1), marks(5, 1), "marks of 4, 5"),
    ],
)
def test_marks_that_cannot_be_compared_are_refused(first, second, said):
    with pytest.raises(ConfigError, match=said):
        compare_marks(first, second)
