"""Who works on what, on one machine and on several that share a file system and nothing else."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from repro import disk, lease, machine

ROOT = Path(__file__).resolve().parents[1]
BEAT, LEASE = 0.05, 2.0  # seconds, in place of 10 and 60

HOLD = """
import sys, time
from pathlib import Path
from repro import lease, machine
lease.BEAT_SECONDS, space = float(sys.argv[2]), sys.argv[3]
machine.process_space = lease.process_space = (lambda: space) if space else machine.process_space
wall = time.time
time.time = lambda: wall() + 600
held = lease.take(Path(sys.argv[1]))
print("held" if held else "not held", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", BEAT)
    monkeypatch.setattr(lease, "LEASE_SECONDS", LEASE)
    monkeypatch.setattr(time, "time", lambda: pytest.fail("a lease asked what time it is"))
    yield
    for held in list(lease._held.values()):
        held.release()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lease"


@pytest.fixture
def hold(path):
    """Starts a process that holds the lease, of this machine or of another whose clock goes ten minutes before ours."""
    started = []

    def start(space=""):
        words = [sys.executable, "-c", HOLD, str(path), str(BEAT), space]
        process = subprocess.Popen(words, cwd=ROOT / "src", stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def names(folder):
    return [file.name for file in folder.iterdir()]


def look(path, seconds):
    """Take a lease as soon as it can be had, within some seconds of this process's own clock."""
    end = time.monotonic() + seconds
    while (found := lease.take(path)) is None and time.monotonic() < end:
        time.sleep(BEAT)
    return found


def test_a_lease_is_held_by_one_and_leaves_nothing(path):
    with lease.take(path):
        assert lease.is_held(path)
        assert lease.take(path) is None
        time.sleep(3 * BEAT)
        assert lease.take(path) is None
    assert not lease.is_held(path)
    assert names(path.parent) == []
    with lease.take(path):
        pass


def test_a_lease_in_no_folder_is_not_held(tmp_path):
    assert not lease.is_held(tmp_path / "lost" / "lease")
    with pytest.raises(FileNotFoundError):
        lease.take(tmp_path / "lost" / "lease")


@pytest.mark.parametrize("reaped", [True, False])
def test_a_process_of_this_machine_that_is_gone_holds_nothing(path, hold, reaped):
    process = hold()
    time.sleep(3 * BEAT)
    assert lease.take(path) is None
    process.kill()
    if reaped:
        process.wait()
    else:
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
    with lease.take(path) as own:
        assert own.file.name == "lease.2"
        assert names(path.parent) == ["lease.2"]


def test_a_process_of_this_machine_that_is_held_up_keeps_its_lease(path, hold):
    process = hold()
    process.send_signal(signal.SIGSTOP)
    assert look(path, 1.5 * LEASE) is None
    process.send_signal(signal.SIGCONT)


def test_another_process_of_the_same_number_is_not_the_holder(path, hold, monkeypatch):
    hold().kill()
    monkeypatch.setattr(lease, "process_start", lambda process: "12345")
    assert lease.take(path)


def test_a_system_that_does_not_say_when_processes_began_is_judged_by_their_silence(path, hold, monkeypatch):
    hold().send_signal(signal.SIGSTOP)
    monkeypatch.setattr(lease, "process_start", lambda process: None)
    assert lease.take(path) is None
    assert look(path, 20 * LEASE)


def test_another_machine_keeps_its_lease_while_it_is_heard_of(path, hold):
    process = hold("another machine")
    assert look(path, 2 * LEASE) is None
    os.utime(path.with_name("lease.1"), (0, 0))
    assert look(path, LEASE / 2) is None, "nor does the time of the file count"
    process.kill()
    before = time.monotonic()
    assert look(path, 20 * LEASE)
    assert time.monotonic() - before > LEASE / 2


def test_a_lease_that_is_over_is_over_for_everyone(path, hold):
    """A driver watches, and a worker of it, that has seen nothing yet, is to take it."""
    hold("another machine").kill()
    while lease.is_held(path):
        time.sleep(BEAT)
    lease._seen.clear()
    assert lease.take(path)


def test_looks_that_are_answered_late_say_little(path, hold, monkeypatch):
    hold("another machine").kill()
    now, looks = [0.0], 0
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    while lease.take(path) is None:
        now[0] += 1000
        looks += 1
    assert looks >= LEASE / BEAT


def test_a_holder_that_was_held_up_too_long_writes_nothing_more(path, hold, monkeypatch):
    own = lease.take(path)
    disk.write_bytes(path.parent / "mine", b"1")
    own._released.set()  # it beats no more, as if this process had been stopped
    monkeypatch.setattr(machine, "process_space", lambda: "here")
    other = subprocess.run(
        [sys.executable, "-c", TAKE, str(path)], cwd=ROOT / "src", capture_output=True, text=True, check=True
    )
    assert other.stdout == "taken\n"
    with pytest.raises(lease.UnderWay, match="taken over by another process"):
        disk.write_bytes(path.parent / "mine", b"2")
    assert (path.parent / "mine").read_bytes() == b"1"
    own.release()
    assert names(path.parent) != [], "and leaves the other's lease alone"
    disk.write_bytes(path.parent / "mine", b"3")


TAKE = """
import os, sys, time
from pathlib import Path
from repro import lease
lease.LEASE_SECONDS, lease.BEAT_SECONDS, lease.process_space = 0.5, 0.05, lambda: "another machine"
while not (found := lease.take(Path(sys.argv[1]))):
    time.sleep(0.05)
print("taken", flush=True)
os._exit(0)
"""


def test_a_listing_that_is_out_of_date_gives_no_second_lease(path, monkeypatch):
    path.with_name("lease.7").write_text("{}")  # of another
    true, stale = lease._numbers, iter([[]])
    monkeypatch.setattr(lease, "_numbers", lambda path: next(stale, None) or true(path))
    assert lease.take(path) is None
    assert names(path.parent) == ["lease.7"]


def test_a_holder_that_comes_back_at_the_last_moment_keeps_its_lease(path, monkeypatch):
    file = path.with_name("lease.1")
    file.write_text("one")
    monkeypatch.setattr(lease, "_is_over", lambda path, content: bool(file.write_text("two")))
    assert lease.take(path) is None
    assert names(path.parent) == ["lease.1"]


CONTEND = """
import os, random, sys, time
from pathlib import Path
from repro import lease
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
lease.BEAT_SECONDS = 600
lease._is_over = lambda path, content: content == b"silent"
done = 0
while done < rounds:
    if held := lease.take(folder / "lease"):
        marker = os.open(folder / "inside", os.O_CREAT | os.O_EXCL)  # fails where another is inside
        os.close(marker)
        time.sleep(0.002 * random.random())
        (folder / "inside").unlink()
        done += 1
        if random.random() < 0.5:
            held.file.write_bytes(b"silent")
        else:
            held.release()
    time.sleep(0.001 * random.random())
"""


@pytest.mark.slow
def test_of_many_machines_one_alone_holds_it(path):
    words = [sys.executable, "-c", CONTEND, str(path.parent), "30"]
    started = [subprocess.Popen(words, cwd=ROOT / "src", stderr=subprocess.PIPE, text=True) for _ in range(6)]
    said = [process.communicate(timeout=600)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 6, said


def stale(times):
    """A call that finds its file stale so often, and then returns."""
    left = iter(range(times))

    def call():
        for _ in left:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return "found"

    return call


def test_a_stale_file_is_opened_anew_and_named_where_that_does_not_help(monkeypatch, tmp_path):
    monkeypatch.setattr(disk, "PAUSES", (0.0, 0.0, 0.0))
    assert disk.reopening(tmp_path / "x", stale(3)) == "found"
    with pytest.raises(disk.StaleFile, match=r"x: .*, 4 times\. .*run the same command again"):
        disk.reopening(tmp_path / "x", stale(4))
    with pytest.raises(FileNotFoundError):
        disk.read_bytes(tmp_path / "lost")


def test_a_handle_that_goes_stale_while_writing_is_opened_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(disk, "PAUSES", (0.0, 0.0, 0.0))
    synced, again = os.fsync, stale(2)

    def fsync(descriptor):
        again()
        synced(descriptor)

    monkeypatch.setattr(disk.os, "fsync", fsync)
    disk.write_bytes(tmp_path / "x", b"whole")
    assert (tmp_path / "x").read_bytes() == b"whole"
    assert names(tmp_path) == ["x"]
