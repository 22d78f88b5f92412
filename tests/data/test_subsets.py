"""Subsets of classes and of images, of data sets held as tensors."""

import math

import pytest
import torch

from repro import config
from repro.config import ChooseRun, ConfigError, Data, TrainRun
from repro.data import load_dataset

KEPT = (2, 5, 7)
CPU = torch.device("cpu")


def test_classes_kept_are_numbered_anew_in_their_order():
    whole, some = load_dataset(Data("digit-scans")), load_dataset(Data("digit-scans", classes=KEPT))
    assert some.classes == ("2", "5", "7")
    for split, part in ((whole.train, some.train), (whole.test, some.test)):
        kept = torch.isin(split.labels, torch.tensor(KEPT))
        assert torch.equal(part.images, split.images[kept])
        assert torch.equal(torch.tensor(KEPT)[part.labels], split.labels[kept])
    assert some.checksum() != whole.checksum()


def test_the_first_images_are_the_first_of_the_classes_kept():
    some = load_dataset(Data("digit-scans", classes=KEPT))
    first = load_dataset(Data("digit-scans", 20, 10, 5, classes=KEPT))
    assert torch.equal(first.train.images, some.train.images[5:25])
    assert torch.equal(first.test.labels, some.test.labels[:10])
    with pytest.raises(ValueError, match="asked for"):
        load_dataset(Data("digit-scans", 1000, classes=KEPT))


def test_one_in_so_many_training_images_of_each_class_is_kept():
    whole, thin = load_dataset(Data("digit-scans")), load_dataset(Data("digit-scans", one_in=10))
    counts = whole.train.labels.bincount().tolist()
    assert thin.train.labels.bincount().tolist() == [math.ceil(count / 10) for count in counts]
    assert torch.equal(thin.test.images, whole.test.images)
    other = load_dataset(Data("digit-scans", one_in=10, draw=1))
    assert not torch.equal(other.train.images, thin.train.images)


def test_a_class_keeps_the_same_images_whatever_others_are_kept():
    thin, both = (load_dataset(Data("digit-scans", one_in=10, classes=c)) for c in (None, KEPT))
    assert torch.equal(both.train.images[both.train.labels == 1], thin.train.images[thin.train.labels == KEPT[1]])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Data(classes=()), "ticket of 0 classes cannot be trained on: give at least 2 of cifar10"),
        (lambda: Data(classes=(3,)), "ticket of 1 classes cannot be trained on"),
        (lambda: Data(classes=(3, 2)), r"from 0 on, rising; got \(3, 2\)"),
        (lambda: Data(classes=(3, 3)), "rising"),
        (lambda: Data(classes=(-1, 3)), "from 0 on"),
        (lambda: Data(classes="all"), "classes must be a list, each a whole number or a ChooseRun"),
        (lambda: Data(classes=(1, 2.5)), "each of classes must be a whole number"),
        (lambda: Data("cifar10", classes=ChooseRun("RS")), "among ImageNet's classes; cifar10 needs their numbers"),
        (lambda: Data("imagenet", classes=ChooseRun("NiR")), "set one_in to 10"),
        (lambda: Data(one_in=0), "one_in at least 1"),
        (lambda: Data(draw=1), "draw 1 draws nothing where one_in is 1"),
        (lambda: Data(train_images=-1), "at least 0"),
        (lambda: load_dataset(Data("digit-scans", classes=(1, 10))), "no class 10; its 10 classes are 0 to 9"),
    ],
)
def test_subsets_that_make_no_sense_are_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_fewer_images_than_a_batch_are_refused():
    dataset = load_dataset(Data("digit-scans", classes=KEPT, one_in=10))
    with pytest.raises(ConfigError, match=f"exceeds the {len(dataset.train)} training images"):
        dataset.train_loader(64, "none", 0, CPU)


def test_a_subset_is_part_of_a_runs_key_and_the_run_that_chose_it_a_parent():
    chosen = ChooseRun("RS")
    runs = [
        TrainRun(Data("imagenet")),
        TrainRun(Data("imagenet", classes=chosen)),
        TrainRun(Data("imagenet", classes=ChooseRun("WEC"))),
        TrainRun(Data("imagenet", classes=(1, 2))),
        TrainRun(Data("imagenet", one_in=10)),
        TrainRun(Data("imagenet", one_in=10, draw=1)),
    ]
    assert len({config.key(run) for run in runs}) == len(runs)
    assert config.parents(runs[1]) == [chosen]
    assert config.canonical(runs[1])["data"]["classes"] == config.name(chosen)
    assert config.parents(runs[3]) == []
    assert TrainRun(Data("imagenet", classes=[1, 2])) == runs[3]
