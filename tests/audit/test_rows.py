"""Verdicts, on numbers made by hand."""

from decimal import Decimal

import pytest

from repro.audit import rows


@pytest.mark.parametrize(
    ("printed", "value", "low", "high", "verdict"),
    [
        ("0.1", 0.1, 0.0, 0.2, rows.AGREES),
        ("83.2", 83.2228, 83.2228, 83.2228, rows.AGREES),  # rounds to it
        ("0.2", 0.1, 0.0, 0.2, rows.WITHIN),  # 79.64 - 79.46 = 0.18
        ("0.3", 0.1, 0.0, 0.2, rows.DIFFERS),  # even 0.2 rounds to 0.2
        ("-0.2", 1.8, 1.7, 1.9, rows.DIFFERS),
        ("6.3", 5.6, 5.5, 5.7, rows.DIFFERS),
        ("10", 6.45, 6.45, 6.45, rows.DIFFERS),
        ("10", 10.2, 10.2, 10.2, rows.AGREES),
    ],
)
def test_a_number_is_judged_by_what_rounds_to_it(printed, value, low, high, verdict):
    assert rows.judge(Decimal(printed), value, low, high) == verdict


def test_a_number_shows_one_digit_more_than_is_printed_and_its_range():
    row = rows.number(
        "A", "difference", Decimal("0.2"), "79.6 − 79.5", Decimal("0.1"), (Decimal("0.0"), Decimal("0.2"))
    )
    assert (row.printed, row.recomputed, row.allowed, row.verdict) == ("0.2", "0.10", "0.00 to 0.20", rows.WITHIN)
    assert (row.numbers.printed, row.numbers.half_unit) == (0.2, 0.05)
    whole = rows.number("C", "classes", Decimal("155"), "counted", 155)
    assert (whole.recomputed, whole.allowed) == ("155", "")
    assert rows.show(0.81447, 3) == "0.81447", "0.8145 would seem to round to 0.815"
    assert rows.show(0.25, 1) == "0.25"


@pytest.mark.parametrize(
    ("holds", "may", "verdict"),
    [(True, False, rows.AGREES), (False, True, rows.WITHIN), (False, False, rows.DIFFERS)],
)
def test_a_statement_holds_may_hold_or_differs(holds, may, verdict):
    assert rows.statement("a-lower", holds, "by hand", "so", may_hold=may).verdict == verdict


def test_shares_become_the_percent_that_is_printed():
    assert str(rows.points("0.799")) == "79.9"
    assert str(rows.points("0.8095", 2)) == "80.95"
    assert str(rows.points("0.040")) == "4.0"


def test_a_quote_gives_place_words_and_number():
    found = rows.quote("a-cnn-high")
    assert (found.where, found.printed) == ("A, section 3.1", Decimal("6.3"))
    assert rows.quote("a-lower").text == "in words"
    with pytest.raises(KeyError):
        rows.quote("no such thing")
