"""ImageNet-1K as a folder of class folders, with the transforms of DeiT (Touvron et al. 2021), by timm.

Layout: `train/<wnid>/*.JPEG` and `val/<wnid>/*.JPEG` under `REPRO_DATA/imagenet`. It cannot be downloaded without an
account with its publisher, so there is no fetch command. With `deit`, every epoch takes a third of the images three
times each (repeated augmentation), as DeiT does. A crop is reported with each image, so that a patch ticket can follow
it; RandAugment's own shears and shifts are not followed.
"""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.data import ImageDataset, create_transform
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from repro import paths
from repro.data.cifar import DataError
from repro.data.loader import Batch, derive_seed
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
    "val/<wnid>/*.JPEG, and point REPRO_DATA at the folder that holds `imagenet`"
)


class FolderDataset:
    """Train and val image folders; the interface of `tensors.Dataset`."""

    def __init__(self, folder: Path | None = None, image_size: int = 224, workers: int = WORKERS) -> None:
        self.folder, self.image_size, self.workers = folder or paths.data() / "imagenet", image_size, workers
        self.name = "imagenet"
        for split in ("train", "val"):
            if not any((self.folder / split).glob("*/*")):
                raise DataError(f"no images in {self.folder / split}; {MEND}")
        self.classes = tuple(sorted(p.name for p in (self.folder / "train").iterdir() if p.is_dir()))

    def train_loader(self, batch_size: int, augment: str, seed: int, device: torch.device) -> "FolderLoader":
        """Training batches; `augment` is deit, deit-once (without repeats) or inception (crop, flip and colours)."""
        if augment not in REPEATS:
            raise ValueError(f"image folders know the augmentations {', '.join(REPEATS)}; got {augment!r}")
        return FolderLoader(self, batch_size, augment, seed, device)

    def test_batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Centre crops of the val images, in order."""
        return self._centre_crops("val", device)

    def plain_batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Centre crops of the training images, in order."""
        return self._centre_crops("train", device)

    def _centre_crops(self, split: str, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        transform = create_transform(self.image_size, interpolation="bicubic", crop_pct=CENTRE_SHARE)
        images = ImageDataset(str(self.folder / split), transform=transform)
        for pixels, labels in torch.utils.data.DataLoader(images, 256, num_workers=self.workers):
            yield pixels.to(device, memory_format=torch.channels_last), labels.to(device)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation that images are normalised by, (3,) each, in units of a pixel."""
        return torch.tensor(IMAGENET_DEFAULT_MEAN) * 255, torch.tensor(IMAGENET_DEFAULT_STD) * 255

    def checksum(self) -> str:
        """SHA-256 of the names and sizes of the image files, first 12 hex digits."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.glob("*/*/*")):
            digest.update(f"{file.relative_to(self.folder)} {file.stat().st_size}\n".encode())
        return digest.hexdigest()[:12]


class FolderLoader:
    """Training batches decoded by worker processes; any step can be asked for, the next one is ready soonest."""

    def __init__(self, dataset: FolderDataset, batch_size: int, augment: str, seed: int, device: torch.device) -> None:
        self.images = _SeededImages(dataset, augment, seed)
        if batch_size > len(self.images):
            raise ValueError(f"batch_size {batch_size} exceeds the {len(self.images)} training images")
        self.workers, self.classes, self.repeats = dataset.workers, len(dataset.classes), REPEATS[augment]
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.steps_per_epoch = len(self.images) // batch_size
        self._next = -1
        self._batches: Iterator[list[Tensor]] = iter(())

    def batch(self, step: int) -> Batch:
        """Images (batch, 3, size, size), labels, and where they came from, of a step counted from 0."""
        if step != self._next or step % self.steps_per_epoch == 0:
            self._batches = self._from(step)
        self._next = step + 1
        images, labels, index, box = next(self._batches)
        images = images.to(self.device, memory_format=torch.channels_last)
        return Batch(images, labels.to(self.device), index, box.to(self.device))

    def _from(self, step: int) -> Iterator[list[Tensor]]:
        epoch, position = divmod(step, self.steps_per_epoch)
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
        order = torch.randperm(len(self.images), generator=generator).repeat_interleave(self.repeats)
        draws = [(epoch, place, int(order[place])) for place in range(self.steps_per_epoch * self.batch_size)]
        rest = draws[position * self.batch_size :]
        return iter(
            torch.utils.data.DataLoader(
                self.images,
                self.batch_size,
                sampler=rest,
                num_workers=self.workers,
                pin_memory=self.device.type == "cuda",
            )
        )


class _SeededImages(torch.utils.data.Dataset):
    """Augmented images by (epoch, place in the epoch, image), so that an augmentation can be made again."""

    def __init__(self, dataset: FolderDataset, augment: str, seed: int) -> None:
        recipe = INCEPTION if augment == "inception" else DEIT
        crop, *rest = create_transform(dataset.image_size, is_training=True, hflip=0.0, **recipe).transforms
        self.images, self.crop, self.rest, self.seed = ImageDataset(str(dataset.folder / "train")), crop, rest, seed

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: tuple[int, int, int]) -> tuple[Tensor, int, int, Tensor]:
        epoch, place, index = draw
        seed = derive_seed(self.seed, "augment", epoch, place)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  timm draws from it
        torch.manual_seed(seed)
        image, label = self.images[index]
        box = self._draw_box(image)
        view = self.crop(image)
        if random.random() < 0.5:
            view, box = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT), box[[0, 1, 3, 2]]
        for transform in self.rest:
            view = transform(view)
        return view, label, index, box

    def _draw_box(self, image: Image.Image) -> Tensor:
        """The crop that `self.crop` makes next, as `Batch.box` has it, in shares of the centre crop: (4,)."""
        state = random.getstate()
        top, left, height, width = self.crop.get_params(image, self.crop.scale, self.crop.ratio)
        random.setstate(state)
        seen = CENTRE_SHARE * min(image.size)
        rows = torch.tensor([top, top + height]) - (image.height - seen) / 2
        columns = torch.tensor([left, left + width]) - (image.width - seen) / 2
        return torch.cat([rows, columns]) / seen
