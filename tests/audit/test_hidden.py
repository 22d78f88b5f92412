"""The search for a full row, on tables whose full row is known."""

import numpy as np
import pytest
from scipy import stats

from repro.audit.hidden import best_orders, best_row, centred_axes

RNG = np.random.default_rng(1)
FULL = np.array([1.0, 5.0, 2.0, 8.0, 3.0, 7.0])
SUBSETS = RNG.normal(size=(8, 6)) + FULL / 3


def true_coefficients():
    linear = np.array([stats.pearsonr(row, FULL).statistic for row in SUBSETS])
    ranked = np.array([stats.spearmanr(row, FULL).statistic for row in SUBSETS])
    return linear, ranked


def test_the_true_order_is_among_those_that_agree_with_all():
    found = best_orders(SUBSETS, true_coefficients()[1].round(3), 5e-4)
    assert found.agreeing == 8
    assert stats.rankdata(FULL).tolist() in [stats.rankdata(order).tolist() for order in found.orders]


def test_one_wrong_coefficient_leaves_the_others():
    wrong = true_coefficients()[1]
    wrong[3] = -wrong[3] + 0.01
    found = best_orders(SUBSETS, wrong, 5e-4)
    assert found.agreeing == 7
    assert {i for line in found.correlations for i in np.flatnonzero(np.abs(line - wrong) > 5e-4)} == {3}


def test_ties_are_tried():
    tied = np.array([1.0, 1.0, 2.0, 3.0, 3.0, 3.0])
    printed = np.array([stats.spearmanr(row, tied).statistic for row in SUBSETS])
    assert best_orders(SUBSETS, printed, 1e-9).agreeing == 8


def test_the_true_row_is_found_up_to_scale():
    found = best_row(SUBSETS, true_coefficients()[0], np.zeros(8))
    assert found.error == pytest.approx(0, abs=1e-4)
    assert found.bound == pytest.approx(0, abs=1e-8)
    assert np.corrcoef(found.row, FULL)[0, 1] == pytest.approx(1, abs=1e-4)


def test_a_coefficient_that_no_row_gives_is_proved_wrong_and_an_allowance_takes_the_proof_back():
    wrong = true_coefficients()[0]
    wrong[0] -= 0.1
    strict = best_row(SUBSETS, wrong, np.full(8, 5e-4))
    assert 0 < strict.bound <= strict.error < 0.1
    assert best_row(SUBSETS, wrong, np.full(8, 0.1)).bound <= 0


def test_the_bound_lies_under_every_row_tried_at_random():
    printed, allowance = RNG.uniform(0.3, 0.9, 8), np.zeros(8)
    found = best_row(SUBSETS, printed, allowance)
    errors = [
        max(abs(stats.pearsonr(row, full).statistic - p) for row, p in zip(SUBSETS, printed, strict=True))
        for full in RNG.normal(size=(300, 6))
    ]
    assert found.bound <= found.error <= min(errors)


def test_the_axes_span_what_is_centred():
    axes = centred_axes(6)
    assert axes.T @ axes == pytest.approx(np.eye(5))
    assert axes.sum(axis=0) == pytest.approx(np.zeros(5))
