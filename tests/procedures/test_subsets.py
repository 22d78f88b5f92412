"""Runs on some of a data set's classes."""

from dataclasses import replace

import pytest

from repro import config, paths
from repro.config import ChooseRun, ConfigError, Data, Model, SelectRun, ShowRun, Training, TrainRun
from repro.data import imagenet, load_dataset
from repro.procedures.subsets import CLASSES_FILE, open_data
from repro.runs import schedule, store
from repro.runs.rehearsal import generate_images, rehearse
from repro.training.checkpoint import DamagedFile

CHOICE = ChooseRun("RS", count=3)
TICKET = Data("imagenet", classes=CHOICE)
SCENES = Data("digit-scenes", 16, 8, classes=(1, 4, 6))
RECIPE = Training(epochs=1, batch_size=4, augment="deit-once")
ON_TICKET = TrainRun(TICKET, Model("resnet20", classes=3), RECIPE)
VIT = Model("vit", width=12, depth=4, patch_size=8, classes=3)
SELECTOR = TrainRun(SCENES, VIT, replace(RECIPE, epochs=0, augment="none"))


@pytest.fixture
def generated(monkeypatch):
    """ImageNet's 1,000 classes, four images each, decoded by this process."""
    monkeypatch.setattr(imagenet, "WORKERS", 0)
    generate_images(paths.data() / "imagenet")


def opened(data, seed=0, model=None):
    for parent in config.parents(data):
        store.compute(parent, seed)
    return open_data(data, lambda run: store.folder(run, seed), model)


def test_a_run_sees_the_classes_that_another_run_of_its_seed_chose(generated):
    kept = [store.compute(CHOICE, seed).details["kept"] for seed in (0, 1)]
    found = [opened(TICKET, seed) for seed in (0, 1)]
    assert kept[0] != kept[1]
    for ids, dataset in zip(kept, found, strict=True):
        assert dataset.checksum() == load_dataset(Data("imagenet", classes=ids)).checksum()
        assert len(dataset.classes) == 3
    assert found[0].checksum() != found[1].checksum()


def test_a_damaged_choice_is_refused():
    store.compute(CHOICE, 0)
    file = store.folder(CHOICE, 0) / CLASSES_FILE
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(DamagedFile, match="checksum"):
        opened(TICKET)


def test_a_choice_of_one_class_cannot_be_trained_on(generated):
    with pytest.raises(ConfigError, match="ticket of 1 classes cannot be trained on"):
        opened(replace(TICKET, classes=replace(CHOICE, count=1)))


@pytest.mark.parametrize(("data", "classes"), [(SCENES, 10), (SCENES, 2), (replace(SCENES, classes=None), 3)])
def test_a_network_has_one_output_for_each_class(data, classes):
    count = len(data.classes or range(10))
    assert len(opened(data, model=Model("resnet20", classes=count)).classes) == count
    said = rf"have {count} classes, and resnet20 has {classes} outputs; use Model\(classes={count}\)"
    with pytest.raises(ConfigError, match=said):
        opened(data, model=Model("resnet20", classes=classes))


@pytest.mark.parametrize(
    "run",
    [
        replace(SELECTOR, model=Model("resnet20")),
        replace(SELECTOR, data=replace(SCENES, classes=None)),
        SelectRun(SELECTOR, 0.7, replace(SCENES, classes=None)),
        SelectRun(SELECTOR, 0.7, replace(SCENES, classes=(1, 4))),
        ShowRun(SELECTOR, 0.7, SELECTOR, replace(SCENES, classes=(1, 4))),
    ],
    ids=lambda run: run.procedure,
)
def test_every_network_whose_classes_count_is_checked(run):
    with pytest.raises(schedule.RunFailed, match=r"have \d+ classes, and .* has \d+ outputs"):
        schedule.get_or_compute([(run, 0)])


def test_selections_and_pictures_are_of_the_classes_kept():
    runs = [SelectRun(SELECTOR, 0.7, SCENES), ShowRun(SELECTOR, 0.7, None, SCENES)]
    selected, shown = schedule.get_or_compute([(run, 0) for run in runs])
    assert selected.data == shown.data == load_dataset(SCENES).checksum()
    assert {example["label"] for example in shown.details["examples"]} <= {"1", "4", "6"}


def test_a_ticket_with_fewer_images_than_a_batch_is_refused(generated):
    run = replace(ON_TICKET, training=replace(RECIPE, batch_size=16))
    with pytest.raises(schedule.RunFailed, match="batch_size 16 exceeds the 12 training images"):
        schedule.get_or_compute([(run, 0)])


@pytest.mark.slow
def test_a_training_sees_the_classes_that_its_parent_chose(generated):
    record = schedule.get_or_compute([(ON_TICKET, 1)])[0]
    kept = store.find_local(CHOICE, 1).details["kept"]
    assert record.data == load_dataset(Data("imagenet", classes=kept)).checksum()
    assert record.config["data"]["classes"] == config.name(CHOICE)


@pytest.mark.slow
def test_a_training_on_a_ticket_can_be_rehearsed():
    large = replace(ON_TICKET, data=replace(TICKET, classes=ChooseRun("WNH")), model=Model(classes=100))
    listed = replace(ON_TICKET, data=Data("imagenet", classes=tuple(range(50)), one_in=10), model=Model(classes=50))
    records = rehearse([large, listed])
    assert [r.config["data"]["classes"] for r in records] == [config.name(ChooseRun("RS", count=2)), [0, 1]]
