"""ImageNet-1K as image files, with the transforms of DeiT (Touvron et al. 2021), by timm.

Layout: `train/<wnid>/*.JPEG` and `val/<wnid>/*.JPEG` under `REPRO_DATA/imagenet`, or tar shards in `train` and `val`
(data/shards.py). It cannot be downloaded without an account with its publisher, so there is no fetch command. With
`deit`, every epoch takes a third of the images three times each (repeated augmentation), as DeiT does. A crop is
reported with each image, so that a patch ticket can follow it; RandAugment's own shears and shifts are not followed.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from timm.data import create_transform
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from repro import paths
from repro.config import ConfigError, Data
from repro.data.classes import class_ids
from repro.data.content import Origin
from repro.data.files import DataError
from repro.data.image_files import ImageFiles, Images, find_classes, find_images, say_alone
from repro.data.loader import Batch, check_batch_size, derive_seed, part_of
from repro.data.subsets import keep_images, keep_names
from repro.data.views import Augmentation, Draws, normalise
from repro.machine import usable_cores

REPEATS = {"deit": 3, "deit-once": 1, "inception": 1}  # augmented copies of an image in an epoch
DEIT: dict[str, Any] = {
    "auto_augment": "rand-m9-mstd0.5-inc1",
    "interpolation": "bicubic",
    "re_prob": 0.25,
    "re_mode": "pixel",
}
INCEPTION: dict[str, Any] = {"color_jitter": 0.4, "interpolation": "random", "re_prob": 0.0}
CENTRE_SHARE = 0.875  # of the shorter side that the centre crop shows
WORKERS = min(8, usable_cores())  # processes that decode images
MEND = (
    "ImageNet-1K needs an account with its publisher: get ILSVRC2012, unpack it as train/<wnid>/*.JPEG and "
    "val/<wnid>/*.JPEG, or put tar shards into train and val, and point REPRO_DATA at the folder that holds `imagenet`"
)


class FolderDataset:
    """Train and val images, in class folders or tar shards; the interface of `tensors.Dataset`."""

    def __init__(
        self,
        folder: Path | None = None,
        config: Data = Data("imagenet"),  # noqa: B008  it is frozen
        image_size: int = 224,
        workers: int | None = None,
    ) -> None:
        self.config, self.folder = config, folder or paths.data() / "imagenet"
        self.name, self.image_size = config.name, image_size
        self.workers = WORKERS if workers is None else workers
        self.origin: Origin = "unchecked"  # no checksums of the single images are published
        for split in ("train", "val"):
            if not any(any((self.folder / split).glob(pattern)) for pattern in ("*/*", "*.tar")):
                raise DataError(f"no images in {self.folder / split}; {MEND}")
        self.all_classes = find_classes(self.folder / "train")
        self._files: dict[str, ImageFiles] = {}  # of the splits that were asked for
        if config.classes is not None and self.all_classes != class_ids():
            raise DataError(f"{self.folder / 'train'} lacks some of the 1,000 classes that a ticket numbers; {MEND}")
        self.classes = keep_names(self.all_classes, config)

    def images(self, split: str, transform: Callable[[Any], Any] | None = None) -> Images:
        """The images of `train` or `val` that the config keeps, by name of their files, with their labels."""
        if split not in self._files:
            self._files[split] = find_images(self.folder / split, self.all_classes)
        files = self._files[split]
        places, labels = keep_images(files.labels, self.config, train=split == "train")
        return Images(files, places, labels, transform)

    def train_loader(
        self,
        batch_size: int,
        augment: str | Augmentation,
        seed: int,
        device: torch.device,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> "FolderLoader":
        """Training batches, the part of process `rank`.

        `augment` is deit, deit-once (without repeats), inception (crop, flip and colours), or an augmentation whose
        views have a size of their own. Raises ConfigError as `Dataset.train_loader` does.
        """
        if isinstance(augment, str) and augment not in REPEATS:
            raise ConfigError(f"image folders know the augmentations {', '.join(REPEATS)}; got {augment!r}")
        return FolderLoader(self, batch_size, augment, seed, device, rank=rank, world=world)

    def test_batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Centre crops of the val images, in order."""
        return self._centre_crops("val", device)

    def plain_batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Centre crops of the training images, in order."""
        return self._centre_crops("train", device)

    def _centre_crops(self, split: str, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        transform = create_transform(self.image_size, interpolation="bicubic", crop_pct=CENTRE_SHARE)
        images = self.images(split, transform)
        for pixels, labels in say_alone(torch.utils.data.DataLoader(images, 256, num_workers=self.workers)):
            yield pixels.to(device, memory_format=torch.channels_last), labels.to(device)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation that images are normalised by, (3,) each, in units of a pixel."""
        return torch.tensor(IMAGENET_DEFAULT_MEAN) * 255, torch.tensor(IMAGENET_DEFAULT_STD) * 255

    def checksum(self) -> str:
        """SHA-256 of the names and sizes of the image files, first 12 hex digits."""
        digest = hashlib.sha256()
        for split in ("train", "val"):
            images = self.images(split)
            for name, size in sorted(zip(images.names, images.sizes(), strict=True), key=lambda one: one[0].split("/")):
                digest.update(f"{split}/{name} {size}\n".encode())
        return digest.hexdigest()[:12]


class FolderLoader:
    """Training batches decoded by worker processes; any step can be asked for, the next one is ready soonest."""

    def __init__(
        self,
        dataset: FolderDataset,
        batch_size: int,
        augment: str | Augmentation,
        seed: int,
        device: torch.device,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if isinstance(augment, str):
            self.images: _SeededImages | _Views = _SeededImages(dataset, augment, seed)
            self.repeats = REPEATS[augment]
        else:
            self.images, self.repeats = _Views(dataset, augment, seed, batch_size), 1
        check_batch_size(batch_size, len(self.images))
        self.workers, self.classes = dataset.workers, len(dataset.classes)
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.part = part_of(batch_size, rank, world)
        self.steps_per_epoch = len(self.images) // batch_size
        self._next = -1
        self._batches: Iterator[tuple[list[Tensor], Tensor, Tensor, Tensor]] = iter(())

    def batch(self, step: int) -> Batch:
        """This process's images (part, 3, size, size), labels, and where they came from, of a step counted from 0."""
        if step != self._next or step % self.steps_per_epoch == 0:
            self._batches = self._from(step)
        self._next = step + 1
        views, labels, index, box = next(self._batches)
        images, *others = (view.to(self.device, memory_format=torch.channels_last) for view in views)
        return Batch(images, labels.to(self.device), index, box.to(self.device), tuple(others))

    def _from(self, step: int) -> Iterator[tuple[list[Tensor], Tensor, Tensor, Tensor]]:
        """The batches from a step to the end of its epoch."""
        epoch, position = divmod(step, self.steps_per_epoch)
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
        order = torch.randperm(len(self.images), generator=generator).repeat_interleave(self.repeats)
        places = torch.arange(self.steps_per_epoch * self.batch_size).view(-1, self.batch_size)
        mine = places[position:, self.part].flatten()
        return say_alone(
            torch.utils.data.DataLoader(
                self.images,
                self.part.stop - self.part.start,
                sampler=[_Draw(epoch, *pair) for pair in zip(mine.tolist(), order[mine].tolist(), strict=True)],
                num_workers=self.workers,
                pin_memory=self.device.type == "cuda",
            )
        )


class _Draw(NamedTuple):
    """One image of an epoch."""

    epoch: int
    place: int  # in the epoch
    image: int


class _SeededImages(torch.utils.data.Dataset):
    """Augmented images by (epoch, place in the epoch, image), so that an augmentation can be made again."""

    def __init__(self, dataset: FolderDataset, augment: str, seed: int) -> None:
        recipe = INCEPTION if augment == "inception" else DEIT
        crop, *rest = create_transform(dataset.image_size, is_training=True, hflip=0.0, **recipe).transforms
        self.images, self.crop, self.rest, self.seed = dataset.images("train"), crop, rest, seed

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: _Draw) -> tuple[list[Tensor], int, int, Tensor]:
        seed = derive_seed(self.seed, "augment", draw.epoch, draw.place)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  timm draws from it
        torch.manual_seed(seed)
        image, label = self.images[draw.image]
        box = self._draw_box(image)
        view = self.crop(image)
        if random.random() < 0.5:
            view, box = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT), box[[0, 1, 3, 2]]
        for transform in self.rest:
            view = transform(view)
        return [view], label, draw.image, box

    def _draw_box(self, image: Image.Image) -> Tensor:
        """The crop that `self.crop` makes next, as `Batch.box` has it: (4,)."""
        state = random.getstate()
        top, left, height, width = self.crop.get_params(image, self.crop.scale, self.crop.ratio)
        random.setstate(state)
        return _in_centre_crop(torch.tensor([top, top + height, left, left + width]), image)


class _Views(torch.utils.data.Dataset):
    """The views that an augmentation makes of an image, with the draws of its place in the batch of its step."""

    def __init__(self, dataset: FolderDataset, augmentation: Augmentation, seed: int, batch_size: int) -> None:
        self.images, self.augmentation = dataset.images("train"), augmentation
        self.seed, self.batch_size, self.statistics = seed, batch_size, dataset.statistics()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: _Draw) -> tuple[list[Tensor], int, int, Tensor]:
        image, label = self.images[draw.image]
        position, place = divmod(draw.place, self.batch_size)
        step = draw.epoch * (len(self) // self.batch_size) + position
        pixels = torch.from_numpy(np.array(image))[None]
        views = self.augmentation(pixels, Draws(self.seed, step, self.batch_size, slice(place, place + 1)))
        sides = torch.tensor([image.height, image.height, image.width, image.width])
        box = _in_centre_crop(views[0].box[0] * sides, image)
        return [normalise(view.pixels, *self.statistics)[0] for view in views], label, draw.image, box


def _in_centre_crop(box: Tensor, image: Image.Image) -> Tensor:
    """Top, bottom, left and right in pixels of an image, as shares of its centre crop: (4,)."""
    seen = CENTRE_SHARE * min(image.size)
    rows, columns = box[:2] - (image.height - seen) / 2, box[2:] - (image.width - seen) / 2
    return torch.cat([rows, columns]) / seen
