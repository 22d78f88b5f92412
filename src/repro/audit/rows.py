"""One row of the audit: what is printed, how it is recomputed, what rounding allows, and the verdict.

Nothing here is copied by hand: numbers come from `published`, verdicts from `judge`. An audit quotes, so its numbers
stand as the papers print them, in percent where those print percent. A printed number stands for every value that
rounds to it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from repro.audit.rounding import half_unit
from repro.published import read_digits

AGREES, WITHIN, DIFFERS, IMPOSSIBLE, UNPRINTED = VERDICTS = (
    "agrees",  # the printed inputs give the printed number, or bear the statement out
    "agrees within rounding",  # they do not, but numbers that round to all that is printed do
    "differs",  # no numbers that round to the printed inputs give it, or the statement is not so
    "impossible",  # no inputs whatever give what is printed
    "cannot be recomputed",  # the inputs are not printed
)
EPSILON = 1e-9  # of floating-point sums; printed numbers have four digits at most


@dataclass(frozen=True)
class Numbers:
    """What a figure needs of a row, in the units that are printed."""

    printed: float
    half_unit: float  # of the last printed digit
    recomputed: float
    low: float  # that the recomputed value can be, given what the inputs round to
    high: float


@dataclass(frozen=True)
class Row:
    """One check of one printed number or statement."""

    where: str
    about: str
    printed: str
    formula: str
    recomputed: str
    verdict: str
    allowed: str = ""  # by rounding
    note: str = ""
    harmless: bool = False  # a slip that changes no conclusion
    numbers: Numbers | None = None


@dataclass(frozen=True)
class Quote:
    """What a paper says outside its tables, in our words; see quotes.csv."""

    where: str
    about: str
    printed: Decimal  # 0 where a quote has no number
    text: str  # the number as it is printed


def quote(name: str) -> Quote:
    """A quote by its id. Raises KeyError where there is none."""
    found = read_digits("quotes").set_index("id").loc[name]
    text = str(found["printed"])
    number = Decimal(text) if text.replace(".", "").isdigit() else Decimal(0)
    return Quote(str(found["locator"]), str(found["statement"]), number, text or "in words")


def points(text: str, decimals: int = 1) -> Decimal:
    """A published share as the percent that the paper prints: "0.799" is 79.9. Exact."""
    return Decimal(text).scaleb(2).quantize(Decimal(1).scaleb(-decimals))


def judge(printed: Decimal, value: float, low: float, high: float) -> str:
    """Whether a recomputed value, which may be anything from low to high, rounds to what is printed."""
    target, half = float(printed), float(half_unit(printed)) + EPSILON
    if abs(value - target) <= half:
        return AGREES
    return WITHIN if low <= target + half and high >= target - half else DIFFERS


def number(
    where: str,
    about: str,
    printed: Decimal,
    formula: str,
    value: Any,
    limits: tuple[Any, Any] | None = None,
    **more: Any,
) -> Row:
    """The row of a printed number that can be recomputed; `limits` is what rounding allows, none where it is exact.

    One digit more is shown than is printed, so that what was rounded can be seen.
    """
    low, high = map(float, limits or (value, value))
    digits, numbers = places(printed), numbers_of(printed, float(value), low, high)
    verdict, shown = judge(printed, float(value), low, high), show(float(value), digits)
    allowed = f"{low:.{digits + 1}f} to {high:.{digits + 1}f}" if limits else ""
    return Row(where, about, f"{printed}", formula, shown, verdict, allowed, numbers=numbers, **more)


def numbers_of(printed: Decimal, value: float, low: float, high: float) -> Numbers:
    """What a figure needs of a printed and a recomputed number."""
    return Numbers(float(printed), float(half_unit(printed)), value, low, high)


def show(value: float, decimals: int) -> str:
    """A value with one digit more than is printed, or two where that digit is a rounded 5 and would mislead.

    A whole number beside a whole number has no point.
    """
    if not decimals and value.is_integer():
        return f"{value:.0f}"
    text = f"{value:.{decimals + 1}f}"
    return f"{value:.{decimals + 2}f}" if text.endswith("5") and abs(float(text) - value) > EPSILON else text


def quoted(name: str, formula: str, value: Any, limits: tuple[Any, Any] | None = None, **more: Any) -> Row:
    """The row of a number that stands in a paper's text."""
    found = quote(name)
    return number(found.where, found.about, found.printed, formula, value, limits, **more)


def places(printed: Decimal) -> int:
    """Digits after the point of a printed number."""
    return max(0, -int(printed.as_tuple().exponent))


def statement(name: str, holds: bool, formula: str, recomputed: str, *, may_hold: bool = False, **more: Any) -> Row:
    """The row of a statement that printed numbers bear out or not; `may_hold` where rounding leaves it open."""
    found = quote(name)
    verdict = AGREES if holds else WITHIN if may_hold else DIFFERS
    return Row(found.where, found.about, found.text, formula, recomputed, verdict, **more)


def unprinted(name: str, formula: str, note: str) -> Row:
    """The row of a number whose inputs the paper does not print; `formula` says what it would take."""
    found = quote(name)
    return Row(found.where, found.about, found.text, formula, "", UNPRINTED, note=note)
