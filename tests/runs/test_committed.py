"""Records in book/results: what answers, what replaces what, and what is refused."""

import subprocess
import sys
from dataclasses import replace

import pytest

from repro import config, paths
from repro.disk import StoreFull
from repro.runs import committed, schedule, store
from repro.runs import record as records
from tests.conftest import DENSE, forget, on_ticket


@pytest.fixture
def file():
    schedule.get_or_compute([(DENSE, 0)])
    found = paths.recorded("x", "demo")
    committed.record_runs([(DENSE, 0)], found)
    return found


def rewrite(file, **changes):
    """The one committed record, with other values."""
    record = replace(next(iter(committed.read_file(file).values())), **changes)
    file.write_text(records.write(record) + "\n")
    return record


def test_committed_records_answer_where_the_own_store_has_none():
    child = on_ticket(epoch=0)
    record = schedule.get_or_compute([(child, 0)])[0]
    file = paths.recorded("x", "demo")
    assert committed.record_runs([(child, 0)], file) == ({"added": 2}, 2)  # the child and its parent
    assert committed.record_runs([(child, 0)], file) == ({"as they were": 2}, 2)
    forget((DENSE, 0), (child, 0))
    assert schedule.missing([(child, 0)]) == []
    assert committed.find(child, 0) == record
    assert schedule.missing([(child, 0)], use_committed=False) == [(DENSE, 0), (child, 0)]


@pytest.mark.parametrize("line", ['{"name": "y"}', "", "half", "[]", '{"checksum": NaN}'])
def test_a_damaged_committed_record_names_file_and_line(file, line):
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(committed.DamagedRecord, match=r"x\.demo\.jsonl, line 2.*git checkout"):
        committed.committed()


def test_two_lines_of_one_run_are_an_error(file):
    file.write_text(2 * file.read_text())
    with pytest.raises(committed.DamagedRecord, match=f"line 2: a second record of {config.name(DENSE)} seed 0"):
        committed.committed()


def test_recording_an_unfinished_run_is_refused():
    with pytest.raises(store.RunMissing, match="repro run"):
        committed.record_runs([(DENSE, 0)], paths.recorded("x", "demo"))


def test_what_is_replaced_is_named(file):
    own = store.find_local(DENSE, 0)
    rewrite(file, provenance=replace(own.provenance, code="older", dirty=own.provenance.dirty))
    assert committed.record_runs([(DENSE, 0)], file) == ({"replaced, made by other code": 1}, 1)
    assert committed.read_file(file)[own.key] == own


@pytest.mark.parametrize("worse", ["dirty", "data"])
def test_a_worse_record_replaces_a_better_one_only_where_that_is_asked_for(file, worse):
    own = store.find_local(DENSE, 0)
    clean, dirty = (replace(own.provenance, dirty=dirty) for dirty in (False, True))
    home = store.folder(DENSE, 0) / store.RECORD_FILE
    home.write_text(records.write(replace(own, provenance=dirty)))
    rewrite(file, provenance=clean) if worse == "dirty" else rewrite(file, provenance=dirty, data="other")
    before = file.read_bytes()
    with pytest.raises(committed.WorseRecord, match="repro record --replace"):
        committed.record_runs([(DENSE, 0)], file)
    assert file.read_bytes() == before
    committed.record_runs([(DENSE, 0)], file, replace=True)
    assert committed.read_file(file)[own.key].provenance.dirty


def test_a_full_disk_leaves_the_file_as_it_was(file, monkeypatch):
    before = file.read_bytes()
    rewrite(file, history=[])

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("repro.disk.os.fsync", full)
    changed = file.read_bytes()
    assert changed != before
    with pytest.raises(StoreFull, match="Free some space"):
        committed.record_runs([(DENSE, 0)], file)
    assert file.read_bytes() == changed


RECORD = """
from repro import paths
from pathlib import Path
paths.RESULTS = Path({results!r})
from repro.runs import committed
from tests.conftest import DENSE
for _ in range(20):
    committed.record_runs([(DENSE, {seed})], paths.recorded("x", "demo"))
"""


@pytest.mark.slow
def test_two_that_record_at_once_lose_nothing(file):
    schedule.get_or_compute([(DENSE, 1), (DENSE, 2)])
    code = [RECORD.format(results=str(paths.RESULTS), seed=seed) for seed in (1, 2)]
    both = [subprocess.Popen([sys.executable, "-c", one]) for one in code]
    assert [one.wait() for one in both] == [0, 0]
    assert {seed for _, seed in committed.read_file(file)} == {0, 1, 2}
