"""A data set is tensors: uint8 images and labels, whole, on the device that trains.

Batches are cut by index arithmetic, so cropping and flipping a batch is one gather and no worker process is needed.
Order, crops and flips are pure functions of (seed, step): a run that is resumed at any step sees what it would have
seen, with no generator state to restore.
"""

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from repro.data.content import Origin
from repro.data.loader import Batch, derive_seed

AUGMENTS = ("none", "crop", "crop-flip")
PAD = 4  # pixels of border that a random crop may take in


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

    def train_loader(self, batch_size: int, augment: str, seed: int, device: torch.device) -> "BatchLoader":
        """Training batches, normalised by the statistics of the training images."""
        split = self.train.to(device)
        return BatchLoader(split, len(self.classes), batch_size, augment, seed, self.statistics())

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
    """Normalised training batches of a split, cropped and flipped."""

    def __init__(
        self,
        split: Split,
        classes: int,
        batch_size: int,
        augment: str,
        seed: int,
        statistics: tuple[Tensor, Tensor],
    ) -> None:
        if augment not in AUGMENTS:
            raise ValueError(f"images held as tensors know the augmentations {', '.join(AUGMENTS)}; got {augment!r}")
        if batch_size > len(split):
            raise ValueError(f"batch_size {batch_size} exceeds the {len(split)} training images")
        self.labels, self.classes = split.labels, classes
        self.batch_size, self.augment, self.seed = batch_size, augment, seed
        self.device = split.labels.device
        pad = PAD if augment in ("crop", "crop-flip") else 0
        images = torch.nn.functional.pad(split.images, (0, 0, pad, pad, pad, pad))
        self.size, self.padded = split.images.shape[1], images.shape[1]
        self.pixels = images.view(-1, 3)  # (n * padded * padded, 3)
        self.mean, self.std = (s.to(self.device) for s in statistics)
        self.steps_per_epoch = len(split) // batch_size
        self._epoch, self._order = -1, torch.empty(0)

    def batch(self, step: int) -> Batch:
        """Images (batch, 3, size, size) float32, channels last, of a step counted from 0, their labels and origin."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
            self._epoch, self._order = epoch, torch.randperm(len(self.labels), generator=generator)
        index = self._order[position * self.batch_size :][: self.batch_size]
        chosen = index.to(self.device)
        top, left, flip = self._draw(step)
        pixels = self.pixels[self._places(chosen, top, left, flip)]  # (batch, size, size, 3)
        return Batch(normalise(pixels, self.mean, self.std), self.labels[chosen], index, self._box(top, left, flip))

    def _draw(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Top and left of each crop in the padded image and whether it is flipped, (batch, 1) each."""
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "augment", step))
        top, left = torch.randint(self.padded - self.size + 1, (2, self.batch_size, 1), generator=generator)
        if self.augment == "crop-flip":
            return top, left, torch.rand(self.batch_size, 1, generator=generator) < 0.5
        return top, left, torch.zeros(self.batch_size, 1, dtype=torch.bool)

    def _places(self, chosen: Tensor, top: Tensor, left: Tensor, flip: Tensor) -> Tensor:
        """Where in `pixels` each pixel of the batch is found, (batch, size, size)."""
        rows, columns = top + torch.arange(self.size), left + torch.arange(self.size)
        columns = torch.where(flip, columns.flip(1), columns)
        corner = (chosen * self.padded**2)[:, None, None]
        return corner + (rows * self.padded)[:, :, None].to(self.device) + columns[:, None, :].to(self.device)

    def _box(self, top: Tensor, left: Tensor, flip: Tensor) -> Tensor:
        """The crops as `Batch.box` has them, (batch, 4)."""
        pad = (self.padded - self.size) // 2
        rows, columns = (torch.cat([start, start + self.size], dim=1) - pad for start in (top, left))
        box = torch.cat([rows, torch.where(flip, columns.flip(1), columns)], dim=1) / self.size
        return box.to(self.device)


def normalise(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 (batch, height, width, 3) to float32 (batch, 3, height, width), channels last in memory."""
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)
