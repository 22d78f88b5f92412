import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from repro import config, procedures
from repro.data.cifar import DataError
from repro.procedures import Procedure, entry
from repro.procedures.train import FINAL_FILE
from repro.runs import schedule, store
from repro.runs.provenance import provenance
from repro.training.checkpoint import save_tensors
from repro.training.loop import STATE_FILE
from tests.conftest import DENSE, forget, on_ticket

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def done():
    schedule.get_or_compute([(DENSE, 0)])
    return store.folder(DENSE, 0)


def rerun():
    return schedule.get_or_compute([(DENSE, 0)])[0]


def test_a_record_says_what_was_run_where_and_on_what(done):
    record = json.loads((done / store.RECORD_FILE).read_text())
    assert record["name"] == config.name(DENSE)
    assert record["config"] == config.canonical(DENSE)
    assert 0 <= record["metrics"]["accuracy"] <= 1
    assert record["timing"]["seconds"] > 0
    assert {"commit", "dirty", "code", "versions", "device", "date"} <= record["provenance"].keys()
    assert record["origin"] == "package"


def test_a_finished_run_leaves_no_checkpoint_and_is_not_trained_again(done):
    assert sorted(p.name for p in done.iterdir()) == [
        "config.json",
        "epoch-0.safetensors",
        "epoch-1.safetensors",
        FINAL_FILE,
        "lock",
        store.RECORD_FILE,
    ]
    before = (done / store.RECORD_FILE).stat().st_mtime_ns
    rerun()
    assert (done / store.RECORD_FILE).stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [b"", b"{}", b"not json", None])
def test_a_damaged_record_is_set_aside_and_made_again(done, damage, capsys):
    file = done / store.RECORD_FILE
    good = json.loads(file.read_text())
    file.write_bytes(file.read_bytes().replace(b'"accuracy": 0.', b'"accuracy": 0.9') if damage is None else damage)
    assert rerun().weights == good["weights"]
    assert (done / f"{store.RECORD_FILE}.damaged-1").exists()
    assert "set aside" in capsys.readouterr().err


@pytest.mark.parametrize("name", [FINAL_FILE, "epoch-0.safetensors"])
@pytest.mark.parametrize("gone", [False, True])
def test_damaged_weights_of_a_parent_are_made_again(done, name, gone):
    file = done / name
    good = file.read_bytes()
    file.unlink() if gone else file.write_bytes(good[:-100])
    schedule.get_or_compute([(on_ticket(epoch=0), 0)])
    assert file.read_bytes() == good


def test_a_damaged_checkpoint_is_set_aside(done, capsys):
    forget((DENSE, 0))
    done.mkdir(parents=True)
    (done / "state.safetensors").write_bytes(b"half a file")
    rerun()
    assert (done / "state.safetensors.damaged-1").exists()
    assert "state.safetensors" in capsys.readouterr().err


def test_a_record_in_another_runs_folder_is_not_that_runs_number(done, capsys):
    copied = store.folder(DENSE, 1)
    shutil.copytree(done, copied)
    assert store.find_local(DENSE, 1) is None
    assert f"{config.name(DENSE)} seed 1 holds the record of {config.name(DENSE)} seed 0" in capsys.readouterr().err
    assert store.find_local(DENSE, 0)


def interrupted(home, **made_by):
    """A folder with a checkpoint that was begun by another maker than this one."""
    home.mkdir(parents=True)
    save_tensors(home / STATE_FILE, {"x": torch.zeros(1)}, {"step": 5})
    began = replace(provenance(entry("train")), **made_by)
    (home / store.STARTED_FILE).write_text(json.dumps(asdict(began)))
    return began


def test_a_checkpoint_of_other_code_is_set_aside_with_a_word(capsys):
    home = store.folder(DENSE, 0)
    interrupted(home, code="other")
    record = rerun()
    assert [line["epoch"] for line in record.history] == [1, 2, 3], "it starts afresh"
    assert record.provenance == provenance(entry("train"))
    assert "left by other code" in capsys.readouterr().err
    assert (home / f"{STATE_FILE}.damaged-1").exists()


def test_a_run_is_recorded_as_of_the_commit_and_the_state_it_began_with(tmp_path):
    home = tmp_path / "runs"
    began = interrupted(home, commit="0123456789ab", dirty=True)
    now = provenance(entry("train"))
    assert store.begin(home, home / STATE_FILE, now) == began, "taken up: the record must not claim today's commit"
    (home / STATE_FILE).unlink()
    assert store.begin(home, home / STATE_FILE, now) == now


def test_a_refresh_that_fails_gives_the_old_runs_back(done):
    before = (done / store.RECORD_FILE).read_bytes()

    def interrupt():
        with store.making_again([(DENSE, 0)]):
            assert not done.exists()
            done.mkdir()
            (done / STATE_FILE).write_text("half a run")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert (done / store.RECORD_FILE).read_bytes() == before
    assert [home.name for home in done.parent.iterdir()] == ["seed0"]


def test_a_refresh_deletes_the_old_run_when_the_new_one_is_there(done):
    before = (done / store.RECORD_FILE).stat().st_mtime_ns
    with store.making_again([(DENSE, 0)]):
        rerun()
    assert (done / store.RECORD_FILE).stat().st_mtime_ns != before
    assert [home.name for home in done.parent.iterdir()] == ["seed0"]


def test_a_refresh_checks_first_whether_the_runs_can_be_made_again(done, monkeypatch):
    def lacking(run):
        raise DataError("CIFAR-10 is not here")

    monkeypatch.setattr(procedures, "find", lambda run: Procedure(type(run), lacking, check=lacking))
    with pytest.raises(DataError), store.making_again([(DENSE, 0)]):
        pytest.fail("nothing may be carried out")
    assert (done / store.RECORD_FILE).exists()


def test_a_refresh_of_a_store_that_cannot_be_written_to_is_refused(done, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    with (
        pytest.raises(store.StoreReadOnly, match="point REPRO_HOME at another store"),
        store.making_again([(DENSE, 0)]),
    ):
        pytest.fail("nothing may be carried out")
    assert (done / store.RECORD_FILE).exists()


def test_the_state_of_a_run_is_told_in_words(done):
    file = done / store.RECORD_FILE
    assert store.state_of(done) == f"accuracy {json.loads(file.read_text())['metrics']['accuracy']:.3f}"
    file.write_text("half")
    assert store.state_of(done).startswith("damaged record")
    file.unlink()
    assert store.state_of(done) == "under way or interrupted"


def test_training_can_be_forbidden(monkeypatch):
    monkeypatch.setenv("REPRO_TRAIN", "never")
    with pytest.raises(store.RunMissing, match="forbids training"):
        rerun()


def test_a_killed_worker_is_told_apart_and_the_mend_named():
    said = str(schedule.failure(("train-x", 3), BrokenProcessPool()))
    assert said.startswith("train-x seed 3: a worker process was killed")
    assert "it resumes" in said


def test_each_worker_claims_a_gpu_of_its_own():
    claimed = {schedule.claim_gpu(3) for _ in range(3)}
    assert claimed == {0, 1, 2}
    assert schedule.claim_gpu(3) in claimed
    schedule._held.clear()


def test_a_failing_run_is_named():
    broken = replace(DENSE, training=replace(DENSE.training, batch_size=65))
    with pytest.raises(schedule.RunFailed, match=f"{config.name(broken)} seed 0: batch_size 65 exceeds"):
        schedule.get_or_compute([(broken, 0)])


SCRIPT = textwrap.dedent("""
    import torch
    from repro.training import loop
    torch.set_num_threads(1)  # sums differ in the last bit with another number
    loop.CHECKPOINT_SECONDS = 0.0
    from repro.runs import store
    from tests.conftest import DENSE
    store.compute(DENSE, 0)
""")


def start(home):
    environment = os.environ | {"REPRO_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_bit_for_bit_the_same(tmp_path, monkeypatch, done):
    whole = json.loads((done / store.RECORD_FILE).read_text())
    home, kills = tmp_path / "other", 0
    monkeypatch.setenv("REPRO_HOME", str(home))
    state = store.folder(DENSE, 0) / "state.safetensors"
    draw = random.Random(0)
    for _ in range(4):
        process = start(home)
        while not state.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.3))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if store.find_local(DENSE, 0):
            break
    assert start(home).wait() == 0
    assert kills > 0
    record = store.find_local(DENSE, 0)
    for same in ("config", "metrics", "history", "weights", "data"):
        assert getattr(record, same) == whole[same]


@pytest.mark.slow
def test_two_processes_make_one_record(tmp_path, monkeypatch):
    home = tmp_path / "other"
    monkeypatch.setenv("REPRO_HOME", str(home))
    first, second = start(home), start(home)
    said = first.communicate()[1] + second.communicate()[1]
    assert first.returncode == second.returncode == 0
    assert b"under way in another process; waiting" in said
    assert store.find_local(DENSE, 0)


@pytest.mark.slow
def test_two_workers_give_what_one_gives(done, monkeypatch):
    tasks = [(on_ticket(epoch=0), 0), (on_ticket(draw=1), 0), (DENSE, 1)]
    one = schedule.get_or_compute(tasks)
    forget(*tasks, (DENSE, 0))
    monkeypatch.setenv("REPRO_WORKERS", str(len(os.sched_getaffinity(0))))  # so that each has one thread
    two = schedule.get_or_compute(tasks)
    assert [r.weights for r in one] == [r.weights for r in two]
