"""Audit of paper C, Table 3: six networks, eight subsets, their accuracies and correlations, but not the full row.

Whatever the full row was, two subsets that order the networks alike have one ρ_s, and all eight ρ_s come of one order.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from repro.audit.hidden import BestOrders, BestRow, best_orders, best_row
from repro.audit.paper_c_ranks import rank_correlation, subsets
from repro.audit.ranks import rank_correlations as rank_tables
from repro.audit.rounding import half_unit, pearson
from repro.audit.rows import AGREES, IMPOSSIBLE, WITHIN, Row, points, quoted, statement, unprinted
from repro.published import read_digits

TABLE = "subsets-table3"
POLICIES = ("PD-Top", "PD-Mid", "PD-Bottom", "PD-Uniform", "ERC-100", "ERC-155")
SHARED = {name: name for name in ("RS", "PD-Top", "PD-Mid", "PD-Bottom", "PD-Uniform")} | {"ERC": "ERC-100"}
HALF = float(half_unit(Decimal("0.001")))  # of a printed coefficient
SECOND_ORDER = 5e-5  # more than what first order leaves out in `allowance`


def networks() -> list[str]:
    """Columns of Table 3 that hold accuracies."""
    return [c for c in read_digits(TABLE).columns if c not in ("subset", "rho_p", "rho_s", "locator")]


def accuracies() -> np.ndarray:
    """Accuracies in percent, (subsets, networks)."""
    return np.array([[float(points(a, 2)) for a in row] for row in read_digits(TABLE)[networks()].to_numpy()])


def printed(coefficient: str) -> np.ndarray:
    """A printed column of coefficients, (subsets,)."""
    return read_digits(TABLE)[coefficient].astype(float).to_numpy()


def rows() -> dict[str, Any]:
    """Rows of Table 3 by subset."""
    return {row.subset: row for row in read_digits(TABLE).itertuples()}


def full_row() -> Iterator[Row]:
    """The row that is not printed, with the accuracies that torchvision publishes for these networks in its place."""
    stand_ins = read_digits("subsets-table3-torchvision").set_index("weights")[networks()].astype(float)
    found = {name: count_agreeing(row.to_numpy()) for name, row in stand_ins.iterrows()}
    said = "; ".join(
        f"{name} weights: {count} of {2 * len(rows())} coefficients agree" for name, count in found.items()
    )
    note = f"With the accuracies that torchvision publishes in its place, {said}. The paper does not say it used them."
    yield unprinted("c-full-row", "accuracies on the full data", note)


def count_agreeing(full: np.ndarray) -> int:
    """How many printed coefficients of Table 3 a full row gives, of ρ_p and ρ_s together."""
    table = accuracies()
    linear = np.array([pearson(line, full) for line in table])
    ranked = rank_tables(table, full[None])[:, 0]
    off = np.abs(np.concatenate([linear - printed("rho_p"), ranked - printed("rho_s")]))
    return int((off <= HALF).sum())


def counted_networks() -> Iterator[Row]:
    """The networks of the text against the columns of the table."""
    yield quoted("c-networks", "columns of Table 3", len(networks()))


def rank_correlations() -> Iterator[Row]:
    """Every printed ρ_s, as a rank correlation of six different values."""
    for row in rows().values():
        yield rank_correlation(row, len(networks()))


def difficulty() -> Iterator[Row]:
    """Whether the easiest third is easier than the middle and the middle than the hardest, for every network."""
    found = dict(zip(rows(), accuracies(), strict=True))
    order = ("PD-Top", "PD-Mid", "PD-Bottom")
    gaps = np.array([found[a] - found[b] for a, b in pairwise(order)])
    said = f"{int((gaps > 0).sum())} of {gaps.size} differences above 0, the least {gaps.min():.2f}"
    yield statement("c-harder", bool((gaps > 0).all()), " > ".join(order) + " in each column of Table 3", said)


def order_of(values: np.ndarray) -> str:
    """Networks from the highest value to the lowest, in words; equal ones joined."""
    levels = sorted(set(values), reverse=True)
    return " > ".join(" = ".join(n for n, v in zip(networks(), values, strict=True) if v == level) for level in levels)


def equal_orders() -> Iterator[Row]:
    """Pairs of subsets that order the six networks alike, which must have one ρ_s whatever the full row is."""
    table = accuracies()
    for (a, first), (b, second) in combinations(zip(rows().values(), table, strict=True), 2):
        if order_of(first) == order_of(second):
            closest = min(float(np.diff(np.sort(line)).min()) for line in (first, second))
            yield Row(
                f"C, {a.locator} and {b.locator.removeprefix('Table 3, ')}",
                f"ρ_s of {a.subset} and of {b.subset}",
                f"{a.rho_s} and {b.rho_s}",
                f"both order the networks {order_of(first)}",
                "equal, whatever the full row",
                AGREES if a.rho_s == b.rho_s else IMPOSSIBLE,
                note=f"Accuracies of a row are at least {closest:.2f} apart, so rounding cannot change the order.",
            )


def fit_orders() -> BestOrders:
    """The orders of the full row that agree with most printed ρ_s."""
    return best_orders(accuracies(), printed("rho_s"), HALF)


def one_order() -> Iterator[Row]:
    """All eight ρ_s at once."""
    found, names = fit_orders(), list(rows())
    off = [
        f"{n} {c:.3f} (printed {p:.3f})"
        for n, c, p in zip(names, found.correlations[0], printed("rho_s"), strict=True)
        if abs(c - p) > HALF
    ]
    note = f"Best full row: {order_of(found.orders[0])}. With it {', '.join(off)}." if off else ""
    unique = "one order does" if len(found.orders) == 1 else f"{len(found.orders)} orders do"
    yield Row(
        "C, Table 3",
        "all ρ_s from one full row",
        f"{len(names)} coefficients",
        "every order of six networks tried, ties included: 4,683",
        f"at most {found.agreeing} of {len(names)} agree; {unique}",
        AGREES if found.agreeing == len(names) else IMPOSSIBLE,
        note=note,
    )


def allowance() -> np.ndarray:
    """By how much rounding can move each ρ_p, whatever the full row: (subsets,).

    Half a unit of the coefficient, and what half a unit of each accuracy does. To first order moving a centred row x by
    d changes its correlation ρ with u by d·(u − ρ x/|x|) / |x|; that vector has length √(1 − ρ²), and |d| is at most
    0.005 times √6.
    """
    table, rho = accuracies(), printed("rho_p")
    lengths = np.linalg.norm(table - table.mean(axis=1, keepdims=True), axis=1)
    moves = float(half_unit(Decimal("0.01"))) * np.sqrt(table.shape[1])
    return HALF + SECOND_ORDER + moves * np.sqrt(1 - rho**2) / lengths


def fit_row(without: str = "") -> BestRow:
    """The full row nearest to all printed ρ_p, or to all but one."""
    kept = np.array([name != without for name in rows()])
    return best_row(accuracies()[kept], printed("rho_p")[kept], allowance()[kept])


def one_row() -> Iterator[Row]:
    """All eight ρ_p at once, and again without the subset that fits worst."""
    yield row_fit("", "all ρ_p from one full row")
    worst = min(rows(), key=lambda name: fit_row(name).bound)
    yield row_fit(worst, f"all ρ_p but that of {worst} from one full row")


def row_fit(without: str, about: str) -> Row:
    """Whether one full row can have given the printed ρ_p; impossible where the bound proves it."""
    found = fit_row(without)
    allowed = np.array([a for name, a in zip(rows(), allowance(), strict=True) if name != without])
    aim = np.array([p for name, p in zip(rows(), printed("rho_p"), strict=True) if name != without])
    off = float(np.abs(found.correlations - aim).max())
    near = " A near miss: what is left is no more than rounding explains." if found.error <= allowed.max() else ""
    return Row(
        "C, Table 3",
        about,
        f"{len(aim)} coefficients",
        "least greatest error beyond rounding over all full rows, and a bound by linear programming that none can beat",
        f"off by {off:.4f}, {found.error:.4f} beyond rounding; bound {found.bound:.4f}",
        IMPOSSIBLE if found.bound > 0 else WITHIN,
        allowed=f"{allowed.min():.4f} to {allowed.max():.4f}, by subset",
        note=f"Networks from the highest in the best row: {order_of(found.row.round(6))}.{near}",
    )


def details() -> list[dict[str, Any]]:
    """Printed coefficients beside those of the best full rows, one entry a subset, for a table."""
    orders, row = fit_orders(), fit_row()
    columns = zip(rows(), printed("rho_s"), orders.correlations[0], printed("rho_p"), row.correlations, strict=True)
    names = ("subset", "rho_s", "rho_s_fitted", "rho_p", "rho_p_fitted")
    return [dict(zip(names, (n, *(round(float(v), 4) for v in values)), strict=True)) for n, *values in columns]


def weakness() -> Iterator[Row]:
    """Whether NiR and RS are weaker than every policy's subset, by each coefficient."""
    found = rows()
    for name in ("NiR", "RS"):
        for symbol, coefficient in (("ρ_p", "rho_p"), ("ρ_s", "rho_s")):
            own = Decimal(getattr(found[name], coefficient))
            below = [p for p in POLICIES if Decimal(getattr(found[p], coefficient)) <= own]
            weaker = ", ".join(f"{p} {getattr(found[p], coefficient)}" for p in below)
            shown = f"not above it: {weaker}" if below else "it is the lowest"
            yield statement(
                "c-mediocre",
                not below,
                f"{symbol} of {name}, {own}, lower than of all six policies' subsets (our measure)",
                shown,
            )


def against_self_supervised() -> Iterator[Row]:
    """Table 3 against Tables 2 and 4, for the six subsets that stand in both."""
    before, after = subsets(), rows()
    moves = {a: Decimal(after[b].rho_s) - Decimal(before[a].rho_s) for a, b in SHARED.items()}
    uniform = [Decimal(getattr(t["PD-Uniform"], c)) for c in ("rho_p", "rho_s") for t in (before, after)]
    better = uniform[1] > uniform[0] and uniform[3] > uniform[2]
    shown = f"ρ_p {uniform[0]} to {uniform[1]}, ρ_s {uniform[2]} to {uniform[3]}"
    yield statement("c-uniform-better", better, "PD-Uniform, Table 2 to Table 3", shown)
    most = max(moves, key=lambda name: abs(moves[name]))
    said = ", ".join(f"{name} {move:+}" for name, move in moves.items())
    note = (
        f"{most}'s ρ_s goes from {before[most].rho_s} to {after[SHARED[most]].rho_s}. ERC-100 stands for ERC; the "
        "paper does not say which of the two Table 2 has."
    )
    formula = f"largest move of ρ_s from Tables 2 and 4 to Table 3 (our measure): {said}"
    yield statement("c-uniform-only", most == "PD-Uniform", formula, most, note=note)


CHECKS = (
    full_row,
    counted_networks,
    difficulty,
    rank_correlations,
    equal_orders,
    one_order,
    one_row,
    weakness,
    against_self_supervised,
)
