"""What a `PerceptronRun` does: paper C's teacher and students (App. F.1), simulated and by theory.

The appendix speaks of the test error across different configurations and names none. Here a configuration is a learning
rule: Hebb's, ridge regression at three strengths, and the largest margin, which the appendix names. By symmetry the
probe is the first axis and the teacher lies in the plane of the first two; only the examples are drawn, from a stream
that depends on the seed and the draw alone, so all subsets of a seed come from the same examples.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls

from repro.config.samples import PerceptronRun
from repro.data.loader import derive_seed
from repro.procedures import Procedure
from repro.stats import perceptron as theory
from repro.tickets.samples import choose_margin, choose_random
from repro.training.cost import timing

STRENGTHS = (1.0, 0.1, 0.01)  # of ridge regression
Student = Callable[[np.ndarray, np.ndarray], np.ndarray]  # examples (count, weights), labels (count,) -> weights


def simulate(run: PerceptronRun, seed: int, folder: Path, folder_of: Any) -> dict[str, Any]:
    """Errors of every student, as simulated (mean over the draws) and as theory has them."""
    start = time.monotonic()
    draws = [errors_of(run, seed, draw) for draw in range(run.draws)]
    predicted = predict(run)
    metrics = {f"error_{name}": float(np.mean([draw[name] for draw in draws])) for name in predicted}
    return {
        "metrics": metrics | {f"theory_{name}": value for name, value in predicted.items()},
        "timing": timing(time.monotonic() - start, run.draws * count_kept(run), torch.device("cpu")),
        "data": "drawn from the seed",
        "precision": "fp64",
    }


def predict(run: PerceptronRun) -> dict[str, float]:
    """The errors by theory."""
    examples = theory.select(run)
    found = {"hebb": theory.hebb_error(examples)}
    found |= {f"ridge_{strength:g}": theory.ridge_error(examples, strength) for strength in STRENGTHS}
    return found | {"margin": theory.margin_error(examples)}


def students() -> dict[str, Student]:
    """Every learning rule by its name."""
    ridges: dict[str, Student] = {
        f"ridge_{s:g}": lambda x, y, s=s: learn_ridge(x, y, s)  # type: ignore[misc]
        for s in STRENGTHS
    }
    return {"hebb": learn_hebb, **ridges, "margin": learn_margin}


def errors_of(run: PerceptronRun, seed: int, draw: int) -> dict[str, float]:
    """The errors in one draw of examples."""
    rng = np.random.default_rng(derive_seed(seed, "examples", draw))
    total = round(run.examples_per_weight * run.dimensions)
    examples = rng.standard_normal((total, run.dimensions))
    angle = math.radians(run.probe_angle)
    teacher = np.zeros(run.dimensions)
    teacher[:2] = math.cos(angle), math.sin(angle)
    kept = keep(run, examples[:, 0], rng)
    chosen, labels = examples[kept], np.sign(examples[kept] @ teacher)
    return {name: error(learn(chosen, labels), teacher) for name, learn in students().items()}


def count_kept(run: PerceptronRun) -> int:
    """How many examples a run keeps."""
    return max(1, round(run.keep_share * run.examples_per_weight * run.dimensions))


def keep(run: PerceptronRun, margins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ids of the examples that a run keeps, by their margins (count,) along the probe."""
    if run.choice in ("all", "random"):
        return choose_random(len(margins), count_kept(run), rng)
    return choose_margin(margins, count_kept(run), smallest=run.choice == "smallest")


def error(student: np.ndarray, teacher: np.ndarray) -> float:
    """Share of fresh examples on which a student and a unit teacher differ: their angle over π."""
    overlap = student @ teacher / np.linalg.norm(student)
    return math.acos(float(np.clip(overlap, -1, 1))) / math.pi


def learn_hebb(examples: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Hebb's rule: the mean example, each turned to label 1."""
    return labels @ examples / len(labels)


def learn_ridge(examples: np.ndarray, labels: np.ndarray, strength: float) -> np.ndarray:
    """Least mean squared residual plus `strength` |w|²."""
    gram = examples.T @ examples / len(labels) + strength * np.eye(examples.shape[1])
    return np.linalg.solve(gram, labels @ examples / len(labels))


def learn_margin(examples: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The direction of largest margin: least |w| with every y w·x at least 1, exact, as non-negative least squares.

    (Lawson and Hanson's least-distance problem.) The labels must be a teacher's, so that such a w exists.
    """
    turned = (examples * labels[:, None]).T / math.sqrt(examples.shape[1])  # (weights, count)
    target = np.zeros(len(turned) + 1)
    target[-1] = 1
    shares, _ = nnls(np.vstack([turned, np.ones(turned.shape[1])]), target)
    return turned @ shares


def shrink(run: PerceptronRun) -> PerceptronRun:
    """One draw of few dimensions."""
    return replace(run, draws=1, dimensions=20)


PROCEDURE = Procedure(PerceptronRun, simulate, shrinks={PerceptronRun: shrink})
