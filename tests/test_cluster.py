"""The simulated cluster: what happens on it is accounted for, and the real driver gets through all of it."""

from dataclasses import replace
from itertools import pairwise

import pytest

from repro.bench import cluster
from repro.bench.cluster import campaign, longest, simulate
from repro.bench.overhead import LIMITS, describe_overhead, overhead
from repro.bench.world import NO_FAULTS, Faults
from repro.runs import store
from repro.runs.graph import identity
from repro.runs.order import Order
from tests.conftest import DENSE, on_ticket

OFTEN = replace(Faults(), lost=0.2, failing=0.05, slow=0.1, machine_hours=1.0)
RUNS = 120


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """On images of 32 pixels, whose networks are quickly built."""
    monkeypatch.setattr(cluster, "PRESET", "gpu")


def test_with_nothing_lost_the_driver_comes_close_to_the_best_there_is():
    found = simulate(campaign(RUNS), 8, NO_FAULTS)
    assert found.counts == {"attempts": found.runs, "failed": 0, "not carried out": 0}
    assert found.efficiency > 0.95 * found.bound
    assert {what: share for what, share in found.shares.items() if share and what != "idle"} == {}


def test_whatever_is_lost_every_run_is_done_but_those_that_fail_and_those_that_need_them():
    found = simulate(campaign(RUNS), 16, OFTEN)
    counts = found.counts
    done = found.runs - counts["failed"] - counts["not carried out"]
    assert counts["failed"] > 0
    assert counts["lost"] > 10
    assert counts["machines lost"] > 0
    assert counts["attempts"] == done + counts["attempts failed"] + counts["lost"], (
        "nothing that was done is done again"
    )


def test_all_hours_of_all_workers_are_accounted_for():
    found = simulate(campaign(RUNS), 16, OFTEN)
    assert set(found.shares) == {"starts", "slow workers", "done again", "failed runs", "machines away", "idle"}
    assert min(found.shares.values()) >= 0
    assert found.efficiency + sum(found.shares.values()) == pytest.approx(1)
    assert found.efficiency < found.bound


def test_the_driver_is_killed_once_and_goes_on():
    found = simulate(campaign(RUNS), 16, replace(NO_FAULTS, kill_at=0.5))
    assert found.counts["lost"] == 16, "those that were under way"
    assert found.counts["attempts"] == found.runs + 16
    assert 0 in [busy for _, busy in found.busy[1:-1]] or found.hours > 60 / 3600
    assert all(one <= other for (one, _), (other, _) in pairwise(found.busy))


def test_a_seed_fixes_what_happens():
    one, same, other = (simulate(campaign(RUNS), 16, OFTEN, seed).counts for seed in (0, 0, 1))
    assert one["failed"] == same["failed"]
    assert one != other


def test_long_chains_first_is_sooner_over(monkeypatch):
    first = simulate(campaign(RUNS), 16, NO_FAULTS).hours
    monkeypatch.setattr(Order, "chain", lambda self, task: 1.0)
    assert simulate(campaign(RUNS), 16, NO_FAULTS).hours > first


def test_the_longest_chain_is_that_of_runs_which_need_each_other():
    tasks = store.with_parents([(on_ticket(epoch=0), 0), (DENSE, 1)])
    assert longest(tasks, {identity(task): 10.0 for task in tasks}) == 20.0


def test_a_campaign_has_so_many_runs_or_up_to_one_seed_more():
    found = len(store.with_parents(campaign(RUNS)))
    each = len(store.with_parents(campaign(1)))
    assert RUNS <= found < RUNS + each


def test_the_overhead_of_a_run_is_what_it_takes_beside_what_it_computes(monkeypatch):
    assert 0 < overhead("local", 5) < 60
    row = {"backend": "local", "seconds": 2 * LIMITS["local"], "limit": LIMITS["local"]}
    assert describe_overhead(row) == "overhead a run, local: 200 ms, at most 100 MISSED"
