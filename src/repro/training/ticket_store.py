"""Patch tickets on disk: the ids of every training and test image, memory-mapped, with what they were made from.

One byte an id (two for more than 256 patches): ImageNet's 1.28 million images at a keep rate of 0.9 take 184 MB.
The file is safetensors, so any tool can read it; its header holds a checksum of the ids, and the checksums of the
selector's weights and of the data. A file that does not match is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.data.loader import derive_seed
from repro.tickets.patches import random_ids
from repro.training.checkpoint import DamagedFile, load_tensors, save_tensors

TICKETS_FILE = "tickets.safetensors"
DTYPES = {"U8": np.uint8, "U16": np.uint16}  # safetensors' names


class MismatchedTickets(RuntimeError):
    """Tickets that were made from other weights, other data or at another keep rate."""


@dataclass(frozen=True)
class TicketStore:
    """Sorted ids of the patches kept, (images, count) each, of `patches` on the grid."""

    train: np.ndarray
    test: np.ndarray
    patches: int

    def random_test(self, seed: int) -> np.ndarray:
        """As many random ids for each test image, (images, count)."""
        generator = torch.Generator().manual_seed(derive_seed(seed, "test patches"))
        return random_ids(len(self.test), self.patches, self.test.shape[1], generator).numpy()


def write_tickets(file: Path, train: Tensor, test: Tensor, patches: int, made_from: Mapping[str, Any]) -> str:
    """Write ids (images, count) of both splits; returns their checksum. Raises StoreFull where the disk is full."""
    kind = id_type(patches)
    return save_tensors(file, {"train": train.to(kind), "test": test.to(kind)}, {"patches": patches, **made_from})


def id_type(patches: int) -> torch.dtype:
    """The smallest type that numbers so many patches."""
    return torch.uint8 if patches <= 256 else torch.uint16


def open_tickets(file: Path, expected: Mapping[str, Any], mend: str) -> TicketStore:
    """The tickets of a file, memory-mapped. `mend` is the command that makes it again, named in both errors.

    Raises DamagedFile where it is not what was written, MismatchedTickets where `expected` differs from what it was
    made from.
    """
    try:
        _, meta = load_tensors(file)
    except DamagedFile as error:
        raise DamagedFile(f"{error}; `{mend}` makes it again") from error
    for name, value in expected.items():
        if meta.get(name) != value:
            raise MismatchedTickets(
                f"{file} was made from {name} {meta.get(name)}, and {value} is here; `{mend}` makes it again"
            )
    maps = map_tensors(file)
    return TicketStore(maps["train"], maps["test"], meta["patches"])


def map_tensors(file: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file as read-only views of the file. Its layout: length, header, data."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
    return {
        name: np.memmap(file, DTYPES[entry["dtype"]], "r", 8 + length + entry["data_offsets"][0], tuple(entry["shape"]))
        for name, entry in header.items()
        if name != "__metadata__"
    }
