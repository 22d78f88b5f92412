"""Audit of paper A, Tables 1 and 2: differences, weight sparsities, and what section 3.1 says of them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from repro.audit.rounding import difference_range
from repro.audit.rows import UNPRINTED, Row, number, points, quote, quoted, statement
from repro.published import read_digits

PRUNE_RATE = 0.2  # of the weights left, a round of iterative pruning


def table(number: int) -> list[Any]:
    """The rows of Table 1 or 2, numbers as text."""
    return list(read_digits(f"table{number}").itertuples())


def pair(row: Any) -> tuple[Decimal, Decimal]:
    """LTH and RR of a row of Table 1 or 2, in percent."""
    return points(row.lth), points(row.rr)


def differences() -> Iterator[Row]:
    """Every printed difference of Tables 1 and 2 against LTH − RR."""
    for artefact in (1, 2):
        for row in table(artefact):
            (lth, rr), printed = pair(row), points(row.difference)
            mend = f"It would take an LTH of {rr + printed}, an RR of {lth - printed} or a difference of {lth - rr}."
            yield number(
                f"A, Table {artefact}, {row.locator}",
                f"LTH − RR, {sparsity_of(row)}",
                printed,
                f"{lth} − {rr}",
                lth - rr,
                difference_range(lth, rr),
                note=mend if lth - rr != printed else "",
            )


def sparsity_of(row: Any) -> str:
    """A row of Table 1 or 2 in words."""
    sparsity = row.nominal_sparsity if hasattr(row, "nominal_sparsity") else row.sparsity
    share = f"{points(sparsity).normalize():f} %"
    return f"{share}, rewound" if row.rewound == "true" else share


def pruning_rounds() -> Iterator[Row]:
    """The sparsities of Table 2 as a fifth pruned n times over, one row a sparsity."""
    for row in read_digits("table2").drop_duplicates("sparsity")[1:].itertuples():
        share = 100 * (1 - (1 - PRUNE_RATE) ** int(row.round))
        where, formula = f"A, Table 2, {row.locator}", f"1 − 0.8^{row.round}"
        yield number(where, "weight sparsity, %", points(row.sparsity), formula, share)


def weights_of_deit() -> Iterator[Row]:
    """The sparsities of Table 1, which are of no whole number of such rounds and of weights the paper does not name."""
    for row in read_digits("table1").drop_duplicates("nominal_sparsity")[1:].itertuples():
        share = points(row.nominal_sparsity, 0)
        rounds = min(range(1, 12), key=lambda n: abs(100 * (1 - (1 - PRUNE_RATE) ** n) - float(share)))
        nearest = f"1 − 0.8^{rounds} = {100 * (1 - (1 - PRUNE_RATE) ** rounds):.1f} % is the nearest"
        third = f" {share} % of MSA and MLP, of which MSA is a third, are {3 * share} % of MSA (1 − 0.8² = 36 %)."
        note = f"On the grid of Table 2, {nearest}. What it is a share of is not said."
        yield Row(
            f"A, Table 1, {row.locator}",
            "weight sparsity, %",
            str(share),
            "weights pruned / weights counted",
            "",
            UNPRINTED,
            note=note + (third if row.scope == "msa" else ""),
        )


def text_of_table_1() -> Iterator[Row]:
    """What section 3.1 says of DeiT."""
    rows = table(1)
    dense, plain = points(rows[0].lth), [row for row in rows[1:] if row.rewound == "false"]
    gaps = [lth - rr for lth, rr in map(pair, plain)]
    below = [gap for gap in gaps if gap < 0]
    said = ", ".join(f"{gap:+}" for gap in gaps)
    repeats = [abs(points(a.rr) - points(b.rr)) for a, b in zip(rows[2::2], rows[3::2], strict=True)]
    noise = f"RR of one sparsity, printed twice, differs by {min(repeats)} to {max(repeats)} between the two."
    first, last = plain[0], rows[-1]
    lost = dense - points(first.lth)
    limit = quote("a-criterion").printed
    matching = f"LTH − RR: {said}; within {limit}, the paper's measure of a match"
    yield statement("a-same", max(map(abs, gaps)) <= limit, matching, f"at most {max(map(abs, gaps))}")
    yield statement("a-lower", len(below) > 1, f"LTH − RR: {said}", f"{len(below)} of {len(gaps)} below 0", note=noise)
    yield statement("a-low-matches", lost <= limit, f"{dense} − {points(first.lth)}, at most {limit}", str(lost))
    yield more_than("a-rewound-gap", *pair(last))
    yield subtraction("a-rewound-short", dense, points(last.lth))


def more_than(name: str, first: Decimal, second: Decimal) -> Row:
    """A sentence that a difference is more than a printed number."""
    found, (low, high) = quote(name), difference_range(first, second)
    holds, may = first - second > found.printed, high > found.printed
    note = "Exactly as much as printed; more only if rounding hides it." if not holds else ""
    shown = {"allowed": f"{low} to {high}", "note": note, "harmless": not holds and may}
    return statement(name, holds, f"{first} − {second} > {found.printed}", str(first - second), may_hold=may, **shown)


def subtraction(name: str, first: Decimal, second: Decimal, **more: Any) -> Row:
    """A quoted number against a difference of two printed ones."""
    return quoted(name, f"{first} − {second}", first - second, difference_range(first, second), **more)


def text_of_table_2() -> Iterator[Row]:
    """What section 3.1 says of ResNet-20."""
    rows = table(2)
    first, (plain, rewound) = rows[1], rows[-2:]
    quotes = {
        "a-cnn-dense": rows[0],
        "a-cnn-lth": first,
        "a-cnn-plain": plain,
        "a-cnn-rewound": rewound,
    }
    for name, row in quotes.items():
        yield quoted(name, f"Table 2, {row.locator}", points(row.lth))
    pairs = sorted((pair(row) for row in rows[1:]), key=lambda p: p[0] - p[1])
    yield subtraction("a-cnn-low", *pairs[0])
    yield subtraction("a-cnn-high", *pairs[-1], note=source_of_range(rows))
    gains = [points(b.lth) - points(a.lth) for a, b in zip(rows[2::2], rows[3::2], strict=True)]
    said = ", ".join(f"{gain:+}" for gain in gains)
    better = sum(gain > 0 for gain in gains)
    yield statement(
        "a-cnn-improves", better == len(gains), f"rewound − not: {said}", f"{better} of {len(gains)} above 0"
    )


def source_of_range(rows: list[Any]) -> str:
    """Where the greatest difference of the text comes from, if it is one that Table 2 prints."""
    widest = max(rows, key=lambda row: points(row.difference))
    same = points(widest.difference) == quote("a-cnn-high").printed
    return f"The text repeats what is printed in Table 2, {widest.locator}." if same else ""


CHECKS = (differences, pruning_rounds, weights_of_deit, text_of_table_1, text_of_table_2)
