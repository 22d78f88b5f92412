"""What the training loop asks of training data, whether it is held as tensors or read from files.

One process or several: a batch is drawn whole, and each of `world` processes makes the images of its own part alone.
"""

import hashlib
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from repro.config import ConfigError


class Batch(NamedTuple):
    """Training images as a step sees them, and where each came from: the part of the batch that this process takes."""

    images: Tensor  # (part, 3, height, width), normalised
    labels: Tensor  # (part,)
    chosen: Tensor  # (part,), which training image, on the CPU
    # (part, 4): top, bottom, left and right of the crop, as shares of the image a patch ticket was selected on.
    # Left above right means flipped; what lies outside [0, 1] is padding, or was not seen by the selector.
    box: Tensor
    others: tuple[Tensor, ...] = ()  # further views of the same images, (part, 3, height, width) of any size

    @property
    def views(self) -> tuple[Tensor, ...]:
        """All views of the images, the first one first."""
        return (self.images, *self.others)


class Loader(Protocol):
    """Training batches by step: step s of seed k is the same batch whenever and wherever it is asked for."""

    seed: int
    batch_size: int  # images a step, of all processes together
    part: slice  # the places in the whole batch that this process takes
    steps_per_epoch: int
    classes: int
    device: torch.device

    def batch(self, step: int) -> Batch:
        """This process's part of the batch of a step counted from 0, on the device."""
        ...


def part_of(batch_size: int, rank: int, world: int) -> slice:
    """The places in a batch that process `rank` of `world` takes. Raises ConfigError where parts would be uneven."""
    if batch_size % world:
        raise ConfigError(
            f"a batch of {batch_size} images cannot be shared evenly by {world} processes; "
            f"make batch_size a multiple of {world}"
        )
    size = batch_size // world
    return slice(rank * size, (rank + 1) * size)


def check_batch_size(batch_size: int, images: int) -> None:
    """Raise ConfigError where a training set has fewer images than one batch."""
    if batch_size > images:
        raise ConfigError(f"batch_size {batch_size} exceeds the {images} training images; lower it to {images} or less")


def derive_seed(*parts: int | str) -> int:
    """A 31-bit seed that depends on every part, so that streams of random numbers are independent by name."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
