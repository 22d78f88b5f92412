"""Views: what a training step is shown of an image, one or several, each drawn anew.

An augmentation is tensor code over the images of a batch. Its random numbers are drawn for the whole batch of a step
and then cut to the part that is asked for, so an image gets the same draws however the batch is split, and a step that
is repeated after a resume gets what it had.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from repro.config import ConfigError
from repro.data.loader import derive_seed

PAD = 4  # pixels of border that a random crop may take in


class Draws(NamedTuple):
    """Which random numbers the images of a part get: those of their places in the whole batch of a step."""

    seed: int
    step: int
    batch_size: int  # of the whole batch
    part: slice  # the places of the images at hand

    def generator(self, *name: int | str) -> torch.Generator:
        """Draw from it for the whole batch, on the CPU, and take `[part]`; each name has a stream of its own."""
        return torch.Generator().manual_seed(derive_seed(self.seed, "augment", self.step, *name))


class View(NamedTuple):
    """One view of each image of a part."""

    pixels: Tensor  # (part, height, width, 3) in units of a pixel, 0 to 255, whole or not
    box: Tensor  # (part, 4): what of the image is seen, as `Batch.box` has it


class Augmentation(Protocol):
    """Makes views of images; those of one view have one size, and two views may differ in theirs."""

    def __call__(self, pixels: Tensor, draws: Draws) -> list[View]:
        """Views of images (part, height, width, 3) uint8, on their device."""
        ...


@dataclass(frozen=True)
class CropFlip:
    """Random crops of the image with a black border of `pad` pixels, each flipped as often as not."""

    pad: int = PAD
    flip: bool = True
    views: int = 1

    def __call__(self, pixels: Tensor, draws: Draws) -> list[View]:
        """The views; the first has the draws of a single one."""
        names: list[tuple[int | str, ...]] = [(), *(("view", number) for number in range(1, self.views))]
        return [self._cut(pixels, *self._draw(draws, draws.generator(*name))) for name in names]

    def _draw(self, draws: Draws, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Top and left of each crop in the padded image and whether it is flipped, (part, 1) each."""
        shape = (draws.batch_size, 1)
        top, left = torch.randint(2 * self.pad + 1, (2, *shape), generator=generator)
        flip = torch.rand(shape, generator=generator) < 0.5 if self.flip else torch.zeros(shape, dtype=torch.bool)
        return top[draws.part], left[draws.part], flip[draws.part]

    def _cut(self, pixels: Tensor, top: Tensor, left: Tensor, flip: Tensor) -> View:
        box = self._box(top, left, flip, pixels)
        if not (self.pad or self.flip):
            return View(pixels, box)
        height, width = pixels.shape[1:3]
        padded = torch.nn.functional.pad(pixels, (0, 0, *[self.pad] * 4))
        rows, columns = top + torch.arange(height), left + torch.arange(width)
        columns = torch.where(flip, columns.flip(1), columns)
        corner = torch.arange(len(pixels))[:, None, None] * padded[0, :, :, 0].numel()
        places = corner + (rows * padded.shape[2])[:, :, None] + columns[:, None, :]
        return View(padded.view(-1, 3)[places.to(pixels.device)], box)

    def _box(self, top: Tensor, left: Tensor, flip: Tensor, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[1:3]
        rows, columns = torch.cat([top, top + height], 1) - self.pad, torch.cat([left, left + width], 1) - self.pad
        columns = torch.where(flip, columns.flip(1), columns)
        return torch.cat([rows / height, columns / width], dim=1).to(pixels.device)


BY_NAME = {"none": CropFlip(pad=0, flip=False), "crop": CropFlip(flip=False), "crop-flip": CropFlip()}


def find_augmentation(augment: "str | Augmentation") -> Augmentation:
    """The augmentation of images held as tensors by its name; one of your own as it is. Raises ConfigError."""
    if not isinstance(augment, str):
        return augment
    if augment not in BY_NAME:
        raise ConfigError(f"images held as tensors know the augmentations {', '.join(BY_NAME)}; got {augment!r}")
    return BY_NAME[augment]


def normalise(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Pixels (batch, height, width, 3) to float32 (batch, 3, height, width), channels last in memory.

    By rows: torch is slow at what repeats every three numbers.
    """
    width = pixels.shape[2]
    rows = (pixels.flatten(2).float() - mean.repeat(width)) / std.repeat(width)
    return rows.unflatten(2, (width, 3)).permute(0, 3, 1, 2)
