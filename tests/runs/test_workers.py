"""Processes that work for this one: what they are set up with, and how they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from repro.runs.workers import Worker, WorkerLost, spread
from tests.runs import jobs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def tests_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)


LOOP = """
import resource
import numpy as np
from repro.runs.workers import keep_freed_memory
{set_up}
for turn in range(20):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(set_up):
    """Page faults of ten times 64 MiB, taken and freed, after as many before."""
    done = subprocess.run(
        [sys.executable, "-c", LOOP.format(set_up=set_up)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_a_worker_takes_the_memory_that_it_freed_without_page_faults():
    assert page_faults("keep_freed_memory()") < page_faults("") / 10


PARENT = """
import builtins, sys, time
from repro.runs.workers import Worker
worker = Worker()
worker.call({function})
print(worker.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("function", ["time.sleep, 600", "builtins.exec, 'while True: pass'"])
def test_a_worker_ends_when_its_parent_is_killed_whatever_it_is_doing(function):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(function=function)], stdout=subprocess.PIPE, text=True
    )
    worker = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.5)
    assert worker.is_running()
    parent.kill()
    parent.wait()
    assert psutil.wait_procs([worker], timeout=60)[0], "the worker lives on"


def test_a_worker_that_is_killed_is_told_apart_from_one_that_fails():
    worker = Worker()
    worker.call(jobs.die, None)
    with pytest.raises(WorkerLost, match="killed by SIGKILL"):
        worker.answer()
    with pytest.raises(WorkerLost):
        worker.call(jobs.die, None)
    worker = Worker()
    worker.call(jobs.add, 1)
    with pytest.raises(TypeError, match="missing 1 required"):
        worker.answer()
    worker.call(jobs.add, 1, 2)
    assert worker.answer() == 3, "an error ends a task, not the worker"
    worker.end()
    assert worker.process.returncode == -signal.SIGKILL


def test_an_error_that_cannot_be_sent_arrives_as_its_text():
    worker = Worker()
    worker.call(jobs.fail_oddly, 1)
    with pytest.raises(RuntimeError, match="Odd: 1 and 2"):
        worker.answer()
    worker.end()


def test_calls_are_spread_over_workers_and_no_worker_is_left():
    assert sorted(spread(jobs.add, [(1, n) for n in range(5)], 2)) == [1, 2, 3, 4, 5]
    used = set(spread(jobs.process, [(n,) for n in range(5)], 2))
    assert 1 <= len(used) <= 2
    assert not any(map(psutil.pid_exists, used))
    with pytest.raises(TypeError):
        list(spread(jobs.add, [(1, 1), (1, "x"), (1, 1)], 2))
    assert not psutil.Process().children()
