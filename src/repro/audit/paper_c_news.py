"""Audit of paper C, Table 13 and appendix I: AG News, where accuracies and ρ_p are both printed.

Four accuracies of three digits each: the correlations are right, and rounding alone could make them quite others.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np

from repro.audit.rounding import correlation_extreme, correlation_range, half_unit, pearson
from repro.audit.rows import Row, number, quote, quoted, statement
from repro.published import read_digits

TABLE, COLUMNS = "subsets-table13", ("C1", "C2", "C3", "C4")
TICKETS = ("LT-0", "LT-1")


def lines() -> dict[str, np.ndarray]:
    """Printed accuracies by row, in thousandths."""
    return {row.subset: thousandths(row) for row in read_digits(TABLE).itertuples()}


def thousandths(row: Any) -> np.ndarray:
    """Four accuracies of a row of Table 13, in thousandths."""
    return np.array([float(Decimal(getattr(row, column)).scaleb(3)) for column in COLUMNS])


def halves() -> dict[str, float]:
    """Half a unit of the last digit of each row's accuracies, in thousandths: 0.5 for three digits."""
    return {row.subset: float(half_unit(Decimal(row.C1)).scaleb(3)) for row in read_digits(TABLE).itertuples()}


def subset_rows() -> list[Any]:
    """Rows of Table 13 but the full one."""
    return [row for row in read_digits(TABLE).itertuples() if row.rho_p]


def correlations() -> Iterator[Row]:
    """Every printed ρ_p from the printed accuracies, with what their rounding allows."""
    found, half = lines(), halves()
    for row in subset_rows():
        pair = (found[row.subset], found["Full"])
        shown = ", ".join(getattr(row, column) for column in COLUMNS)
        limits = correlation_range(*pair, (half[row.subset], half["Full"]))
        formula = f"Pearson of ({shown}) with the full row"
        yield number(f"C, {row.locator}", f"ρ_p of {row.subset}", Decimal(row.rho_p), formula, pearson(*pair), limits)


def order_of_tickets() -> Iterator[Row]:
    """Whether the tickets are above all random subsets, as printed, and what rounding leaves of it."""
    rho = {row.subset: Decimal(row.rho_p) for row in subset_rows()}
    chance = {name: value for name, value in rho.items() if name not in TICKETS}
    best, least = max(chance, key=lambda name: chance[name]), min(rho[t] for t in TICKETS)
    said = f"lowest ticket {least}, highest random subset {best} {chance[best]}"
    yield statement("c-news-higher", least > chance[best], said, f"{least - chance[best]:+}", note=reversal(best))
    spreads = [max(group) - min(group) for group in ([rho[t] for t in TICKETS], list(chance.values()))]
    said = f"highest − lowest: {len(TICKETS)} tickets {spreads[0]}, {len(chance)} random subsets {spreads[1]}"
    note = "Two values are closer together than five by chance too." if spreads[0] < spreads[1] else ""
    yield statement("c-news-robust", spreads[0] < spreads[1], said, f"{spreads[0] - spreads[1]:+}", note=note)


def reversal(rival: str) -> str:
    """A full row that rounds to the printed one and lets a random subset beat both tickets, if the search finds one."""
    found, half = lines(), halves()
    subset, full = correlation_extreme(found[rival], found["Full"], (half[rival], half["Full"]), 1)
    lows = [pearson(*correlation_extreme(found[t], full, (half[t], 0.0), -1)) for t in TICKETS]
    if pearson(subset, full) <= max(lows):
        return ""
    shown = ", ".join(f"{value / 1000:.4f}" for value in full)
    return (
        f"Rounding alone could turn it round: with a full row of ({shown}) {rival} can reach "
        f"{pearson(subset, full):.3f} while the tickets can be as low as {lows[0]:.3f} and {lows[1]:.3f}."
    )


def sizes() -> Iterator[Row]:
    """The sizes of AG News, and the number of configurations."""
    classes = quote("c-news-classes").printed
    for total, single in (("c-news-train", "c-news-train-class"), ("c-news-test", "c-news-test-class")):
        each = quote(single).printed
        yield quoted(total, f"{classes} classes of {each:,}", classes * each)
    yield quoted("c-news-configurations", "columns of Table 12", settings_columns())


def settings_columns() -> int:
    """Columns of Table 12."""
    settings = read_digits("subsets-settings")
    return int(settings[settings["locator"] == "Table 12"]["column"].nunique())


CHECKS = (correlations, order_of_tickets, sizes)
