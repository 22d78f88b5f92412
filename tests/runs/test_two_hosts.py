"""Two machines with one store on a shared file system: no locks of the kernel, and clocks ten minutes apart."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from repro import paths
from repro.runs import schedule, store
from repro.training.loop import STATE_FILE
from tests.conftest import DENSE, forget, on_ticket

ROOT = Path(__file__).resolve().parents[2]
HANGS = 300  # seconds after which a machine is taken to hang
WANTED = [(on_ticket(epoch=0), 0), (DENSE, 1)]

# What every Python of a machine does first: it has a name, processes and a clock of its own, and no flock.
MACHINE = """
import errno, fcntl, os, socket, time
name, ahead, wall = {name!r}, {ahead}, time.time
def flock(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = fcntl.lockf = flock
socket.gethostname = lambda: name
time.time = lambda: wall() + ahead
from repro import lease, machine
machine.process_space = lease.process_space = lambda: name
lease.BEAT_SECONDS, lease.LEASE_SECONDS = 1.0, 8.0
"""


@pytest.fixture
def machine(tmp_path, home):
    """Starts what drives the wanted runs on a machine; all its processes are ended after the test."""
    started = []

    def start(name, ahead, workers=1):
        site = tmp_path / name
        site.mkdir()
        (site / "sitecustomize.py").write_text(MACHINE.format(name=name, ahead=ahead))
        known = os.pathsep.join([str(site), str(ROOT / "src"), str(ROOT)])
        code = "from tests.runs.test_two_hosts import drive; drive()"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": known, "REPRO_WORKERS": str(workers)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def attempt_noted(task):
    """What workers do here: a checkpoint at every step, and a word of who carries a run out."""
    from repro.machine import host
    from repro.runs.attempt import attempt
    from repro.training import loop

    loop.CHECKPOINT_SECONDS = 0.0
    carry_out = store._carry_out

    def noted(run, seed, home):
        (home / f"by-{host()}-{os.getpid()}").touch()
        return carry_out(run, seed, home)

    store._carry_out = noted
    try:
        attempt(task)
    finally:
        store._carry_out = carry_out


def drive():
    from repro.runs.backends import here, local

    here.attempt = local.attempt = attempt_noted
    schedule.get_or_compute(WANTED, use_committed=False)


def results():
    """What the records say, of every run of the graph, that may not depend on who made them."""
    tasks = store.with_parents(WANTED)
    records = {(r.name, r.seed): r for r in (store.find_local(*task) for task in tasks)}
    return {key: (r.config, r.metrics, r.history, r.weights, r.inputs) for key, r in records.items()}


def carried_out():
    """How often each run was begun, and by which machines any was."""
    found = [(file.parent, file.name.split("-")[1]) for file in paths.home().glob("runs/*/*/by-*")]
    return Counter(home for home, _ in found), {name for _, name in found}


@pytest.fixture
def alone():
    """The records that one machine makes."""
    schedule.get_or_compute(WANTED)
    found = results()
    forget(*store.with_parents(WANTED))
    return found


@pytest.mark.slow
def test_two_machines_share_the_runs_of_a_store_and_do_none_twice(machine, alone):
    both = [machine("north", 0, workers=2), machine("south", 600, workers=2)]
    said = [process.communicate(timeout=HANGS)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert results() == alone
    times, names = carried_out()
    assert set(times.values()) == {1}
    assert names <= {"north", "south"}
    assert not list(paths.home().rglob("lease.*"))


@pytest.mark.slow
def test_a_machine_goes_on_with_what_another_left_that_lost_its_power(machine, alone):
    lost = machine("lost", 600)
    while not list(paths.home().rglob(STATE_FILE)):
        assert lost.poll() is None
        time.sleep(0.01)
    os.killpg(lost.pid, signal.SIGKILL)
    process = machine("here", 0)
    said = process.communicate(timeout=HANGS)[1]
    assert process.returncode == 0, said
    assert "is under way in another process; waiting" in said
    assert results() == alone
    assert carried_out()[1] == {"here", "lost"}


@pytest.mark.slow
def test_a_machine_that_was_cut_off_for_too_long_leaves_the_run_to_the_other(machine, alone):
    slow = machine("slow", 0)
    while not list(paths.home().rglob(STATE_FILE)):
        assert slow.poll() is None
        time.sleep(0.01)
    os.killpg(slow.pid, signal.SIGSTOP)
    other = machine("other", -600)
    assert other.stderr.readline().endswith("waiting\n")
    while carried_out()[1] != {"slow", "other"}:
        assert other.poll() is None
        time.sleep(0.01)
    os.killpg(slow.pid, signal.SIGCONT)
    said = [process.communicate(timeout=HANGS)[1] for process in (slow, other)]
    assert [process.returncode for process in (slow, other)] == [0, 0], said
    assert results() == alone
