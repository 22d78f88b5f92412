"""Test errors of students of a perceptron teacher, in the limit of many weights (paper C, Appendix F.1).

The appendix sets the scene after Sorscher et al. (2022): Gaussian examples, labels by a teacher, a subset chosen by its
margin z along a probe at an angle to the teacher, a student of largest margin, and an error of arccos(R) / π for an
overlap R with the teacher. It gives no way to compute R and ends in the middle of a sentence. What is missing is
derived here: only the plane of probe and teacher feels the selection; in all other directions the examples stay
Gaussian, so a student is its two components (a, b) in that plane and the length of the rest.

- Hebb's rule, the mean of y x, has (a, b) = (E[y z], E[y u]) and a rest of squared length 1 / n,
  for n examples a weight.
- Ridge regression follows from the resolvent of the rest's Gram matrix, of which m below is the trace.
- A unit student of margin κ exists where n E[(κ − h)₊²] ≤ 1 − a² − b², for h = y (a z + b u) + √(1 − a² − b²) x with
  standard normal x: Gardner's volume, which Gordon's inequality confirms. The largest such κ names (a, b).

Here u is the coordinate of an example across the probe, in that plane.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import ndtr, ndtri

from repro.config.samples import PerceptronRun

NODES_ALONG, NODES_ACROSS = 40, 60  # of the sums that stand for means over |z| and u
FAR = 8.0  # standard deviations


@dataclass(frozen=True)
class Examples:
    """The distribution of selected examples in the plane of probe and teacher, all with label 1; and how many."""

    along: np.ndarray  # (nodes,) y z
    across: np.ndarray  # (nodes,) y u
    weights: np.ndarray  # (nodes,) of the nodes in a mean
    teacher: np.ndarray  # (2,) the teacher's direction
    per_weight: float  # examples left, for each weight of the student

    def mean(self, values: np.ndarray) -> float:
        """The mean of a value given at every node."""
        return float(self.weights @ values)


def select(run: PerceptronRun) -> Examples:
    """The examples that a run keeps.

    An example and its mirror image bear opposite labels, so those with label 1 stand for all.
    """
    angle = math.radians(run.probe_angle)
    cosine, sine = math.cos(angle), math.sin(angle)
    low, high = kept_margins(run)
    half, half_weights = grid(np.array(low), np.array(high), NODES_ALONG)
    z, z_weights = np.concatenate([-half, half]), np.tile(half_weights, 2)
    least = np.clip(-cosine * z / max(sine, 1e-9), -FAR, FAR)  # u, above which the label is 1
    u, u_weights = grid(least[:, None], np.array(FAR), NODES_ACROSS)
    weights = (z_weights[:, None] * u_weights).ravel()
    return Examples(
        z.repeat(NODES_ACROSS),
        u.ravel(),
        weights / weights.sum(),
        np.array([cosine, sine]),
        run.keep_share * run.examples_per_weight,
    )


def kept_margins(run: PerceptronRun) -> tuple[float, float]:
    """Least and greatest |z| that a run keeps; beyond FAR there is nothing to speak of."""
    if run.choice == "smallest":
        return 0.0, float(ndtri((1 + run.keep_share) / 2))
    return (float(ndtri(1 - run.keep_share / 2)) if run.choice == "largest" else 0.0), FAR


def grid(low: np.ndarray, high: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes from low to high (..., nodes), and weights of a mean over a standard normal there."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    half = (high - low) / 2
    values = low + half * (1 + places)
    return values, half * weights * np.exp(-(values**2) / 2)


def error_of(plane: np.ndarray, rest: float, examples: Examples) -> float:
    """Share of fresh examples that a student gets wrong, by its components in the plane and the length of the rest."""
    overlap = plane @ examples.teacher / math.hypot(*plane, rest)
    return math.acos(min(1.0, overlap)) / math.pi


def hebb_error(examples: Examples) -> float:
    """Error of Hebb's rule."""
    return error_of(pull(examples), 1 / math.sqrt(examples.per_weight), examples)


def pull(examples: Examples) -> np.ndarray:
    """The mean example of label 1, (2,)."""
    return np.array([examples.mean(examples.along), examples.mean(examples.across)])


def ridge_error(examples: Examples, strength: float) -> float:
    """Error of ridge regression on labels ±1, which minimises the mean squared residual plus `strength` |w|²."""
    trace, slope = gram_trace(1 / examples.per_weight, strength)
    moments = np.array(
        [[examples.mean(p * q) for q in (examples.along, examples.across)] for p in coordinates(examples)]
    )
    plane = np.linalg.solve(trace * moments + np.eye(2), trace * pull(examples))
    residual = 1 - plane[0] * examples.along - plane[1] * examples.across
    return error_of(plane, math.sqrt(examples.mean(residual**2) * (trace + strength * slope)), examples)


def coordinates(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Both coordinates of the nodes."""
    return examples.along, examples.across


def gram_trace(ratio: float, strength: float) -> tuple[float, float]:
    """Mean diagonal entry m of (G + strength)⁻¹, and its derivative by `strength`.

    G is X Xᵀ / P for P rows of `ratio` P standard normal entries; Marchenko and Pastur: strength m² + (strength + ratio
    − 1) m = 1.
    """
    middle = 1 - strength - ratio
    m = (middle + math.sqrt(middle**2 + 4 * strength)) / (2 * strength)
    return m, -m * (m + 1) / (2 * strength * m - middle)


def margin_error(examples: Examples) -> float:
    """Error of the student of largest margin."""
    start = best_start(examples)
    options = {"xatol": 1e-5, "fatol": 1e-9}
    found = optimize.minimize(
        lambda plane: -largest_margin(plane, examples), start, method="Nelder-Mead", options=options
    )
    return error_of(found.x, math.sqrt(1 - found.x @ found.x), examples)


def best_start(examples: Examples) -> np.ndarray:
    """Where the search begins: Hebb's student at unit length."""
    plane = pull(examples)
    return plane / math.hypot(*plane, 1 / math.sqrt(examples.per_weight))


def largest_margin(plane: np.ndarray, examples: Examples) -> float:
    """The largest margin of a unit student with these components in the plane; minus infinity outside the unit disc."""
    rest = 1 - plane @ plane
    if rest <= 0:
        return -math.inf
    field = plane[0] * examples.along + plane[1] * examples.across

    def excess(margin: float) -> float:
        return examples.per_weight * examples.mean(lack(margin - field, math.sqrt(rest))) - rest

    return float(optimize.brentq(excess, -20, 20 + 2 / math.sqrt(examples.per_weight)))


def lack(gap: np.ndarray, spread: float) -> np.ndarray:
    """The mean of (gap + spread x)₊² over standard normal x."""
    scaled = gap / spread
    density = np.exp(-(scaled**2) / 2) / math.sqrt(2 * math.pi)
    return (gap**2 + spread**2) * ndtr(scaled) + gap * spread * density
