"""Which run begins first."""

import json
from dataclasses import replace

import pytest

from repro.runs import needs
from repro.runs.graph import Walk, identity, plan
from repro.runs.order import Order
from tests.conftest import DENSE, SHORT, on_ticket

CHILD, DEEPER = on_ticket(epoch=0), on_ticket(on_ticket(epoch=0))
LONG = replace(DENSE, training=replace(SHORT, epochs=9))


def measured(run, seconds):
    file = needs.file_of(run)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"memory_mb": 100, "seconds": seconds}))


def order_of(*wanted):
    walk = Walk(plan(wanted, lambda run, seed: None)[0])
    order = Order(walk)
    assert order.learn()
    return walk, order


def test_where_nothing_was_measured_a_chain_is_as_long_as_it_has_runs():
    _, order = order_of((DEEPER, 0), (LONG, 0))
    assert [order.chain((run, 0)) for run in (DENSE, CHILD, DEEPER, LONG)] == [3, 2, 1, 1]


def test_a_chain_takes_what_its_runs_were_measured_to_take():
    measured(DENSE, 10.0)
    measured(LONG, 90.0)
    _, order = order_of((CHILD, 0), (LONG, 0))
    assert needs.file_of(CHILD) == needs.file_of(DENSE), "weights that are kept take no time"
    assert [order.chain((run, 0)) for run in (DENSE, CHILD, LONG)] == [20.0, 10.0, 90.0]


def test_a_run_that_was_never_measured_counts_as_the_others():
    measured(DENSE, 10.0)
    measured(LONG, 90.0)
    other = replace(DENSE, training=replace(SHORT, epochs=5))
    _, order = order_of((DENSE, 0), (LONG, 0), (other, 0))
    assert order.chain((other, 0)) == pytest.approx(50.0)


def test_it_is_learnt_anew_whenever_twice_as_many_runs_are_done():
    walk, order = order_of(*((DENSE, seed) for seed in range(20)))
    learnt = []
    for seed in range(20):
        measured(DENSE, 10.0 + seed)
        walk.finish(identity((DENSE, seed)))
        if order.learn():
            learnt.append((seed + 1, order.chain((DENSE, 0))))
    assert learnt == [(1, 10.0), (2, 11.0), (4, 13.0), (8, 17.0), (16, 25.0)]
