"""What the training loop asks of training data, whether it is held as tensors or read from files."""

import hashlib
from typing import Protocol

import torch
from torch import Tensor


class Loader(Protocol):
    """Training batches by step: step s of seed k is the same batch whenever and wherever it is asked for."""

    seed: int
    batch_size: int  # images a step
    steps_per_epoch: int
    classes: int
    device: torch.device

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Normalised images (batch, 3, height, width) and labels (batch,), on the device."""
        ...


def derive_seed(*parts: int | str) -> int:
    """A 31-bit seed that depends on every part, so that streams of random numbers are independent by name."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
