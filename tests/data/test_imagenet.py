"""Image folders: the crop that is reported is the crop that is seen."""

import hashlib
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from repro.config import ChooseRun, ConfigError, Data
from repro.data.classes import class_ids
from repro.data.files import DataError
from repro.data.imagenet import CENTRE_SHARE, FolderDataset, _Draw, _SeededImages
from repro.data.views import View
from repro.runs.rehearsal import generate_images

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
        (view,), _, index, box = images[_Draw(0, place, place % 4)]
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


class Halves:
    """Two views: the left half of an image and the right one, 6x6, the second one as bright as is drawn for it."""

    def __call__(self, pixels, draws):
        light = torch.rand(draws.batch_size, 1, 1, 1, generator=draws.generator("light"))[draws.part]
        down = torch.linspace(0, pixels.shape[1] - 1, 6).long()
        across = torch.linspace(0, pixels.shape[2] / 2 - 1, 6).long()
        left = pixels[:, down][:, :, across]
        right = pixels[:, down][:, :, across + pixels.shape[2] // 2]
        return [
            View(left, torch.tensor([[0.0, 1.0, 0.0, 0.5]])),
            View(right * light, torch.tensor([[0.0, 1.0, 0.5, 1.0]])),
        ]


@pytest.mark.parametrize(
    "augment", ["deit", "deit-once", "inception", Halves()], ids=lambda augment: str(augment).partition(" object")[0]
)
@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_parts_of_several_processes_are_the_whole_batch(folder, augment, world):
    for split in ("train", "val"):
        for number in range(4, 12):
            Image.fromarray(np.full((40, 50, 3), number, np.uint8)).save(
                folder.folder / split / f"n{0:08}/{number}.png"
            )
    whole = folder.train_loader(6, augment, 0, CPU)
    parts = [folder.train_loader(6, augment, 0, CPU, rank=rank, world=world) for rank in range(world)]
    for step in (1, 2, 3):
        batches, expected = [part.batch(step) for part in parts], whole.batch(step)
        assert {len(batch.labels) for batch in batches} == {6 // world}
        for name in ("images", "labels", "chosen", "box"):
            assert torch.equal(torch.cat([getattr(b, name) for b in batches]), getattr(expected, name))
        for parts_of_view, view in zip(zip(*(b.views for b in batches), strict=True), expected.views, strict=True):
            assert torch.equal(torch.cat(parts_of_view), view)


def test_a_batch_that_cannot_be_shared_evenly_is_refused(folder):
    with pytest.raises(ConfigError, match=r"batch of 4 images .* by 3 processes"):
        folder.train_loader(4, "deit", 0, CPU, world=3)


def test_several_views_of_an_image_file(folder):
    batch = folder.train_loader(4, Halves(), 0, CPU).batch(0)
    left, right = batch.views
    mean, std = (s[:, None, None] for s in folder.statistics())
    assert left.shape == right.shape == (4, 3, 6, 6)
    assert left.is_contiguous(memory_format=torch.channels_last)
    red = (left * std + mean)[:, 0, 0]
    assert red[0].tolist() == pytest.approx([0, 25, 50, 75, 100, 125], abs=2)
    assert len((right * std + mean)[:, 0, -1, -1].round(decimals=1).unique()) == 4, "a draw for each image"
    seen = CENTRE_SHARE * HEIGHT
    beside = (WIDTH - seen) / 2 / seen
    expected = [(1 - 1 / CENTRE_SHARE) / 2, (1 + 1 / CENTRE_SHARE) / 2, -beside, 0.5]
    assert batch.box[0].tolist() == pytest.approx(expected)


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


def test_a_class_without_test_images_does_not_shift_the_labels_of_others(folder):
    for split, number in (("train", 9), ("val", 9)):
        file = folder.folder / split / "n00000005" / f"{number}.png"
        file.parent.mkdir()
        Image.fromarray(np.zeros((30, 30, 3), np.uint8)).save(file)
    shutil.rmtree(folder.folder / "val" / "n00000001")
    assert next(FolderDataset(folder.folder, workers=0).test_batches(CPU))[1].tolist() == [0, 0, 2]


@pytest.fixture(scope="module")
def all_classes(tmp_path_factory):
    """A folder of ImageNet's 1,000 classes, four images each."""
    folder = tmp_path_factory.mktemp("data") / "imagenet"
    generate_images(folder)
    return folder


def test_classes_of_a_folder_are_numbered_anew(all_classes):
    whole = FolderDataset(all_classes, workers=0)
    some = FolderDataset(all_classes, Data("imagenet", classes=(3, 500)), workers=0)
    assert some.classes == (class_ids()[3], class_ids()[500])
    for batches in (some.plain_batches(CPU), some.test_batches(CPU)):
        assert torch.cat([labels for _, labels in batches]).tolist() == [0] * 4 + [1] * 4
    assert some.checksum() != whole.checksum()
    loader = some.train_loader(4, "deit-once", 0, CPU)
    assert (loader.classes, loader.steps_per_epoch) == (2, 2)
    labels = some.images("train").labels
    for step in (0, 1):
        batch = loader.batch(step)
        assert batch.labels.tolist() == labels[batch.chosen].tolist()


def test_images_of_a_folder_are_thinned_for_training_alone(all_classes):
    whole, thin = (FolderDataset(all_classes, Data("imagenet", one_in=n), workers=0) for n in (1, 2))
    assert [len(whole.images(split)) for split in ("train", "val")] == [4000, 4000]
    assert [len(thin.images(split)) for split in ("train", "val")] == [2000, 4000]
    assert len(thin.train_loader(4, "deit", 0, CPU).images) == 2000
    some = FolderDataset(all_classes, Data("imagenet", classes=(3, 500), one_in=2), workers=0)
    kept = set(thin.images("train").names)
    assert set(some.images("train").names) <= kept
    assert len({d.checksum() for d in (whole, thin, some)}) == 3


def test_a_ticket_needs_a_folder_with_the_classes_that_it_numbers(folder):
    with pytest.raises(DataError, match="lacks some of the 1,000 classes"):
        FolderDataset(folder.folder, Data("imagenet", classes=(0, 1)))


def test_a_choice_that_was_not_looked_up_is_refused(all_classes):
    with pytest.raises(ConfigError, match="looked up first"):
        FolderDataset(all_classes, Data("imagenet", classes=ChooseRun("RS")))


def test_a_checksum_is_of_names_and_sizes(folder):
    files = sorted(folder.folder.glob("*/*/*"))
    said = "".join(f"{file.relative_to(folder.folder)} {file.stat().st_size}\n" for file in files)
    assert folder.checksum() == hashlib.sha256(said.encode()).hexdigest()[:12]


def test_what_is_missing_or_unknown_is_named(folder, tmp_path):
    with pytest.raises(DataError, match="no images"):
        FolderDataset(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="deit, deit-once, inception"):
        folder.train_loader(2, "crop", 0, CPU)
