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


def test_pairs_are_two_scans_side_by_side_of_a_hundred_classes():
    pairs = digits.load_pairs()
    assert pairs.train.images.shape == (10_000, 16, 16, 3)
    assert pairs.test.images.shape == (3_000, 16, 16, 3)
    assert pairs.train.labels.bincount().tolist() == [100] * 100
    assert pairs.classes[:3] == ("00", "01", "02")
    left = pairs.train.images[pairs.train.labels == 17][:, :, :8, 0]
    ones = {scan.tobytes() for scan in left[:, 4:12].numpy()}
    (scans, labels), _ = digits._split_scans(enlarge=1)
    known = {scan.tobytes() for scan in scans[labels == 1]}
    assert ones & known, "those in the middle are scans of a one as they are"
    ink = (pairs.train.images[..., 0] > 0).any(dim=2)
    assert not ink[:, :3].any()
    assert not ink[:, 13:].any()


def test_training_and_test_pairs_share_no_scan():
    pairs = digits.load_pairs()

    def halves(split):
        found = set()
        for image in split.images[..., 0].numpy():
            for half in (image[:, :8], image[:, 8:]):
                rows = half.any(axis=1).nonzero()[0]
                found.add(half[rows.min() : rows.max() + 1].tobytes())
        return found

    assert not halves(pairs.train) & halves(pairs.test)
