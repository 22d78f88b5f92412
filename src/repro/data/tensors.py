"""A data set is tensors: uint8 images and labels, whole, on the device that trains.

Batches are cut by index arithmetic, so no worker process is needed. Order and draws are pure functions of (seed, step):
a run that is resumed at any step sees what it would have seen, with no generator state to restore.
"""

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from repro.data.content import Origin
from repro.data.loader import Batch, check_batch_size, derive_seed, part_of
from repro.data.views import Augmentation, Draws, find_augmentation, normalise


@dataclass(frozen=True)
class Split:
    """Images (n, height, width, 3) uint8 and labels (n,) int64."""

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray) -> "Split":
        """A split from arrays of uint8 images (n, height, width, 3) and integer labels (n,)."""
        return cls(torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64)))

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int, skipped: int = 0) -> "Split":
        """The first `count` images after the first `skipped`, all of them for 0. Raises ValueError for too few."""
        if skipped + max(count, 1) > len(self):
            raise ValueError(f"{count} images asked for after the first {skipped}; there are {len(self)} in all")
        part = slice(skipped, skipped + count if count else None)
        return Split(self.images[part], self.labels[part])

    def to(self, device: torch.device) -> "Split":
        """The split on a device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """Two splits, the names of the classes, and whose content it is."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    origin: Origin = "package"

    def train_loader(
        self,
        batch_size: int,
        augment: str | Augmentation,
        seed: int,
        device: torch.device,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> "BatchLoader":
        """Training batches, normalised by the statistics of the training images; the part of process `rank`.

        Raises ConfigError for more images a batch than there are, and for a batch that cannot be shared evenly.
        """
        split, classes = self.train.to(device), len(self.classes)
        return BatchLoader(split, classes, batch_size, augment, seed, self.statistics(), rank=rank, world=world)

    def test_batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Test images (500, 3, height, width), normalised as the training images are, and labels, in order."""
        return self._batches(self.test, device)

    def plain_batches(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """The same of the training images, un-augmented."""
        return self._batches(self.train, device)

    def _batches(self, split: Split, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        mean, std = (s.to(device) for s in self.statistics())
        for images, labels in zip(split.images.split(500), split.labels.split(500), strict=True):
            yield normalise(images.to(device), mean, std), labels.to(device)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel over the training images, (3,) each, in units of a pixel."""
        return self._statistics

    @functools.cached_property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        pixels = self.train.images.view(-1, 3).double()
        return pixels.mean(0).float(), pixels.std(0).float()

    def checksum(self) -> str:
        """SHA-256 of the pixels and labels, first 12 hex digits, for the provenance of a record."""
        return self._checksum

    @functools.cached_property
    def _checksum(self) -> str:
        digest = hashlib.sha256()
        for split in (self.train, self.test):
            digest.update(split.images.numpy().data)
            digest.update(split.labels.numpy().data)
        return digest.hexdigest()[:12]


class BatchLoader:
    """Normalised training batches of a split, in one or several views."""

    def __init__(
        self,
        split: Split,
        classes: int,
        batch_size: int,
        augment: str | Augmentation,
        seed: int,
        statistics: tuple[Tensor, Tensor],
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        check_batch_size(batch_size, len(split))
        self.augmentation = find_augmentation(augment)
        self.images, self.labels, self.classes = split.images, split.labels, classes
        self.batch_size, self.seed = batch_size, seed
        self.part = part_of(batch_size, rank, world)
        self.device = split.labels.device
        self.mean, self.std = (s.to(self.device) for s in statistics)
        self.steps_per_epoch = len(split) // batch_size
        self._epoch, self._order = -1, torch.empty(0)

    def batch(self, step: int) -> Batch:
        """This process's images, (part, 3, height, width) float32 and channels last, of a step counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
            self._epoch, self._order = epoch, torch.randperm(len(self.labels), generator=generator)
        index = self._order[position * self.batch_size :][: self.batch_size][self.part]
        chosen = index.to(self.device)
        views = self.augmentation(self.images[chosen], Draws(self.seed, step, self.batch_size, self.part))
        images, *others = (normalise(view.pixels, self.mean, self.std) for view in views)
        return Batch(images, self.labels[chosen], index, views[0].box, tuple(others))
