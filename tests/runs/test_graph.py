"""What has to be carried out, and in which order."""

from collections import Counter
from dataclasses import replace

from repro import config
from repro.runs import graph, store
from repro.runs.graph import Walk, identity, plan
from tests.conftest import DENSE, on_ticket

OTHER = replace(DENSE, draw=5)
CHILD, DEEPER = on_ticket(epoch=0), on_ticket(on_ticket(epoch=0))
BESIDE = on_ticket(OTHER)


def nothing(run, seed):
    return None


def names(tasks):
    return [config.name(run) for run, _ in tasks]


def test_parents_go_first_and_each_run_is_there_once():
    tasks, found = plan([(DEEPER, 0), (CHILD, 0), (BESIDE, 0), (DEEPER, 0)], nothing)
    assert names(tasks.values()) == names((run, 0) for run in (DENSE, CHILD, DEEPER, OTHER, BESIDE))
    assert found == {}
    assert list(tasks) == [identity(task) for task in tasks.values()]


def test_seeds_are_runs_of_their_own():
    assert [seed for _, seed in plan([(CHILD, 0), (CHILD, 1)], nothing)[0].values()] == [0, 0, 1, 1]


def test_what_has_a_record_is_not_carried_out_unless_a_child_needs_its_files():
    record = object()
    have = {(config.name(DENSE), 0): record}
    tasks, found = plan([(DENSE, 0), (OTHER, 0)], lambda run, seed: have.get((config.name(run), seed)))
    assert names(tasks.values()) == names([(OTHER, 0)])
    assert found == have
    tasks, found = plan([(DENSE, 0), (CHILD, 0)], lambda run, seed: have.get((config.name(run), seed)))
    assert names(tasks.values()) == names([(DENSE, 0), (CHILD, 0)])
    assert found == {}, "it is made again, so its record may be another one"


def test_a_parent_that_many_need_is_looked_at_once(monkeypatch):
    looked = Counter()

    def is_whole(run, seed):
        looked[config.name(run), seed] += 1
        return True

    monkeypatch.setattr(store, "is_whole", is_whole)
    plan([(on_ticket(sparsity=n / 100), 0) for n in range(1, 50)], nothing)
    assert looked == {(config.name(DENSE), 0): 1}


def test_a_walk_hands_each_task_out_when_what_it_needs_is_done():
    walk = Walk(plan([(DEEPER, 0), (BESIDE, 0)], nothing)[0])
    assert names(walk.first()) == names([(DENSE, 0), (OTHER, 0)])
    assert names(walk.finish(identity((DENSE, 0)))) == names([(CHILD, 0)])
    assert names(walk.finish(identity((OTHER, 0)))) == names([(BESIDE, 0)])
    assert names(walk.finish(identity((CHILD, 0)))) == names([(DEEPER, 0)])
    assert not walk.is_over
    assert walk.finish(identity((DEEPER, 0))) == walk.finish(identity((BESIDE, 0))) == []
    assert walk.is_over
    assert walk.left() == []


def test_a_run_with_two_parents_waits_for_both():
    both = replace(CHILD, ticket=config.WeightTicket(OTHER, 0.5))
    walk = Walk(plan([(both, 0)], nothing)[0])
    assert walk.finish(identity((OTHER, 0))) == []
    assert names(walk.finish(identity((DENSE, 0)))) == names([(both, 0)])


def test_what_needs_a_failed_run_is_given_up_and_the_rest_goes_on():
    both = replace(CHILD, ticket=config.WeightTicket(OTHER, 0.5))
    walk = Walk(plan([(DEEPER, 0), (BESIDE, 0), (both, 0)], nothing)[0])
    walk.fail(identity((DENSE, 0)), "no luck")
    assert set(walk.blocked) == {identity((run, 0)) for run in (CHILD, DEEPER, both)}
    assert names(walk.finish(identity((OTHER, 0)))) == names([(BESIDE, 0)])
    walk.finish(identity((BESIDE, 0)))
    assert walk.is_over


def test_a_report_names_every_failed_run_its_reason_and_what_was_not_carried_out():
    walk = Walk(plan([(CHILD, 0), (BESIDE, 0), (DENSE, 1), (DENSE, 2)], nothing)[0])
    walk.fail(identity((DENSE, 0)), "no luck")
    dense, child, other = (config.name(run) for run in (DENSE, CHILD, OTHER))
    assert walk.report() == f"{dense} seed 0: no luck\n  so these were not carried out: {child} seed 0"
    walk.fail(identity((OTHER, 0)), "no disk")
    walk.fail(identity((DENSE, 1)), "no disk")
    assert walk.report().splitlines() == [
        "3 of 6 runs failed:",
        f"{dense} seed 0: no luck",
        f"  so these were not carried out: {child} seed 0",
        f"{other} seed 0, {dense} seed 1: no disk",
        f"  so these were not carried out: {config.name(BESIDE)} seed 0",
    ]


def test_a_task_in_words():
    assert graph.words(("train-0123456789ab", 3)) == "train-0123456789ab seed 3"


def test_a_run_is_pending_until_what_it_needs_is_done():
    walk = Walk(plan([(CHILD, 0)], nothing)[0])
    assert walk.is_pending(identity((CHILD, 0)))
    assert not walk.is_pending(identity((DENSE, 0)))
    walk.finish(identity((DENSE, 0)))
    assert not walk.is_pending(identity((CHILD, 0)))
