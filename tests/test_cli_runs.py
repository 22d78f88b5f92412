"""The command while it carries runs out: ended in any way, with failures, and asked how far it is."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from repro import cli, paths
from repro.cli import main
from repro.pages import execute
from repro.runs import schedule
from repro.runs.attempt import note_failure
from tests.conftest import DENSE

ROOT = Path(__file__).resolve().parents[1]
HANGS = 300  # seconds after which a process is taken to hang


def heed_signals():
    """Take signals as a command in a terminal does; under `nohup`, where tests may run, SIGHUP is ignored."""
    for name in (signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)


@pytest.fixture
def command(home):
    """A command that trains for days in two workers; it, and its workers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "repro.cli", "run", "table1", "-p", "epochs=1000000"],
        cwd=ROOT,
        env=os.environ | {"REPRO_WORKERS": "2"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_signals,
    )
    while len(list(home.glob("runs/*/*/config.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    yield process, psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda end: end.name
)
def test_however_a_command_ends_no_process_of_it_is_left(command, end):
    process, workers = command
    assert len(workers) == 2, "one for each run that is under way, and nothing else"
    process.send_signal(end)
    said = process.communicate(timeout=HANGS)[1]
    assert psutil.wait_procs(workers, timeout=HANGS)[1] == []
    assert process.returncode == (-end if end == signal.SIGKILL else 130)
    if end != signal.SIGKILL:
        assert said.splitlines()[-1] == "repro: interrupted; the same command goes on from the last checkpoint"
        assert not list(paths.drivers().glob("*"))


@pytest.mark.slow
def test_a_command_survives_its_worker_and_tells_how_far_it_is(command):
    process, workers = command
    workers[0].kill()
    assert "killed by SIGKILL; it goes on in another" in process.stderr.readline()
    states = []
    while states.count("running") < 2 or workers[0].is_running():
        shown = subprocess.run(
            [sys.executable, "-m", "repro.cli", "status", "--json"], capture_output=True, text=True, check=True
        )
        found = json.loads(shown.stdout)
        states = [run["state"] for run in found["runs"]]
    (driver,) = found["drivers"]
    assert driver["alive"]
    assert driver["process"] == process.pid
    assert driver["total"] == driver["pending"] + driver["submitted"] + len(driver["running"])


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["repro", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code


def test_status_shows_a_failed_run_with_its_reason(monkeypatch, capsys):
    note_failure((DENSE, 3), "no luck")
    assert call(monkeypatch, "status") == 0
    assert capsys.readouterr().out.endswith("seed3: failed: no luck\n")
    assert call(monkeypatch, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["said"] == "no luck"


def test_pages_that_do_not_need_a_failed_run_are_made_and_the_command_fails(monkeypatch, capsys):
    made = []

    def execute_all(jobs):
        made.extend(page for _, page, _ in jobs)
        yield from made

    def fail(*_, **__):
        raise schedule.RunFailed("train-x seed 0: no luck")

    def missing(tasks, use_committed):
        assert use_committed is False
        return [task for task in tasks if task in lacking]

    lacking = cli.planned("table1", "demo", None)[-1:]
    monkeypatch.setattr(execute, "execute_all", execute_all)
    monkeypatch.setattr(schedule, "get_or_compute", fail)
    monkeypatch.setattr(schedule, "missing", missing)
    assert call(monkeypatch, "execute", "table1", "subsets-theory") == "repro: train-x seed 0: no luck"
    assert [page.stem for page in made] == ["subsets-theory"]
    assert "subsets-theory: " in capsys.readouterr().out
