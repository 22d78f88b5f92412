"""What the store holds and what drives it now, and what killed processes leave."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from repro import config, lease, paths
from repro.machine import host
from repro.runs import progress, schedule, status, store
from repro.runs.attempt import note_failure
from repro.runs.graph import Walk, identity, plan
from repro.runs.progress import Progress, State, seconds_left
from tests.conftest import DENSE, on_ticket

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def gone():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def states():
    return {run["seed"]: (run["state"], run["said"]) for run in status.overview()["runs"]}


def test_the_state_of_every_run_in_the_store():
    record = schedule.get_or_compute([(DENSE, 0)])[0]
    for seed in (1, 2, 3, 4):
        store.folder(DENSE, seed).mkdir(parents=True)
    (store.folder(DENSE, 1) / store.RECORD_FILE).write_text("half")
    note_failure((DENSE, 2), "no luck")
    store.folder(DENSE, 5).with_name("seed5.aside").mkdir()
    with lease.take(store.folder(DENSE, 3) / store.LEASE):
        found = states()
    assert found[0] == ("done", record.outcome)
    assert found[1][0] == "damaged"
    assert found[2] == ("failed", "no luck")
    assert found[3] == ("running", "in another process")
    assert found[4][0] == "interrupted"
    assert found.keys() == {0, 1, 2, 3, 4}
    assert states()[3][0] == "interrupted", "the process is done with it"
    said = status.describe(status.overview()).splitlines()
    assert f"{config.name(DENSE)} seed0: {record.outcome}" in said
    assert f"{config.name(DENSE)} seed2: failed: no luck" in said


def test_an_empty_store_says_so(home):
    assert status.describe(status.overview()) == f"no run has been begun in {home}"


def follow(wanted, known=None):
    walk = Walk(plan(wanted, lambda run, seed: None)[0])
    return walk, Progress(walk, known or {})


def test_a_driver_says_what_it_has_done_and_is_doing(monkeypatch):
    monkeypatch.setattr(progress, "WRITE_SECONDS", 0.0)
    child = on_ticket(epoch=0)
    walk, shown = follow([(DENSE, 0), (DENSE, 1), (child, 2), (replace(DENSE, draw=3), 0)], {"train": [60.0, 80.0]})
    dense = [identity((DENSE, seed)) for seed in range(3)]
    store.folder(DENSE, 1).mkdir(parents=True)
    walk.finish(dense[0])
    shown.note_done(dense[0], 70.0, "fine")
    walk.fail(dense[2], "no luck")
    shown.note_failed(dense[2], "no luck")
    shown.update([dense[1]])
    (driver,) = status.drivers()
    assert (driver["total"], driver["done"], driver["waiting"], driver["not_carried_out"]) == (5, 1, 1, 1)
    assert list(driver["running"]) == [f"{config.name(DENSE)} seed 1"]
    assert driver["failed"] == {f"{config.name(DENSE)} seed 2": "no luck"}
    assert driver["seconds_left"] == 140.0
    assert driver["alive"] is True
    assert states()[1][0] == "running"
    first, second = status.describe(status.overview()).splitlines()[:2]
    assert first.endswith(
        "1 of 5 runs done, 1 running, 1 waiting, 1 failed, 1 not carried out because of that, about 2 min left"
    )
    assert second == f"  {config.name(DENSE)} seed 2 failed: no luck"
    shown.close()
    assert status.drivers() == []


def test_a_driver_that_was_killed_is_told_by_its_process_and_forgotten_by_the_next(gone):
    running = {f"{config.name(DENSE)} seed 0": 5.0}
    dead = State(3, 1, 1, running, {}, 0, None, process=gone)
    file = paths.drivers() / f"{host()}-{gone}.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(asdict(dead)))
    store.folder(DENSE, 0).mkdir(parents=True)
    assert status.drivers()[0]["alive"] is False
    assert "was killed with 1 of 3 runs done; the same command goes on" in status.describe(status.overview())
    assert states()[0][0] == "interrupted", "nothing of it runs"
    follow([(DENSE, 0)])
    assert not file.exists()


def test_of_a_driver_on_another_machine_only_its_last_words_are_known(gone):
    away = State(3, 1, 1, {}, {}, 0, None, host="elsewhere", process=gone, written=time.time() - 7200)
    file = paths.drivers() / f"elsewhere-{gone}.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(asdict(away)))
    assert status.drivers()[0]["alive"] is None
    assert "heard of about 2 h ago" in status.describe(status.overview())
    follow([(DENSE, 0)])
    assert file.exists()


@pytest.mark.parametrize("damage", ["", "[]", "{}", "half"])
def test_a_damaged_file_of_a_driver_is_passed_over(damage):
    paths.drivers().mkdir(parents=True)
    (paths.drivers() / f"{host()}-1.json").write_text(damage)
    assert status.drivers() == []


def test_time_left_is_what_is_known_of_each_kind_over_what_runs_side_by_side():
    left = [("train-a", 0), ("train-b", 0), ("select-c", 0)]
    assert seconds_left(left, {}, {}) is None
    assert seconds_left(left, {}, {"train": [10.0, 20.0], "select": [5.0]}) == 35.0
    assert seconds_left(left, {}, {"train": [10.0]}) == 30.0, "a kind that was never timed is like the others"
    assert seconds_left(left, {("train-a", 0): 5.0, ("train-b", 0): 50.0}, {"train": [10.0]}) == 7.5


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "about 0 s"), (119, "about 119 s"), (200, "about 3 min"), (7300, "about 2 h")]
)
def test_a_duration_in_words(seconds, said):
    assert status.duration(seconds) == said


def test_what_killed_processes_were_writing_is_swept_when_a_runs_folder_is_opened(gone):
    home = store.folder(DENSE, 0)
    home.mkdir(parents=True)
    left = home / f".state.safetensors.{host()}.{gone}.tmp"
    mine = paths.beside(home / "state.safetensors")
    away = home / f".state.safetensors.elsewhere.{gone}.tmp"
    for file in (left, mine, away):
        file.touch()
    folder = home / f".data.{host()}.{gone}.tmp"
    folder.mkdir()
    schedule.get_or_compute([(DENSE, 0)])
    assert not left.exists()
    assert not folder.exists()
    assert mine.exists(), "its process lives"
    assert away.exists(), "of another machine nothing is known"


def test_git_ignores_what_is_being_written():
    for target in ("book/results/table1.demo.jsonl", "book/reproductions/table1.ipynb", "requirements.txt"):
        file = paths.beside(ROOT / target)
        done = subprocess.run(["git", "check-ignore", "-q", file], cwd=ROOT, check=False)
        assert done.returncode == 0, f"git does not ignore {file.name}"
