"""What the bench makes of two steps: their ratio, and what several processes found together."""

import pickle
import time

import pytest

from repro import bench
from repro.bench import steps as bench_steps
from repro.bench.steps import Row, authors_steps, list_rows
from repro.pages.site import as_cell
from repro.training.precision import COMPILE_FROM_STEPS


def steps(fast, ordinary):
    """Two steps that take so many seconds."""
    return lambda: time.sleep(fast), lambda: time.sleep(ordinary)


def row(target):
    return Row("sleeping", target, 10, lambda: steps(0.002, 0.02))


def test_the_ratio_is_that_of_the_times():
    found = bench.measure(row(target=2.0))
    fast, ordinary = found["images_per_second"]
    assert found["ratio"] == pytest.approx(fast / ordinary, rel=0.01)
    assert ordinary <= 500, "ten images in 20 milliseconds at best"
    assert "slowest_operators" not in found


def test_a_row_below_its_target_says_so_and_where_the_time_went():
    slow = row(50.0)
    found = bench.summary(slow, [bench.measure(slow)] * 2)
    assert "target 50.0x MISSED; most time in" in bench.describe(found)


def test_a_row_is_the_median_of_its_passes_with_the_lowest_and_the_highest():
    passes = [{"ratio": ratio, "images_per_second": [10 * ratio, 10.0]} for ratio in (3.0, 9.0, 2.0)]
    assert bench.summary(row(2.0), passes)[bench.WAY] == {
        "ratio": 3.0,
        "ratios": [2.0, 3.0, 9.0],
        "images_per_second": [30.0, 10.0],
    }


def test_the_operators_named_are_those_of_a_pass_that_missed():
    passes = [
        {"ratio": 3.0, "images_per_second": [1.0, 1.0]},
        {"ratio": 1.0, "images_per_second": [1.0, 1.0], "slowest_operators": "aten::mm 40%"},
    ]
    assert bench.summary(row(2.5), passes)[bench.WAY]["slowest_operators"] == "aten::mm 40%"


def test_processes_side_by_side_have_a_mean_ratio_and_speeds_that_add_up():
    one = {"ratio": 3.0, "images_per_second": [30.0, 10.0]}
    other = {"ratio": 2.0, "images_per_second": [20.0, 10.0], "slowest_operators": "aten::mm 40%"}
    assert bench.add_up([one, other]) == {
        "ratio": 2.5,
        "images_per_second": [50.0, 20.0],
        "slowest_operators": "aten::mm 40%",
    }


def test_every_row_builds_its_steps_from_what_another_process_can_be_given():
    rows = list_rows()
    assert [r.what for r in pickle.loads(pickle.dumps(rows))] == [r.what for r in rows]
    assert len({r.what for r in rows}) == len(rows)


def test_our_step_is_that_of_a_training_long_enough_to_be_compiled_and_the_authors_is_not(monkeypatch):
    lengths = []
    monkeypatch.setattr(bench_steps, "accelerate", lambda apply, device, count: lengths.append(count) or apply)
    authors_steps()
    assert [length >= COMPILE_FROM_STEPS["cpu"] for length in lengths] == [True, False]


def test_the_table_of_the_book_marks_what_is_below_its_target():
    assert as_cell({"ratio": 1.92, "ratios": [1.8, 2.1]}, 2.0) == "**1.92 (1.80 to 2.10), missed**"
    assert as_cell({"ratio": 2.0, "ratios": [1.9, 2.1]}, 2.0) == "2.00 (1.90 to 2.10)"
    assert as_cell({"ratio": 2.0}, 2.0) == "2.00"
    assert as_cell(None, 2.0) == ""
