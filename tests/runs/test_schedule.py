"""A walk through runs, by a driver that loses nothing and hides nothing."""

import json
import os
import subprocess
import sys
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from repro import config, paths
from repro.config import ConfigError
from repro.runs import schedule, status, store
from repro.runs.attempt import FAILURE_FILE, attempt, failure_in
from repro.runs.backends import Ended
from repro.runs.graph import identity, plan
from repro.runs.workers import OutOfMemory, WorkerLost
from tests.conftest import DENSE, forget, on_ticket

ROOT = Path(__file__).resolve().parents[2]
OTHER = replace(DENSE, draw=5)
CHILD, BESIDE = on_ticket(epoch=0), on_ticket(OTHER)
BROKEN = replace(DENSE, training=replace(DENSE.training, batch_size=65))


class Fake:
    """A backend that does nothing but end tasks, in order, with the errors it was given for them."""

    def __init__(self, errors=None):
        self.errors = {identity(task): list(found) for task, found in (errors or {}).items()}
        self.waiting, self.done, self.asked, self.cancelled = deque(), set(), Counter(), False

    def submit(self, task, chain=0.0):
        self.asked[identity(task)] += 1
        self.waiting.append(task)

    def reorder(self, chain):
        pass

    def wait(self, seconds):
        if not self.waiting:
            return []
        task = self.waiting.popleft()
        left = self.errors.get(identity(task))
        error = left.pop(0) if left else None
        if isinstance(error, KeyboardInterrupt):
            raise error
        if error is None:
            self.done.add(identity(task))
        return [Ended(task, error, 1.0)]

    def running(self):
        return list(self.waiting)[:1]

    def cancel(self):
        self.cancelled = True


@pytest.fixture
def carry_out(monkeypatch):
    """Carries tasks out with a fake backend."""

    def carry_out(wanted, errors=None):
        backend = Fake(errors)

        def find_local(run, seed):
            return SimpleNamespace(outcome="fine") if (config.name(run), seed) in backend.done else None

        monkeypatch.setattr(store, "find_local", find_local)
        backend.tasks = plan(wanted, lambda run, seed: None)[0]
        backend.run = lambda: schedule.carry_out(backend.tasks, backend)
        return backend

    return carry_out


def test_a_failed_run_is_reported_at_the_end_while_what_does_not_need_it_goes_on(carry_out, capsys):
    backend = carry_out([(CHILD, 0), (BESIDE, 0), (BESIDE, 1)], {(DENSE, 0): [ValueError("no luck")]})
    with pytest.raises(schedule.RunFailed) as failed:
        backend.run()
    dense, child = config.name(DENSE), config.name(CHILD)
    assert str(failed.value) == f"{dense} seed 0: no luck\n  so these were not carried out: {child} seed 0"
    assert backend.done == {identity((run, seed)) for run in (OTHER, BESIDE) for seed in (0, 1)}
    assert f"{dense} seed 0 failed: no luck" in capsys.readouterr().err, "said at once too"


def test_errors_that_nobody_wrote_for_the_user_keep_their_type(carry_out):
    backend = carry_out([(DENSE, 0), (DENSE, 1)], {(DENSE, 0): [KeyError("x")], (DENSE, 1): [ConfigError("epochs")]})
    with pytest.raises(schedule.RunFailed, match=r"seed 0: KeyError: 'x'\n.* seed 1: epochs"):
        backend.run()


def test_a_run_whose_process_is_lost_is_tried_again(carry_out, capsys):
    lost = WorkerLost("killed by SIGKILL")
    backend = carry_out([(CHILD, 0)], {(DENSE, 0): [lost, lost], (CHILD, 0): [lost]})
    backend.run()
    assert backend.asked == {identity((DENSE, 0)): 3, identity((CHILD, 0)): 2}
    assert "its process was killed by SIGKILL; it goes on in another" in capsys.readouterr().err


def test_a_run_that_gets_on_between_losses_is_tried_as_often_as_it_takes(carry_out, monkeypatch):
    written = iter([1, 2, 3, 4, 5, 6, 6, 6])
    monkeypatch.setattr(store, "checkpoint_time", lambda *_: next(written))
    backend = carry_out([(DENSE, 0)], {(DENSE, 0): [WorkerLost("lost")] * 9})
    with pytest.raises(schedule.RunFailed, match="3 times in a row"):
        backend.run()
    assert backend.asked[identity((DENSE, 0))] == 8
    assert next(written, None) is None


def test_a_run_that_memory_does_not_suffice_for_is_tried_three_times_however_far_it_gets(carry_out, monkeypatch):
    written = iter(range(9))
    monkeypatch.setattr(store, "checkpoint_time", lambda *_: next(written))
    backend = carry_out([(DENSE, 0)], {(DENSE, 0): [OutOfMemory("ended")] * 9})
    with pytest.raises(schedule.RunFailed, match="3 times in a row, perhaps for want of memory"):
        backend.run()
    assert backend.asked[identity((DENSE, 0))] == schedule.TRIES


def test_what_holds_up_most_is_handed_over_as_such(carry_out):
    backend = carry_out([(on_ticket(on_ticket(epoch=0)), 0), (BESIDE, 0)])
    chains = {}
    submit = backend.submit
    backend.submit = lambda task, chain: (chains.setdefault(identity(task), chain), submit(task))
    backend.run()
    assert [chains[identity((run, 0))] for run in (DENSE, CHILD, OTHER, BESIDE)] == [3, 2, 2, 1]


def test_the_runs_that_two_artefacts_need_are_carried_out_once(carry_out):
    wanted = [(CHILD, 0), (on_ticket(epoch=1), 0), (CHILD, 0)]
    backend = carry_out(wanted)
    backend.run()
    assert set(backend.asked.values()) == {1}
    assert len(backend.asked) == 3


def test_every_gpu_of_a_machine_is_used_without_being_asked_to(monkeypatch):
    monkeypatch.delenv("REPRO_WORKERS")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda n: SimpleNamespace(uuid=f"GPU-{n}"))
    monkeypatch.setattr(schedule, "usable_cores", lambda: 2)
    backend = schedule.local_backend()
    assert backend._limit == 4
    assert [gpu.visible for gpu in backend._gpus] == ["0", "1", "2", "3"]


def test_a_run_whose_process_is_lost_every_time_fails_with_the_mend(carry_out):
    backend = carry_out([(DENSE, 0), (OTHER, 0)], {(DENSE, 0): [WorkerLost("killed by SIGKILL")] * 9})
    with pytest.raises(schedule.RunFailed, match="killed by SIGKILL, 3 times in a row, perhaps for want of memory"):
        backend.run()
    assert backend.asked[identity((DENSE, 0))] == schedule.TRIES
    assert identity((OTHER, 0)) in backend.done
    assert "3 times in a row" in failure_in(store.folder(DENSE, 0))


def test_a_run_under_way_elsewhere_is_waited_for_and_asked_for_when_it_is_free(carry_out, monkeypatch, capsys):
    free = iter([True, True, False])
    monkeypatch.setattr(store, "is_under_way", lambda home: next(free))
    backend = carry_out([(CHILD, 0), (OTHER, 0)], {(DENSE, 0): [store.UnderWay("x is under way in another process")]})
    backend.run()
    assert backend.asked[identity((DENSE, 0))] == 2
    assert len(backend.done) == 3
    assert capsys.readouterr().err.count("x is under way in another process; waiting") == 1
    assert next(free, None) is None


def test_a_run_that_ends_without_a_record_is_named(carry_out, monkeypatch):
    backend = carry_out([(DENSE, 0)])
    monkeypatch.setattr(store, "find_local", lambda run, seed: None)
    with pytest.raises(schedule.RunFailed, match=f"{config.name(DENSE)} seed 0: it ended without a record"):
        backend.run()


def test_a_wanted_run_without_a_record_is_an_error_never_a_shorter_list(monkeypatch):
    monkeypatch.setattr(schedule, "carry_out", lambda *_: None)
    with pytest.raises(store.RunMissing, match=f"{config.name(DENSE)} seed 0 was carried out and its record is not"):
        schedule.get_or_compute([(DENSE, 0)])


def test_whatever_ends_a_driver_nothing_is_left_running(carry_out):
    backend = carry_out([(DENSE, 0)], {(DENSE, 0): [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        backend.run()
    assert backend.cancelled
    assert status.drivers() == []


def test_a_failing_run_is_named_and_its_traceback_kept_until_it_is_done(monkeypatch):
    with pytest.raises(schedule.RunFailed, match=f"{config.name(BROKEN)} seed 0: batch_size 65 exceeds"):
        schedule.get_or_compute([(BROKEN, 0), (DENSE, 0)])
    assert store.find_local(DENSE, 0), "it does not need the broken one"
    home = store.folder(BROKEN, 0)
    assert failure_in(home).startswith("batch_size 65 exceeds the 64 training images")
    assert "Traceback" in json.loads((home / FAILURE_FILE).read_text())["traceback"]
    monkeypatch.setattr(store, "compute", lambda *_: None)
    attempt((BROKEN, 0))
    assert failure_in(home) is None


@pytest.mark.parametrize("forbidden", ["never", "NEVER", "Never"])
def test_training_can_be_forbidden(monkeypatch, forbidden):
    monkeypatch.setenv("REPRO_TRAIN", forbidden)
    with pytest.raises(store.RunMissing, match="forbids training"):
        schedule.get_or_compute([(DENSE, 0)])
    assert not store.folder(DENSE, 0).exists()


@pytest.mark.parametrize("odd", ["nevr", "", "0", "no"])
def test_what_neither_forbids_nor_allows_training_is_refused(monkeypatch, odd):
    monkeypatch.setenv("REPRO_TRAIN", odd)
    with pytest.raises(ConfigError, match=f"REPRO_TRAIN must be auto or never, or unset; got '{odd}'"):
        schedule.get_or_compute([(DENSE, 0)])


def test_training_can_be_allowed_by_name(monkeypatch):
    for value in ("auto", "AUTO"):
        monkeypatch.setenv("REPRO_TRAIN", value)
        assert schedule.may_train()
    monkeypatch.delenv("REPRO_TRAIN")
    assert schedule.may_train()


@pytest.mark.parametrize("odd", ["", "0", "-1", "1.5", "two", "²"])
def test_workers_that_are_no_number_are_refused(monkeypatch, odd):
    monkeypatch.setenv("REPRO_WORKERS", odd)
    with pytest.raises(ConfigError, match="REPRO_WORKERS must be a whole number from 1 on, or unset"):
        schedule.get_or_compute([(DENSE, 0)])


def test_what_finished_runs_took_is_known_by_their_kind():
    record = schedule.get_or_compute([(DENSE, 0)])[0]
    assert schedule.seconds_by_kind([record]) == {"train": [record.timing["seconds"]]}


THREADS = """
import numpy, torch
from threadpoolctl import threadpool_info
from repro.runs.attempt import use_one_thread
print([library["num_threads"] for library in threadpool_info()], torch.get_num_threads())
use_one_thread()
import scipy.linalg, sklearn.cluster
print({library["num_threads"] for library in threadpool_info()}, torch.get_num_threads())
"""


def test_a_run_takes_one_thread_of_every_library_loaded_before_or_after():
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", THREADS], env=environment, capture_output=True, text=True, check=True)
    before, after = done.stdout.splitlines()
    assert "2" in before
    assert after == "{1} 1"


@pytest.mark.slow
def test_two_drivers_make_one_record(home):
    code = (
        "from repro.runs import schedule; from tests.conftest import DENSE; "
        "schedule.get_or_compute([(DENSE, 0)], use_committed=False)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(ROOT)])}
    with store.FileLock(paths.run_folder(*identity((DENSE, 0))) / store.LOCK_FILE):
        started = [
            subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        first = [process.stderr.readline() for process in started]
    assert first == [f"repro: {config.name(DENSE)} seed 0 is under way in another process; waiting\n"] * 2
    said = "".join(process.communicate()[1] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    assert said.count("[1/1]") == 2
    assert store.find_local(DENSE, 0)
    assert not list(home.glob("drivers/*"))


@pytest.mark.slow
def test_a_result_does_not_depend_on_how_many_runs_are_carried_out_at_once(monkeypatch):
    tasks = [(on_ticket(epoch=0), 0), (on_ticket(draw=1), 0), (DENSE, 1)]
    torch.set_num_threads(2)  # as a process has them that nobody told otherwise
    one = schedule.get_or_compute(tasks)
    forget(*tasks, (DENSE, 0))
    monkeypatch.setenv("REPRO_WORKERS", "2")
    two = schedule.get_or_compute(tasks)
    assert [r.weights for r in one] == [r.weights for r in two]
    assert {r.timing["threads"] for r in one + two} == {1}
