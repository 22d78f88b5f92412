"""What runs take of a machine: declared, then measured once."""

import json
from dataclasses import replace

import pytest
import torch

from repro import procedures
from repro.config import Data, Model, Training
from repro.runs import needs
from repro.runs.attempt import attempt
from repro.runs.needs import Fresh, Needs, find_needs, gpu_share, measure
from repro.runs.record import Record
from tests.conftest import DENSE, on_ticket


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """As in a process that has carried out nothing."""
    monkeypatch.setattr(Fresh, "is_fresh", True)


def record(**timing):
    return Record("train-0", 0, {}, {"accuracy": 0.5}, timing, "", "none", None)


def leave(run, **found):
    file = needs.file_of(run)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))


def test_a_run_takes_what_its_procedure_declares_until_it_is_measured():
    declared = procedures.find(DENSE)
    assert find_needs(DENSE) == Needs(1, declared.gpu, declared.memory_mb)
    attempt((DENSE, 0))
    found = find_needs(DENSE)
    assert found.memory_mb != declared.memory_mb
    assert 0 < found.seconds < 600


def test_it_is_measured_once_and_by_a_process_that_did_nothing_before():
    measure(DENSE, record(seconds=5.0))
    first = needs.file_of(DENSE).read_text()
    other = replace(DENSE, model=Model(width=8))
    measure(other, record(seconds=7.0))
    assert not needs.file_of(other).exists(), "what it freed before counts as its own"
    Fresh.is_fresh = True
    measure(DENSE, record(seconds=9.0))
    assert needs.file_of(DENSE).read_text() == first


def test_a_run_that_was_done_before_measures_nothing():
    attempt((DENSE, 0))
    needs.file_of(DENSE).unlink()
    Fresh.is_fresh = True
    attempt((DENSE, 0))
    assert not needs.file_of(DENSE).exists()


def test_runs_of_one_size_share_a_measurement_and_others_do_not():
    same = [replace(on_ticket(epoch=0), training=DENSE.training), replace(DENSE, draw=4)]
    others = [replace(DENSE, **change) for change in ({"data": Data("digit-scans")}, {"training": Training(epochs=2)})]
    assert {needs.file_of(run) for run in same} == {needs.file_of(DENSE)}
    assert needs.file_of(DENSE) not in {needs.file_of(run) for run in others}


@pytest.mark.parametrize(("used", "share"), [(1_000, 0.25), (15_000, 0.25), (20_000, 0.5), (50_000, 1.0)])
def test_as_many_share_a_gpu_as_its_memory_has_room_for_and_four_at_most(used, share):
    assert gpu_share({"gpu_memory_mb": used, "gpu_total_mb": 80_000}) == share
    leave(DENSE, memory_mb=1000, gpu_memory_mb=used, gpu_total_mb=80_000)
    assert find_needs(DENSE).gpu == share


def test_the_memory_of_a_gpu_is_measured_where_it_is_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 3 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: type("Card", (), {"total_memory": 80 * 2**30}))
    measure(DENSE, record(seconds=5.0))
    assert find_needs(DENSE).gpu == 0.25


def test_runs_on_imagenet_ask_for_the_cores_that_decode_its_images():
    assert find_needs(replace(DENSE, data=Data("imagenet"))).cores == 9


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"memory_mb": "much"}', "half"])
def test_a_damaged_measurement_counts_as_none(damage):
    leave(DENSE)
    needs.file_of(DENSE).write_text(damage)
    assert find_needs(DENSE).memory_mb == procedures.find(DENSE).memory_mb
