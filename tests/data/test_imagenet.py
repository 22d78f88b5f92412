"""Image folders: the crop that is reported is the crop that is seen."""

import numpy as np
import pytest
import torch
from PIL import Image

from repro.data.files import DataError
from repro.data.imagenet import CENTRE_SHARE, FolderDataset, _SeededImages

CPU = torch.device("cpu")
WIDTH, HEIGHT = 320, 240


@pytest.fixture
def folder(tmp_path):
    """Images whose red is the column and whose green is the row, in shares of 250."""
    columns, rows = np.meshgrid(np.linspace(0, 250, WIDTH), np.linspace(0, 250, HEIGHT))
    pixels = np.stack([columns, rows, np.zeros_like(rows)], axis=2).astype(np.uint8)
    for split in ("train", "val"):
        for number in range(4):
            file = tmp_path / split / f"n{number % 2:08}" / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return FolderDataset(tmp_path, workers=0)


def test_the_box_says_which_part_of_the_centre_crop_a_view_shows(folder):
    images = _SeededImages(folder, "inception", seed=0)
    images.rest = [np.asarray]
    flips = 0
    for place in range(20):
        view, _, index, box = images[0, place, place % 4]
        assert index == place % 4
        top, bottom, left, right = box.tolist()
        flips += left > right
        seen = CENTRE_SHARE * HEIGHT
        for share_down, share_across in ((0.25, 0.25), (0.5, 0.75)):
            down, across = top + share_down * (bottom - top), left + share_across * (right - left)
            row = ((HEIGHT - seen) / 2 + down * seen) / HEIGHT * 250
            column = ((WIDTH - seen) / 2 + across * seen) / WIDTH * 250
            pixel = view[int(share_down * 224), int(share_across * 224)]
            assert pixel[:2] == pytest.approx([column, row], abs=4)
    assert 0 < flips < 20


def test_a_step_is_the_same_whenever_it_is_asked_for(folder):
    for augment, steps in (("deit", 2), ("deit-once", 2), ("inception", 2)):
        loader = folder.train_loader(2, augment, 0, CPU)
        assert loader.steps_per_epoch == steps
        first, again = loader.batch(1), folder.train_loader(2, augment, 0, CPU).batch(1)
        assert torch.equal(first.images, again.images)
        assert torch.equal(first.box, again.box)


def test_repeated_augmentation_shows_an_image_more_than_once(folder):
    assert len(folder.train_loader(2, "deit", 0, CPU).batch(0).chosen.unique()) == 1
    assert len(folder.train_loader(4, "deit-once", 0, CPU).batch(0).chosen.unique()) == 4


def test_plain_batches_are_the_centre_crops_in_order(folder):
    images, labels = next(folder.plain_batches(CPU))
    assert images.shape == (4, 3, 224, 224)
    assert labels.tolist() == [0, 0, 1, 1]
    mean, std = folder.statistics()
    red = images[0, 0] * std[0] + mean[0]
    assert float(red[112, 112]) == pytest.approx(125, abs=3)


def test_what_is_missing_or_unknown_is_named(folder, tmp_path):
    with pytest.raises(DataError, match="no images"):
        FolderDataset(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="deit, deit-once, inception"):
        folder.train_loader(2, "crop", 0, CPU)
