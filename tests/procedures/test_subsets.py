"""The data set of a run on some of a data set's classes."""

from dataclasses import replace

import pytest

from repro import config, paths
from repro.config import ChooseRun, ConfigError, Data, Model
from repro.data import imagenet, load_dataset
from repro.procedures.subsets import CLASSES_FILE, open_data
from repro.runs import store
from repro.runs.rehearsal import generate_images
from repro.training.checkpoint import DamagedFile

CHOICE = ChooseRun("RS", count=3)
TICKET = Data("imagenet", classes=CHOICE)
SCENES = Data("digit-scenes", 16, 8, classes=(1, 4, 6))


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
