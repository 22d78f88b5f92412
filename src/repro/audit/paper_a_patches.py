"""Audit of paper A, Table 4 and Figure 3: patch sparsities, the criterion of a winning ticket, LT against RC.

A number read off Figure 3 is no printed number, so what the text says of that figure is not recomputed.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from repro.audit.rounding import difference_range, half_unit
from repro.audit.rows import (
    AGREES,
    IMPOSSIBLE,
    Row,
    number,
    numbers_of,
    places,
    points,
    quote,
    quoted,
    statement,
    unprinted,
)
from repro.published import read_digits
from repro.tickets.stages import nominal_sparsity, stage_counts

PATCHES = 196  # of an image of 224 pixels in patches of 16, as in all of paper A's transformers
TRANSFORMERS = 4  # columns of Table 4 before ResNet-50
DEIT_S = (384, 6)  # width and heads, of the DeiT paper


def patch_sparsities() -> Iterator[Row]:
    """The patch sparsities of Table 4, as 1 − k³ and as a share of whole patches."""
    for row in read_digits("table4").drop_duplicates("keep_rate").itertuples():
        printed, rate = points(row.patch_sparsity), float(row.keep_rate)
        where = f"A, Table 4, {row.locator}"
        yield number(where, "patch sparsity, %", printed, f"1 − {rate:g}³", 100 * nominal_sparsity(rate))
        yield whole_patches(where, printed, rate)


def whole_patches(where: str, printed: Decimal, rate: float) -> Row:
    """Whether any whole number of the 196 patches makes up a printed sparsity, and how many really go."""
    target = float(printed)
    dropped = round(target * PATCHES / 100)
    around = sorted({dropped, dropped + (1 if 100 * dropped / PATCHES < target else -1)})
    shares = [100 * count / PATCHES for count in around]
    value = min(shares, key=lambda share: abs(share - target))
    possible = abs(value - target) <= half_unit(printed)
    kept = stage_counts(PATCHES, rate)[-1]
    note = (
        f"Rounding up at each of three stages, as the released code does, keeps {kept} of {PATCHES} patches and drops "
        f"{100 * (1 - kept / PATCHES):.1f} %. The printed number is nominal; no accuracy depends on it."
    )
    return Row(
        where,
        "patch sparsity as a share of whole patches, %",
        str(printed),
        f"{' or '.join(map(str, around))} of {PATCHES} patches",
        " or ".join(f"{share:.2f}" for share in shares),
        AGREES if possible else IMPOSSIBLE,
        note=note,
        harmless=not possible,
        numbers=numbers_of(printed, value, value, value),
    )


def criterion() -> Iterator[Row]:
    """Dense − LT of each column of Table 4, in each printed test, against the paper's own criterion."""
    rows = list(read_digits("table4").itertuples())
    for column, row in enumerate(rows):
        before = [other for other in rows[:column] if other.model != row.model and other.pretrain == row.pretrain]
        for test, accuracy in (("whole images", row.lt_dense), ("tickets", row.lt_sparse)):
            if accuracy:
                found = matching(row, test, as_printed(accuracy), column < TRANSFORMERS)
                note = f"{found.note} {copied(row, before[0])}" if before else found.note
                yield replace(found, where=f"{found.where} and Table 4, {row.locator}", note=note)


def copied(row: Any, other: Any) -> str:
    """What to know of a dense accuracy that another network's column has too."""
    known = (
        " DeiT-B, which is wider, reaches 81.8 in its own paper, so it may be copied." if row.model == "DeiT-M" else ""
    )
    return f"{points(row.pretrain)} is also the dense accuracy of {other.model}.{known}"


def as_printed(text: str) -> Decimal:
    """An accuracy of Table 4 in percent, with as many digits as it is printed with."""
    return points(text, places(Decimal(text)) - 2)


def matching(row: Any, test: str, lt: Decimal, should_match: bool) -> Row:
    """Whether LT of a column matches the dense network, as it should in transformers, or fails to, as in ResNet-50."""
    dense, limit = as_printed(row.pretrain), quote("a-criterion").printed
    low, high = difference_range(dense, lt)
    matches = dense - lt <= limit
    claimed, may = (matches, low <= limit) if should_match else (not matches, high > limit)
    formula = f"{row.model}, tested on {test}: {dense} − {lt}, at most {limit}"
    name = "a-all-match" if should_match else "a-cnn-short"
    over = f"{dense - lt - limit} over a limit that the footnote calls approximate."
    note = "" if claimed or not should_match else over
    return statement(name, claimed, formula, str(dense - lt), may_hold=may, allowed=f"{low} to {high}", note=note)


def gaps_of_table_4() -> Iterator[Row]:
    """LT − RC on whole images in Table 4."""
    gaps = []
    for row in read_digits("table4").itertuples():
        lt, rc = as_printed(row.lt_dense), as_printed(row.rc_dense)
        gaps.append((lt - rc, difference_range(lt, rc)[0]))
    first = gaps[:TRANSFORMERS]
    said = ", ".join(f"{gap:+}" for gap, _ in gaps)
    clear = f"least {min(gap for gap, _ in first)}, with rounding {min(low for _, low in first)}"
    yield statement("a-gap", min(gap for gap, _ in first) > 0, f"LT − RC: {said}", clear)
    yield statement("a-cnn-no-gap", gaps[-1][0] <= 0, f"LT − RC: {said}", str(gaps[-1][0]))


def text_of_patches() -> Iterator[Row]:
    """What the text says of patch sparsities, and the shape of DeiT-M."""
    columns = {row.keep_rate: row for row in read_digits("table4").itertuples()}
    low_share, mid_share = (points(columns[rate].patch_sparsity) for rate in ("0.9", "0.85"))
    near = round(mid_share, -1) == quote("a-sparsity-mid").printed
    yield quoted("a-sparsity-low", f"Table 4 prints {low_share}", low_share)
    yield statement("a-sparsity-mid", near, "Table 4's number, to the nearest ten", str(mid_share))
    swin = columns["0.8"]
    dense, lt, limit = points(swin.pretrain), points(swin.lt_dense, 2), quote("a-criterion").printed
    formula = f"the one column at {points(swin.patch_sparsity)}: {dense} − {lt}, at most {limit}"
    low, high = difference_range(dense, lt)
    note = "Swin is trained on painted images of full size, so no computing is saved there."
    may, allowed = low <= limit, f"{low} to {high}"
    yield statement("a-reduce", dense - lt <= limit, formula, str(dense - lt), may_hold=may, allowed=allowed, note=note)
    width, heads = (quote(name).printed for name in ("a-width", "a-heads"))
    a_head = Decimal(DEIT_S[0] // DEIT_S[1])
    yield quoted("a-width", f"{heads} heads of {DEIT_S[0]} / {DEIT_S[1]} = {a_head}, as in DeiT-S", heads * a_head)
    yield quoted("a-heads", f"{width} / {a_head}", width / a_head)


def figure_3() -> Iterator[Row]:
    """What the text says of accuracies that only the figure shows."""
    for name in ("a-figure3-small", "a-figure3-mid", "a-figure3-tiny"):
        yield unprinted(
            name, "dense − LT sparse", "Figure 3 is a plot without numbers. Our runs test it on its own page."
        )


CHECKS = (patch_sparsities, criterion, gaps_of_table_4, text_of_patches, figure_3)
