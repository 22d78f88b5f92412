"""Audit of paper C, Tables 2 and 4: correlations over seven configurations whose accuracies stand in plots only.

The accuracies cannot be had, but ρ_s over seven values can only be one of few numbers, and the text compares the
coefficients. "Like PD-Uniform" has no measure in the paper; ours is which row of Table 2 is nearest, by both of them.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from repro.audit.ranks import attainable, attainable_with_a_tie
from repro.audit.rounding import half_unit
from repro.audit.rows import AGREES, IMPOSSIBLE, Row, numbers_of, quoted, statement
from repro.published import read_digits

CONFIGURATIONS = 7
RANDOM, TICKETS = "RS", ("PD-Bottom", "ERC")
LIKE_UNIFORM = ("WNH", "WEC", "SEC")


def subsets() -> dict[str, Any]:
    """Rows of Tables 2 and 4 by subset."""
    return {row.subset: row for row in read_digits("subsets-table2").itertuples()}


def in_table_2() -> dict[str, Any]:
    """Rows of Table 2 alone."""
    return {name: row for name, row in subsets().items() if row.locator.startswith("Table 2")}


def rank_correlation(row: Any, n: int) -> Row:
    """Whether a printed ρ_s can come of n different values at all."""
    printed, values = Decimal(row.rho_s), attainable(n)
    value, others = nearest(float(printed), values)
    possible = abs(value - float(printed)) <= half_unit(printed)
    squared = round((1 - value) * n * (n * n - 1) / 6)
    return Row(
        f"C, {row.locator}",
        f"ρ_s of {row.subset}, as a rank correlation of {n} different values",
        row.rho_s,
        f"1 − 6·{squared} / ({n}·{n * n - 1}) is the nearest there is",
        f"{value:.4f}",
        AGREES if possible else IMPOSSIBLE,
        note=""
        if possible
        else f"Between {others}; a tie would allow it, see the next row. No comparison hangs on it.",
        harmless=not possible,
        numbers=numbers_of(printed, value, value, value),
    )


def nearest(target: float, values: list[float]) -> tuple[float, str]:
    """The value nearest to a target, and the two around the target in words."""
    above = min((v for v in values if v >= target), default=values[0])
    below = max((v for v in values if v < target), default=values[-1])
    return min(above, below, key=lambda v: abs(v - target)), f"{below:.3f} and {above:.3f} there is none"


def rank_correlations() -> Iterator[Row]:
    """Every printed ρ_s of Tables 2 and 4, and once more with ties where it needs one."""
    for row in subsets().values():
        found = rank_correlation(row, CONFIGURATIONS)
        yield found
        if found.verdict == IMPOSSIBLE:
            yield with_a_tie(row)


def with_a_tie(row: Any) -> Row:
    """Whether a printed ρ_s is possible where two configurations have equal accuracies on one of the two sets."""
    printed = Decimal(row.rho_s)
    value, _ = nearest(float(printed), attainable_with_a_tie(CONFIGURATIONS))
    possible = abs(value - float(printed)) <= half_unit(printed)
    typo, _ = nearest(float(printed), attainable(CONFIGURATIONS))
    return Row(
        f"C, {row.locator}",
        f"ρ_s of {row.subset}, if exactly two accuracies of one row are equal",
        row.rho_s,
        f"all orders of {CONFIGURATIONS} values and all places of one tie",
        f"{value:.4f}",
        AGREES if possible else IMPOSSIBLE,
        note=f"Tie or slip of a digit ({typo:.3f}) cannot be told apart: the accuracies stand in a plot.",
        numbers=numbers_of(printed, value, value, value),
    )


def lowest(rows: dict[str, Any], coefficient: str = "rho_p") -> tuple[str, str]:
    """Subset and value of the lowest coefficient."""
    name = min(rows, key=lambda n: Decimal(getattr(rows[n], coefficient)))
    return name, getattr(rows[name], coefficient)


def worst_subset() -> Iterator[Row]:
    """Whether PD-Top has the lowest ρ_p, in Table 2 and in both tables."""
    for where, rows in (("Table 2", in_table_2()), ("Tables 2 and 4", subsets())):
        name, value = lowest(rows)
        top = rows["PD-Top"].rho_p
        yield statement(
            "c-worst-linear", name == "PD-Top", f"lowest ρ_p of {where}, beside PD-Top's {top}", f"{name}: {value}"
        )


def comparisons() -> Iterator[Row]:
    """What the text of section 4 and the underlining of Table 2 say of the coefficients."""
    rows = subsets()
    first, second = list(in_table_2().values())[:2]
    same = f"{first.subset} {first.rho_s}, {second.subset} {second.rho_s}"
    yield statement("c-same-rank", first.rho_s == second.rho_s, "ρ_s of the first two", same)
    for name, coefficient in (("c-best", "rho_p"), ("c-best-rank", "rho_s")):
        best = max(Decimal(getattr(row, coefficient)) for row in rows.values())
        yield quoted(name, "highest of Tables 2 and 4", best)
    base = rows[RANDOM]
    gaps = [
        (Decimal(rows[t].rho_p) - Decimal(base.rho_p), Decimal(rows[t].rho_s) - Decimal(base.rho_s)) for t in TICKETS
    ]
    said = "; ".join(f"{t} {p:+} and {s:+}" for t, (p, s) in zip(TICKETS, gaps, strict=True))
    holds = min(min(gap) for gap in gaps) > 0
    yield statement("c-tickets", holds, f"ρ_p and ρ_s, ticket − {RANDOM}: {said}", f"least {min(map(min, gaps))}")


def likeness() -> Iterator[Row]:
    """Which row of Table 2 the three subsets are nearest to that the text calls like PD-Uniform."""
    rows = subsets()
    for name in LIKE_UNIFORM:
        distances = {other: distance(rows[name], row) for other, row in in_table_2().items()}
        near, second = sorted(distances, key=lambda other: distances[other])[:2]
        other = second if near == "PD-Uniform" else "PD-Uniform"
        formula = f"{name}: distance to each row of Table 2, by ρ_p and ρ_s (our measure)"
        shown = f"{near} at {distances[near]:.3f}, {other} at {distances[other]:.3f}"
        yield statement("c-similar", near == "PD-Uniform", formula, shown)


def distance(one: Any, other: Any) -> float:
    """Euclidean distance of two rows in the plane of ρ_p and ρ_s."""
    return float(
        ((Decimal(one.rho_p) - Decimal(other.rho_p)) ** 2 + (Decimal(one.rho_s) - Decimal(other.rho_s)) ** 2).sqrt()
    )


def configurations() -> Iterator[Row]:
    """The seven configurations, counted from the tables of settings."""
    settings = read_digits("subsets-settings")
    columns = {t: settings[settings["locator"] == f"Table {t}"]["column"].nunique() for t in (5, 7, 10, 11)}
    formula = (
        f"DINO {columns[5]} (Table 5) + MoCo {columns[7]} (Table 7) + MAE {columns[10]} + {columns[11]} (Tables 10, 11)"
    )
    yield quoted("c-configurations", formula, sum(columns.values()))


CHECKS = (configurations, rank_correlations, worst_subset, comparisons, likeness)
