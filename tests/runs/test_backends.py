"""Where runs are carried out on this machine: processes, GPUs and memory."""

import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from repro import procedures
from repro.procedures import Procedure
from repro.runs.attempt import attempt
from repro.runs.backends import Waiting, gpus, local
from repro.runs.backends.gpus import Gpu, visible_gpus
from repro.runs.backends.local import Local
from repro.runs.needs import Needs
from repro.runs.workers import WorkerLost
from tests.conftest import DENSE
from tests.runs import jobs

ROOT = Path(__file__).resolve().parents[2]
ONE, TWO = Gpu("GPU-one", "0"), Gpu("GPU-two", "1")


@pytest.fixture
def doing(monkeypatch):
    """Has processes do something else than carry a run out; `needs` is by seed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    backends = []

    def make(job, backend, count, **needs):
        monkeypatch.setattr(local, "attempt", job)
        monkeypatch.setattr(procedures, "find", lambda run: Procedure(type(run), attempt, **needs))
        for seed in range(count):
            backend.submit((DENSE, seed))
        backends.append(backend)
        return backend

    yield make
    for backend in backends:
        backend.cancel()


def finish(backend, count):
    """What ended, after `count` tasks did."""
    ended = []
    while len(ended) < count:
        ended += backend.wait(5)
    return ended


def until_seen(backend, count):
    """Let tasks begin that only end when the test says so."""
    while len(jobs.seen()) < count:
        assert backend.wait(0.05) == []


def stop(home):
    (home / "stop").touch()


def test_no_more_processes_are_started_than_there_are_tasks(doing, home):
    backend = doing(jobs.last, Local(4), 2)
    until_seen(backend, 2)
    assert len(psutil.Process().children()) == 2
    assert len(backend.running()) == 2
    stop(home)
    assert {ended.task[1] for ended in finish(backend, 2)} == {0, 1}
    backend.cancel()
    assert not psutil.Process().children()


def test_no_more_processes_are_started_than_are_allowed(doing, home):
    backend = doing(jobs.last, Local(2), 4)
    until_seen(backend, 2)
    backend.wait(0.3)
    assert len(jobs.seen()) == len(psutil.Process().children()) == 2
    stop(home)
    assert all(ended.error is None for ended in finish(backend, 4))
    assert len(psutil.Process().children()) == 2


def test_longer_chains_begin_first_and_equal_ones_in_their_order():
    waiting = Waiting()
    for seed, chain in enumerate([1, 3, 1, 2, 3]):
        waiting.add((DENSE, seed), chain)
    assert [waiting.pop()[1] for _ in range(len(waiting))] == [1, 4, 3, 0, 2]


def test_runs_whose_memory_was_measured_share_a_gpu(doing, home, monkeypatch):
    measured = Needs(1, 0.25, 100, 5.0)
    monkeypatch.setattr(local, "find_needs", lambda run: measured)
    backend = doing(jobs.last, Local(8, [ONE, TWO]), 5, gpu=1.0)
    until_seen(backend, 5)
    assert sorted(jobs.seen().values()) == ["0", "0", "0", "0", "1"]
    stop(home)


def test_a_killed_process_takes_only_its_own_task_along(doing):
    backend = doing(jobs.die_of_seed_0, Local(2), 3)
    errors = {ended.task[1]: ended.error for ended in finish(backend, 3)}
    assert isinstance(errors[0], WorkerLost)
    assert errors[1] is errors[2] is None
    assert jobs.seen() == {1: "done", 2: "done"}


def test_a_process_that_is_killed_while_idle_is_replaced(doing):
    backend = doing(jobs.tell_gpu, Local(1), 1)
    finish(backend, 1)
    (idle,) = psutil.Process().children()
    idle.kill()
    assert backend._places[0].worker.connection.poll(300), "its end of the socket closes"
    backend.submit((DENSE, 7))
    assert finish(backend, 1)[0].error is None
    assert 7 in jobs.seen()


def test_each_process_that_trains_has_a_gpu_of_its_own(doing, home):
    backend = doing(jobs.last, Local(8, [ONE, TWO]), 3, gpu=1.0)
    until_seen(backend, 2)
    backend.wait(0.3)
    assert sorted(jobs.seen().values()) == ["0", "1"]
    stop(home)
    finish(backend, 3)
    assert set(jobs.seen().values()) == {"0", "1"}


def test_a_run_that_needs_no_gpu_sees_and_holds_none(doing, home):
    backend = doing(jobs.last, Local(8, [ONE]), 2, gpu=0.0)
    until_seen(backend, 2)
    assert set(jobs.seen().values()) == {""}
    assert ONE.claim()


def test_two_runs_that_need_half_a_gpu_share_one(doing, home):
    backend = doing(jobs.last, Local(8, [ONE, TWO]), 2, gpu=0.5)
    until_seen(backend, 2)
    assert set(jobs.seen().values()) == {"0"}
    assert TWO.claim()


def test_where_every_gpu_is_taken_a_run_waits_for_one(doing, home, capsys):
    other = ONE.claim()
    backend = doing(jobs.tell_gpu, Local(4, [ONE]), 2, gpu=1.0)
    assert backend.wait(0.1) == backend.wait(0.1) == []
    assert not psutil.Process().children()
    assert capsys.readouterr().err.count("every GPU is in use by another process; waiting for one") == 1
    other.release()
    assert len(finish(backend, 2)) == 2
    assert set(jobs.seen().values()) == {"0"}


def test_a_gpu_that_no_run_needs_is_let_go(doing):
    backend = doing(jobs.tell_gpu, Local(4, [ONE]), 1, gpu=1.0)
    finish(backend, 1)
    assert ONE.claim() is None, "the next run may need it"
    backend.wait(0.1)
    assert ONE.claim()


def test_a_card_is_the_same_under_another_number_and_another_on_another_machine(monkeypatch):
    held = ONE.claim()
    assert held
    assert Gpu("GPU-one", "1").claim() is None
    assert Gpu("GPU-two", "0").claim()
    monkeypatch.setattr(gpus, "host", lambda: "another")
    assert ONE.claim()


@pytest.mark.parametrize(
    ("visible", "named"), [(None, ["0", "1"]), ("3,1", ["3", "1"]), (" GPU-a, GPU-b", ["GPU-a", "GPU-b"])]
)
def test_cards_are_those_that_are_visible_and_are_called_as_there(monkeypatch, visible, named):
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if visible:
        monkeypatch.setenv(gpus.VISIBLE, visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda n: SimpleNamespace(uuid=f"id-{n}"))
    assert visible_gpus() == [Gpu("id-0", named[0]), Gpu("id-1", named[1])]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda n: SimpleNamespace())
    assert [gpu.id for gpu in visible_gpus()] == named


def test_no_more_processes_are_started_than_memory_allows(doing, home, capsys):
    backend = doing(jobs.last, Local(8, memory_mb=2500), 4, memory_mb=1000)
    until_seen(backend, 2)
    backend.wait(0.3)
    assert len(psutil.Process().children()) == 2
    assert capsys.readouterr().err == (
        "repro: the 2,500 MB that are free allow 2 at a time of what takes up to 1,000 MB\n"
    )
    stop(home)
    finish(backend, 4)
    assert not capsys.readouterr().err


def test_what_takes_more_than_all_memory_is_still_tried_alone(doing):
    backend = doing(jobs.tell_gpu, Local(8, memory_mb=100), 3, memory_mb=1000)
    assert len(finish(backend, 3)) == 3
    assert len(psutil.Process().children()) == 1


def test_an_idle_process_makes_room_for_one_that_takes_more(doing, monkeypatch):
    backend = doing(jobs.tell_gpu, Local(2, [ONE], memory_mb=1500), 1, memory_mb=1000)
    finish(backend, 1)
    (idle,) = psutil.Process().children()
    backend = doing(jobs.tell_gpu, backend, 1, memory_mb=1000, gpu=1.0)
    finish(backend, 1)
    assert not idle.is_running()


def test_giving_up_ends_processes_and_lets_gpus_go(doing):
    backend = doing(jobs.last, Local(4, [ONE, TWO]), 2, gpu=1.0)
    until_seen(backend, 2)
    backend.cancel()
    assert not psutil.Process().children()
    assert ONE.claim()
    assert TWO.claim()
