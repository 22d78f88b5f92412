import torch

from repro.config import Data
from repro.data import digits, load_dataset


def test_scenes_are_the_same_on_every_machine():
    assert load_dataset(Data("digit-scenes")).checksum() == "99e125c141b8"
    assert load_dataset(Data("digit-scans")).checksum() == "72ddf15e1f63"


def test_train_and_test_share_no_scan():
    (train, _), (test, _) = digits._split_scans(enlarge=1)
    assert len(train) + len(test) == 1797
    assert not {s.tobytes() for s in train} & {s.tobytes() for s in test}


def test_a_scene_shows_its_digit_on_the_grid():
    dataset = load_dataset(Data("digit-scenes"))
    assert dataset.train.images.shape == (6000, 32, 32, 3)
    assert dataset.train.images.dtype == torch.uint8
    assert set(dataset.test.labels.tolist()) == set(range(10))


def test_fewer_images_can_be_asked_for():
    dataset = load_dataset(Data("digit-scenes", 10, 5))
    assert (len(dataset.train), len(dataset.test)) == (10, 5)
