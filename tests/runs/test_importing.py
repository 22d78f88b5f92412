"""Finished runs of another machine: what is taken, what is refused and why, and that nothing is overwritten."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from repro import config, lease, paths
from repro.config import ConfigError, Data
from repro.procedures.train import FINAL_FILE
from repro.runs import committed, schedule, store
from repro.runs import record as records
from repro.runs.importing import KEPT, REFUSED, TAKEN, take_in
from repro.runs.offers import Offer, check, find_offers
from repro.training.checkpoint import save_tensors
from repro.training.loop import STATE_FILE
from tests.conftest import DENSE, SHORT, forget, on_ticket

CHILD = on_ticket(epoch=0)
RUNS = {config.name(run): run for run in (DENSE, CHILD)}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A store in which both runs were carried out."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REPRO_HOME", str(folder))
        patched.setenv("REPRO_WORKERS", "1")
        patched.setattr(paths, "RESULTS", folder / "results")
        schedule.get_or_compute([(CHILD, 0)])
    return folder


@pytest.fixture
def other(elsewhere, tmp_path):
    """A copy of it that a test may change."""
    return Path(shutil.copytree(elsewhere, tmp_path / "other"))


def home_of(folder, run=DENSE):
    return folder / "runs" / config.name(run) / "seed0"


def change(folder, run=DENSE, **changes):
    """Another record of a run in a store, with its checksum."""
    file = home_of(folder, run) / store.RECORD_FILE
    record = replace(records.read(file.read_text()), **changes)
    file.write_text(records.write(record))
    return record


def take(*sources):
    return list(take_in([offer for source in sources for offer in find_offers(source)], RUNS))


def whats(outcomes):
    return [outcome.what for outcome in outcomes]


def refusal_of(outcomes):
    (refused,) = [outcome for outcome in outcomes if outcome.what == REFUSED]
    return refused.said


def test_a_store_is_taken_with_its_files_parents_first_and_used_as_if_made_here(other):
    (home_of(other) / STATE_FILE).write_text("what an interrupted training left")
    (home_of(other) / "lease.1").write_text("{}")
    outcomes = take(other)
    assert whats(outcomes) == [TAKEN, TAKEN]
    assert [outcome.name for outcome in outcomes] == [f"{config.name(run)} seed 0" for run in (DENSE, CHILD)]
    assert "with epoch-0.safetensors, epoch-1.safetensors, final.safetensors" in outcomes[0].said
    for run in (DENSE, CHILD):
        taken, original = store.folder(run, 0), home_of(other, run)
        for file in [*taken.glob("*.safetensors"), taken / store.RECORD_FILE]:
            assert file.read_bytes() == (original / file.name).read_bytes()
        assert json.loads((taken / "config.json").read_text()) == json.loads((original / "config.json").read_text())
        assert not (taken / STATE_FILE).exists()
        assert store.is_whole(run, 0)
    assert schedule.missing([(CHILD, 0)], use_committed=False) == []
    assert whats(take(other)) == [KEPT, KEPT]


@pytest.mark.parametrize("part", ["runs", f"runs/{config.name(DENSE)}", f"runs/{config.name(DENSE)}/seed0"])
def test_any_part_of_a_store_can_be_named(other, part):
    assert TAKEN in whats(take(other / part))
    assert store.is_whole(DENSE, 0)


def test_records_alone_are_taken_from_a_file_or_a_folder_of_files(other, tmp_path):
    lines = [
        records.write(records.read((home_of(other, run) / store.RECORD_FILE).read_text())) for run in (CHILD, DENSE)
    ]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "x.demo.jsonl").write_text("\n".join(lines) + "\n")
    outcomes = take(tmp_path / "results" / "x.demo.jsonl")
    assert whats(outcomes) == [TAKEN, TAKEN]
    assert all("the record alone" in outcome.said for outcome in outcomes)
    assert store.find_local(CHILD, 0).weights
    assert not store.is_whole(DENSE, 0) or pytest.fail("it has no weights")


def test_files_that_a_record_taken_alone_lacked_come_later(other, tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text(records.write(records.read((home_of(other) / store.RECORD_FILE).read_text())))
    assert whats(take(file)) == [TAKEN]
    assert whats(take(file)) == [KEPT]
    assert whats(take(other)) == [TAKEN, TAKEN]
    assert store.is_whole(DENSE, 0)
    assert whats(take(file)) == [KEPT], "and stay"


def edit(folder, text, new):
    """A record edited by hand, with its checksum mended."""
    file = home_of(folder) / store.RECORD_FILE
    body = json.loads(file.read_text().replace(text, new))
    body.pop("checksum")
    file.write_text(json.dumps(body | {"checksum": records.checksum(body)}))


def longer(folder):
    edit(folder, '"epochs": 3.0', '"epochs": 4.0')


BAD = {
    "a flipped digit": (lambda f: (home_of(f) / "record.json").write_text("{}"), "damaged: the record does not match"),
    "no text": (lambda f: (home_of(f) / "record.json").write_bytes(b"\xff\xfe"), "damaged"),
    "deep": (lambda f: (home_of(f) / "record.json").write_text(100_000 * "["), "damaged"),
    "another config": (longer, "its config is that of train-"),
    "another name": (lambda f: edit(f, config.name(DENSE), "train-000000000000"), "its config is that of train-"),
    "another folder": (
        lambda f: home_of(f).rename(home_of(f).with_name("seed7")),
        "seed 0 lies in the folder of another run",
    ),
    "an older schema": (lambda f: change(f, schema=1), "schema 1, and this version reads schema"),
    "no metric": (lambda f: change(f, metrics={}), "and a metric"),
    "a metric of text": (lambda f: change(f, metrics={"accuracy": "high"}), "the metric accuracy is no number"),
    "a seed of text": (lambda f: change(f, seed="0"), "seed is no int"),
    "other data": (lambda f: change(f, data="0123456789ab"), "made on data with the checksum 0123456789ab, and here"),
    "damaged weights": (
        lambda f: (home_of(f) / FINAL_FILE).write_bytes((home_of(f) / FINAL_FILE).read_bytes()[:-9]),
        "damaged: ",
    ),
    "other weights": (
        lambda f: save_tensors(home_of(f) / FINAL_FILE, {"x": torch.zeros(1)}),
        "none of the files beside it holds its weights",
    ),
    "a link": (lambda f: link(home_of(f) / FINAL_FILE), "final.safetensors beside it is no regular file"),
}


def link(file):
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))


@pytest.mark.parametrize(("damage", "said"), BAD.values(), ids=BAD)
def test_what_is_not_as_it_says_is_refused(other, damage, said):
    shutil.rmtree(home_of(other, CHILD))
    damage(other)
    assert said in refusal_of(take(other))
    assert not list(paths.home().glob("runs/*"))


@pytest.mark.parametrize("kind", ["dream", "../../train", "origins"])
def test_a_record_of_no_kind_that_is_known_reaches_no_folder(other, kind, tmp_path):
    record = records.read((home_of(other) / store.RECORD_FILE).read_text())
    record = replace(record, name=f"{kind}-{config.key_of(kind, record.config)}")
    (tmp_path / "x.jsonl").write_text(records.write(record))
    assert f"no run of the kind '{kind}' is known here" in refusal_of(take(tmp_path / "x.jsonl"))


def test_a_child_of_another_network_than_is_here_is_refused(other):
    schedule.get_or_compute([(DENSE, 0)])
    shutil.rmtree(home_of(other))
    change(other, CHILD, inputs={"start": 64 * "0", "ticket": 64 * "1"})
    assert "it began from another start than is here" in refusal_of(take(other))
    assert store.find_local(CHILD, 0) is None


def test_an_own_record_that_is_as_good_stays(other):
    own = schedule.get_or_compute([(DENSE, 0)])[0]
    change(other, metrics={"accuracy": 1.0})
    before = {file.name: file.read_bytes() for file in store.folder(DENSE, 0).iterdir()}
    assert "as good" in refusal_of(take(home_of(other)))
    assert {file.name: file.read_bytes() for file in store.folder(DENSE, 0).iterdir()} == before
    assert store.find_local(DENSE, 0) == own


def dirty(folder, value):
    file = home_of(folder) / store.RECORD_FILE
    made = records.read(file.read_text()).provenance
    return change(folder, provenance=replace(made, dirty=value))


def test_a_worse_record_is_refused_and_a_better_one_set_in_its_place(other, home):
    shutil.copytree(home_of(other), store.folder(DENSE, 0))
    dirty(other, True)
    dirty(home, False)
    assert "a better record of it: it was made by code that is not committed" in refusal_of(take(home_of(other)))
    clean = dirty(other, False)
    dirty(home, True)
    old = (store.folder(DENSE, 0) / store.RECORD_FILE).read_bytes()
    assert whats(take(home_of(other))) == [TAKEN]
    assert store.find_local(DENSE, 0) == clean
    aside = store.folder(DENSE, 0).with_name("seed0.replaced-1")
    assert (aside / store.RECORD_FILE).read_bytes() == old
    assert (aside / FINAL_FILE).exists()


def test_a_record_alone_does_not_take_the_place_of_one_with_weights(other, home, tmp_path):
    shutil.copytree(home_of(other), store.folder(DENSE, 0))
    dirty(home, True)
    (tmp_path / "x.jsonl").write_text(records.write(dirty(other, False)))
    assert "your store has its weights" in refusal_of(take(tmp_path / "x.jsonl"))


def test_a_run_that_is_under_way_here_is_left_alone(other):
    with lease.take(paths.make_folder(store.folder(DENSE, 0)) / store.LEASE):
        assert "being carried out here" in refusal_of(take(home_of(other)))


def test_what_a_user_should_know_of_a_record_is_said(other):
    file = home_of(other) / store.RECORD_FILE
    made = records.read(file.read_text()).provenance
    change(other, provenance=replace(made, code="0123456789ab", dirty=False))
    (outcome,) = take(home_of(other))
    assert "made by another version of the code" in outcome.said
    away = replace(DENSE, data=Data("cifar10"))
    record = replace(records.read(file.read_text()), name=config.name(away), config=config.canonical(away))
    (outcome,) = take_in([Offer("x", records.write(record))], {})
    assert "its data are not here to compare" in outcome.said


def test_a_folder_without_records_is_an_error_that_says_what_to_name(tmp_path):
    with pytest.raises(ConfigError, match=r"no records in .*; name a file of records"):
        find_offers(tmp_path)


def test_every_published_record_would_be_taken():
    offers = find_offers(paths.CHECKOUT / "book" / "results")
    assert len(offers) > 1000
    for offer in offers:
        check(offer)


def test_an_import_that_is_cut_off_leaves_no_finished_run(other, monkeypatch):
    def cut(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(records, "write", cut)
        with pytest.raises(KeyboardInterrupt):
            take(other)
    assert store.find_local(DENSE, 0) is None
    assert whats(take(other)) == [TAKEN, TAKEN]
    assert forget((DENSE, 0)) is None


def test_records_of_other_options_than_an_artefacts_are_taken_too(tmp_path):
    run = replace(DENSE, training=replace(SHORT, epochs=2))
    record = schedule.get_or_compute([(run, 0)])[0]
    forget((run, 0))
    (tmp_path / "x.jsonl").write_text(records.write(record))
    assert whats(take_in(find_offers(tmp_path / "x.jsonl"), {})) == [TAKEN]
    assert committed.find(run, 0) == record
