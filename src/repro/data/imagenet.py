"""ImageNet-1K as a folder of class folders, with the transforms of DeiT (Touvron et al. 2021), by timm.

Layout: `train/<wnid>/*.JPEG` and `val/<wnid>/*.JPEG` under `REPRO_DATA/imagenet`. It cannot be downloaded without an
account with its publisher, so there is no fetch command. Every epoch takes a third of the images three times each
(repeated augmentation), as DeiT does.
"""

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from timm.data import ImageDataset, create_transform
from torch import Tensor

from repro import paths
from repro.data.cifar import DataError
from repro.data.loader import derive_seed

REPEATS = 3  # augmented copies of an image in an epoch
WORKERS = min(8, len(os.sched_getaffinity(0)))  # processes that decode images
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
        """Training batches; `augment` must be deit."""
        if augment != "deit":
            raise ValueError(f"image folders know the augmentation deit; got {augment!r}")
        return FolderLoader(self, batch_size, seed, device)

    def test_batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Centre crops of the val images, in order."""
        transform = create_transform(self.image_size, interpolation="bicubic", crop_pct=0.875)
        images = ImageDataset(str(self.folder / "val"), transform=transform)
        for pixels, labels in torch.utils.data.DataLoader(images, 256, num_workers=self.workers):
            yield pixels.to(device, memory_format=torch.channels_last), labels.to(device)

    def checksum(self) -> str:
        """SHA-256 of the names and sizes of the image files, first 12 hex digits."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.glob("*/*/*")):
            digest.update(f"{file.relative_to(self.folder)} {file.stat().st_size}\n".encode())
        return digest.hexdigest()[:12]


class FolderLoader:
    """Training batches decoded by worker processes; any step can be asked for, the next one is ready soonest."""

    def __init__(self, dataset: FolderDataset, batch_size: int, seed: int, device: torch.device) -> None:
        self.images = _SeededImages(dataset, seed)
        if batch_size > len(self.images):
            raise ValueError(f"batch_size {batch_size} exceeds the {len(self.images)} training images")
        self.workers, self.classes = dataset.workers, len(dataset.classes)
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.steps_per_epoch = len(self.images) // batch_size
        self._next = -1
        self._batches: Iterator[tuple[Tensor, Tensor]] = iter(())

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (batch, 3, size, size) and labels of a step counted from 0."""
        if step != self._next or step % self.steps_per_epoch == 0:
            self._batches = self._from(step)
        self._next = step + 1
        images, labels = next(self._batches)
        return images.to(self.device, memory_format=torch.channels_last), labels.to(self.device)

    def _from(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, position = divmod(step, self.steps_per_epoch)
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
        order = torch.randperm(len(self.images), generator=generator).repeat_interleave(REPEATS)
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

    def __init__(self, dataset: FolderDataset, seed: int) -> None:
        transform = create_transform(
            dataset.image_size,
            is_training=True,
            color_jitter=0.4,
            auto_augment="rand-m9-mstd0.5-inc1",
            interpolation="bicubic",
            re_prob=0.25,
            re_mode="pixel",
            re_count=1,
        )
        self.images, self.seed = ImageDataset(str(dataset.folder / "train"), transform=transform), seed

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: tuple[int, int, int]) -> tuple[Tensor, int]:
        epoch, place, index = draw
        seed = derive_seed(self.seed, "augment", epoch, place)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  timm draws from it
        torch.manual_seed(seed)
        return self.images[index]
