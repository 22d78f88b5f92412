import math

import numpy as np
import pytest

from repro.config import PerceptronRun
from repro.config.checks import ConfigError
from repro.procedures import simulate as perceptron
from repro.stats import perceptron as theory

WHOLE = PerceptronRun(dimensions=40, draws=2)


def test_hebbs_rule_on_all_examples_is_the_textbook_formula():
    # The mean of y x is sqrt(2 / pi) along the teacher, and noise of squared length 1 / n: R = 1 / sqrt(1 + pi / 2n).
    for n in (0.5, 2.0, 8.0):
        found = theory.hebb_error(theory.select(PerceptronRun(examples_per_weight=n)))
        assert found == pytest.approx(math.acos(1 / math.sqrt(1 + math.pi / (2 * n))) / math.pi, abs=1e-6)


def test_a_probe_says_nothing_where_all_is_kept():
    one, other = (perceptron.predict(PerceptronRun(probe_angle=angle)) for angle in (0.0, 50.0))
    assert one == pytest.approx(other, abs=1e-4)


def test_hebbs_rule_on_the_smallest_margins_of_a_perfect_probe_in_the_limit():
    # The hundredth of smallest |z| is all but uniform up to t, where 2 t / sqrt(2 pi) = .01. So E|z| = t / 2, and
    # across the probe there is nothing to learn: R = (t / 2) / sqrt(t^2 / 4 + 1 / n), n = .01 * 400 examples a weight.
    run = PerceptronRun("smallest", 0.01, 0.0, examples_per_weight=400.0)
    half = 0.01 * math.sqrt(2 * math.pi) / 4
    expected = math.acos(half / math.sqrt(half**2 + 1 / 4)) / math.pi
    assert theory.hebb_error(theory.select(run)) == pytest.approx(expected, abs=1e-5)


def test_strong_ridge_is_hebbs_rule():
    examples = theory.select(PerceptronRun("smallest", 0.4, 30.0))
    assert theory.ridge_error(examples, 1e5) == pytest.approx(theory.hebb_error(examples), abs=1e-4)


@pytest.mark.slow
def test_the_trace_of_the_gram_matrix_is_that_of_a_large_one():
    rng, rows, ratio, strength = np.random.default_rng(0), 1500, 0.6, 0.3
    matrix = rng.standard_normal((rows, int(ratio * rows)))
    values = np.linalg.eigvalsh(matrix @ matrix.T / rows)
    trace, slope = theory.gram_trace(ratio, strength)
    assert trace == pytest.approx((1 / (values + strength)).mean(), rel=0.01)
    assert slope == pytest.approx(-(1 / (values + strength) ** 2).mean(), rel=0.01)


def test_the_largest_margin_learns_all_but_half_an_error_per_example_a_weight():
    # With many examples the error of the student of largest margin falls as .5005 / n (Opper and Kinzel).
    found = theory.margin_error(theory.select(PerceptronRun(examples_per_weight=60.0)))
    assert found == pytest.approx(0.5005 / 60, rel=0.03)


def test_without_examples_there_is_nothing_to_know():
    for error in perceptron.predict(PerceptronRun(dimensions=1000, examples_per_weight=0.001)).values():
        assert 0.45 < error < 0.5


@pytest.mark.parametrize(("choice", "expected"), [("smallest", 0.0), ("largest", 1.0)])
def test_the_theory_keeps_the_margins_that_the_simulation_keeps(choice, expected):
    run = PerceptronRun(choice, 0.3, 20.0, dimensions=200, examples_per_weight=100.0)
    margins = np.random.default_rng(0).standard_normal(20_000)
    kept = np.abs(margins[perceptron.keep(run, margins, np.random.default_rng(0))])
    low, high = theory.kept_margins(run)
    assert kept.min() >= low - 0.02
    assert kept.max() <= high + 0.02
    examples = theory.select(run)
    assert examples.weights.sum() == pytest.approx(1)
    assert examples.mean(np.abs(examples.along)) == pytest.approx(kept.mean(), abs=0.02)
    assert (kept.mean() > 0.8) == bool(expected)


@pytest.mark.parametrize(
    "run",
    [
        PerceptronRun(dimensions=300, draws=3),
        PerceptronRun("random", 0.2, dimensions=300, draws=3),
        PerceptronRun("smallest", 0.4, 0.0, dimensions=300, draws=3),
        PerceptronRun("smallest", 0.1, 40.0, dimensions=300, draws=3),
        PerceptronRun("largest", 0.2, 30.0, dimensions=300, draws=3),
    ],
    ids=lambda run: f"{run.choice}-{run.keep_share:g}",
)
def test_simulated_errors_follow_the_theory(run, tmp_path):
    metrics = perceptron.simulate(run, 0, tmp_path, None)["metrics"]
    for learner in perceptron.students():
        assert metrics[f"error_{learner}"] == pytest.approx(metrics[f"theory_{learner}"], abs=0.015)


def test_the_margin_of_three_examples_is_found_by_hand():
    # Two weights, examples (2, 0), (0, 1) and (-3, -3) with labels 1, 1, -1. The first two set the margin: w along
    # (1, 2) has w.x = 2 for both, and 9 for the third.
    examples = np.array([[2.0, 0.0], [0.0, 1.0], [-3.0, -3.0]])
    found = perceptron.learn_margin(examples, np.array([1.0, 1.0, -1.0]))
    assert found / np.linalg.norm(found) == pytest.approx(np.array([1, 2]) / math.sqrt(5))


def test_the_margin_student_has_the_larger_margin():
    rng = np.random.default_rng(0)
    examples = rng.standard_normal((60, 20))
    labels = np.sign(examples[:, 0])

    def margin(student):
        return (labels * (examples @ student)).min() / np.linalg.norm(student)

    best = margin(perceptron.learn_margin(examples, labels))
    assert best > margin(np.eye(20)[0])
    assert all(best >= margin(perceptron.learn_margin(examples, labels) + 0.01 * d) for d in rng.normal(size=(50, 20)))


def test_errors_are_angles():
    teacher = np.array([1.0, 0.0])
    assert perceptron.error(np.array([0.0, 3.0]), teacher) == 0.5
    assert perceptron.error(np.array([2.0, 2.0]), teacher) == pytest.approx(0.25)


def test_all_subsets_of_a_seed_come_from_the_same_examples():
    whole = perceptron.errors_of(WHOLE, 0, 0)
    nearly = perceptron.errors_of(PerceptronRun("smallest", 0.999, 0.0, dimensions=40), 0, 0)
    assert whole == pytest.approx(nearly, abs=0.03)
    assert whole != perceptron.errors_of(WHOLE, 1, 0)
    assert whole != perceptron.errors_of(WHOLE, 0, 1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"choice": "all", "keep_share": 0.5}, "keep_share must lie above 0 and below 1, and at 1 for all; got 0.5"),
        ({"choice": "random"}, "got 1.0"),
        ({"choice": "hardest", "keep_share": 0.5}, "choice must be one of all, random, smallest, largest"),
        ({"choice": "smallest", "keep_share": 0.5, "probe_angle": 90.0}, "from 0 to below 90 degrees; got 90.0"),
        ({"draws": 0}, "draws must be at least 1"),
    ],
)
def test_configs_that_make_no_sense_are_refused(fields, said):
    with pytest.raises(ConfigError, match=said):
        PerceptronRun(**fields)
