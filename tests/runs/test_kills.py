"""A kill at any moment, of the driver or of a worker, costs time and nothing else."""

import contextlib
import multiprocessing
import os
import random
import sys
import time
from pathlib import Path

import psutil
import pytest

from repro import config
from repro.runs import attempt, schedule, store
from repro.runs.backends import local
from repro.training import loop
from tests.conftest import DENSE, on_ticket

ROOT = Path(__file__).resolve().parents[2]
STUDENTS = [on_ticket(on_ticket(epoch=0)), on_ticket(draw=1)]  # on a ticket of a ticket, and of the dense network
WANTED = [(run, 0) for run in (DENSE, *STUDENTS)]
KILLS, HANGS = 60, 300  # seconds after which a process is taken to hang


def attempt_saving_every_step(task):
    """What workers do here: a checkpoint lies between any two steps, so kills fall before, into and after many."""
    loop.CHECKPOINT_SECONDS = 0.0
    attempt.attempt(task)


def drive(home):
    """What a driver does; it is forked, so that it need not import everything again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.environ |= {"REPRO_HOME": str(home), "REPRO_WORKERS": "2"}
    os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, sys.path), str(ROOT)])
    local.attempt = attempt_saving_every_step
    schedule.get_or_compute(WANTED, use_committed=False)


class Command:
    """A driver with its workers, started again when it has ended."""

    def __init__(self, home):
        self.home, self.process = home, None

    def start(self):
        """Start the driver unless it is there; False where it has nothing left to do."""
        if self.process and self.process.exitcode == 0:
            return False
        if not self.process or not self.process.is_alive():
            self.process = multiprocessing.get_context("fork").Process(target=drive, args=(self.home,))
            self.process.start()
        return True

    def workers(self):
        """Processes of the driver, if it is there."""
        try:
            return psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return []

    def kill_driver(self):
        """Kill the driver alone; whether it was there. Its workers must end of themselves."""
        workers = self.workers()
        hit = self.process.is_alive()
        self.process.kill()
        self.process.join()
        assert psutil.wait_procs(workers, timeout=HANGS)[1] == [], "a worker lives on without its driver"
        return hit

    def kill_worker(self, draw):
        """Kill one of the workers; whether one was there."""
        workers = [worker for worker in self.workers() if worker.status() != psutil.STATUS_ZOMBIE]
        if workers:
            draw.choice(workers).kill()
        return bool(workers)

    def is_training(self, since):
        """Whether a checkpoint was written since a time."""
        states = self.home.glob("runs/*/*/state.safetensors")
        with contextlib.suppress(FileNotFoundError):  # of a run that ends just now
            return any(state.stat().st_mtime > since for state in states)
        return True


def disturb(command, draw):
    """Kill the driver or a worker at a random moment of starting or of training; whether that hit one."""
    moment, now = time.monotonic() + draw.uniform(0, 4), time.time()
    if draw.random() < 0.5:
        while not command.is_training(now) and command.process.is_alive():
            time.sleep(0.01)
        moment = time.monotonic() + draw.uniform(0, 0.8)
    while time.monotonic() < moment and command.process.is_alive():
        time.sleep(0.001)
    return command.kill_driver() if draw.random() < 0.3 else command.kill_worker(draw)


def results():
    """What the records say, of every run of the graph, that may not depend on what happened on the way."""
    tasks = store.with_parents(WANTED)
    records = {(config.name(run), seed): store.find_local(run, seed) for run, seed in tasks}
    return {key: (r.config, r.metrics, r.history, r.weights, r.data, r.inputs) for key, r in records.items()}


@pytest.mark.slow
def test_killed_at_60_random_moments_it_ends_in_the_same_records_bit_for_bit(tmp_path, monkeypatch, capsys):
    schedule.get_or_compute(WANTED)
    undisturbed, draw, kills, stores = results(), random.Random(0), 0, 0
    assert len(undisturbed) == 4
    while kills < KILLS:
        stores += 1
        command = Command(tmp_path / f"store-{stores}")
        while command.start():
            if kills < KILLS:
                kills += disturb(command, draw)
            else:
                command.process.join(HANGS)
        monkeypatch.setenv("REPRO_HOME", str(command.home))
        assert results() == undisturbed
        assert not list(command.home.rglob(".*.tmp")), "what a killed process was writing is swept"
    with capsys.disabled():
        print(f"\n{kills} kills of drivers and workers survived, over {stores} stores")
