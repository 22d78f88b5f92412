import errno
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from repro import config, disk, procedures
from repro.data.cifar import DataError
from repro.procedures import Procedure, entry
from repro.procedures.train import FINAL_FILE
from repro.runs import schedule, store
from repro.runs.provenance import provenance
from repro.training import checkpoint
from repro.training.checkpoint import save_tensors
from repro.training.loop import STATE_FILE
from tests.conftest import DENSE, forget, on_ticket


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
        "optimizer-1.safetensors",
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


@pytest.fixture
def reads(monkeypatch):
    """Lets reads of files come to what a test says first, in turn: an error that is raised, or content."""
    monkeypatch.setattr(disk, "PAUSES", (0.0, 0.0, 0.0))
    whole, first = Path.read_bytes, []

    def read(file):
        found = first.pop(0) if first else whole(file)
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(Path, "read_bytes", read)
    return first


def test_a_record_that_went_stale_is_read_again(done, reads):
    reads += [OSError(errno.ESTALE, "Stale file handle")] * 3
    assert store.find_local(DENSE, 0)
    assert reads == []


def test_a_record_that_stays_stale_is_named_and_not_set_aside(done, reads):
    reads += [OSError(errno.ESTALE, "Stale file handle")] * 4
    with pytest.raises(disk.StaleFile, match=r"record\.json: .*Stale file handle, 4 times"):
        store.find_local(DENSE, 0)
    assert (done / store.RECORD_FILE).exists()


def test_a_record_whose_first_look_is_out_of_date_is_not_damaged(done, reads):
    reads += [b""]
    assert store.find_local(DENSE, 0)
    assert not list(done.glob("*.damaged-*"))


def test_weights_that_went_stale_are_read_again(done, monkeypatch):
    monkeypatch.setattr(disk, "PAUSES", (0.0, 0.0, 0.0))
    opened, left = checkpoint.safetensors.safe_open, [1, 2]

    def safe_open(file, framework):
        if left:
            left.pop()
            raise OSError(f"Stale file handle (os error {errno.ESTALE})")
        return opened(file, framework=framework)

    monkeypatch.setattr(checkpoint.safetensors, "safe_open", safe_open)
    assert store.is_whole(DENSE, 0)
    assert left == []
