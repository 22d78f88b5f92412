"""What the training loop asks of training data, whether it is held as tensors or read from files."""

import hashlib
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Training images as a step sees them, and where each came from."""

    images: Tensor  # (batch, 3, height, width), normalised
    labels: Tensor  # (batch,)
    chosen: Tensor  # (batch,), which training image, on the CPU
    # (batch, 4): top, bottom, left and right of the crop, as shares of the image a patch ticket was selected on.
    # Left above right means flipped; what lies outside [0, 1] is padding, or was not seen by the selector.
    box: Tensor


class Loader(Protocol):
    """Training batches by step: step s of seed k is the same batch whenever and wherever it is asked for."""

    seed: int
    batch_size: int  # images a step
    steps_per_epoch: int
    classes: int
    device: torch.device

    def batch(self, step: int) -> Batch:
        """The batch of a step counted from 0, on the device."""
        ...


def derive_seed(*parts: int | str) -> int:
    """A 31-bit seed that depends on every part, so that streams of random numbers are independent by name."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
