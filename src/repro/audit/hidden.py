"""Is there a full row that Table 3 of paper C could have been computed from?

The table prints six accuracies of every subset and the correlations with the full data, but not the full row. For ρ_s
every order of six networks is tried, ties included. For ρ_p a row, centred and of length one, is a vector u, and each
correlation is a product with u, so the least greatest error over all u of any length is a linear programme. That is a
bound from below which no full row can beat; a search over u of length one gives a row that comes close to it. Errors
count beyond an allowance for each subset, which is what rounding explains.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from repro.audit.ranks import rank_correlations, standardised, weak_orders

STARTS = 40


@dataclass(frozen=True)
class BestOrders:
    """The orders of the full row that agree with most printed ρ_s."""

    agreeing: int
    orders: np.ndarray  # (orders, networks), levels, 0 the lowest
    correlations: np.ndarray  # (orders, subsets)


def best_orders(accuracies: np.ndarray, printed: np.ndarray, half: float) -> BestOrders:
    """Go through all orders of the full row, ties included; `accuracies` (subsets, networks), `printed` (subsets,)."""
    orders = weak_orders(accuracies.shape[1])
    found = rank_correlations(accuracies, orders)
    agreeing = (np.abs(found - printed[:, None]) <= half + 1e-9).sum(axis=0)
    best = agreeing == agreeing.max()
    return BestOrders(int(agreeing.max()), orders[best], found[:, best].T)


@dataclass(frozen=True)
class BestRow:
    """The full row whose ρ_p come nearest to those printed."""

    bound: float  # no row has a smaller greatest error beyond the allowance; above 0 it proves that there is none
    error: float  # greatest error beyond the allowance of the row found
    row: np.ndarray  # (networks,), centred and of length one
    correlations: np.ndarray  # (subsets,)


def best_row(accuracies: np.ndarray, printed: np.ndarray, allowance: np.ndarray) -> BestRow:
    """Fit the full row; `accuracies` (subsets, networks), `printed` and `allowance` (subsets,)."""
    axes = centred_axes(accuracies.shape[1])
    table = standardised(accuracies) @ axes
    unit = nearest_unit(table, printed, allowance)
    found = table @ unit
    error = float((np.abs(found - printed) - allowance).max())
    return BestRow(least_error(table, printed, allowance), error, axes @ unit, found)


def centred_axes(n: int) -> np.ndarray:
    """An orthonormal basis of the vectors of length n whose mean is zero: (n, n - 1)."""
    return np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1]


def least_error(table: np.ndarray, target: np.ndarray, allowance: np.ndarray) -> float:
    """The least greatest |table @ u - target| - allowance over all u of any length, by linear programming."""
    rows, columns = table.shape
    slack = np.ones((rows, 1))
    sides = np.block([[table, -slack], [-table, -slack]])
    limits = np.append(allowance + target, allowance - target)
    aim = np.append(np.zeros(columns), 1.0)
    return float(optimize.linprog(aim, sides, limits, bounds=[(None, None)] * (columns + 1)).fun)


def nearest_unit(table: np.ndarray, target: np.ndarray, allowance: np.ndarray) -> np.ndarray:
    """The u of length one with the least greatest error that a search from 40 fixed starts finds."""
    constraints = [
        {"type": "ineq", "fun": lambda v: v[-1] + allowance - (table @ v[:-1] - target)},
        {"type": "ineq", "fun": lambda v: v[-1] + allowance + (table @ v[:-1] - target)},
        {"type": "eq", "fun": lambda v: v[:-1] @ v[:-1] - 1},
    ]
    starts = standard_starts(table.shape[1])
    found = [optimize.minimize(lambda v: v[-1], s, method="SLSQP", constraints=constraints) for s in starts]
    best = min((f for f in found if f.success), key=lambda f: f.fun).x[:-1]
    return best / np.linalg.norm(best)


def standard_starts(columns: int) -> np.ndarray:
    """Fixed directions of length one, each with an error of one beside it."""
    directions = np.random.default_rng(0).normal(size=(STARTS, columns))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.hstack([directions, np.ones((STARTS, 1))])
