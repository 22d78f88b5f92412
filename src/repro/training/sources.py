"""Where the patches of a training step come from: a stored ticket, a selector at work, or chance.

The selector at work sees the augmented and mixed batch, as the authors' code has it. A stored ticket was selected once
on the image as it is, which is what the paper defines.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from repro.data.loader import Batch, derive_seed
from repro.tickets.patches import as_mask, centre_ids, cover, keep_shown, random_ids
from repro.training.ranks import find_ranks

Select = Callable[[Tensor], Tensor]  # images to ids


class PatchSource(Protocol):
    """Chooses the patches of each image of a batch."""

    def kept(self, batch: Batch) -> Tensor | None:
        """How much of each patch shows the image's own ticket, and how much the image; None where it has no ticket.

        (batch, 2, patches) in [0, 1], both maps to be mixed as the images are.
        """
        ...

    def choose(self, images: Tensor, kept: Tensor | None, step: int) -> Tensor:
        """Sorted ids (batch, count) of a step, for images and the map of `kept` after mixing."""
        ...


class Stored:
    """A ticket for each image, (images, count) on the CPU, followed through crop, flip and mixing."""

    def __init__(self, ids: np.ndarray, patches: int) -> None:
        self.ids, self.patches = ids, patches

    def kept(self, batch: Batch) -> Tensor:
        """The tickets of the batch in its crops."""
        ids = torch.from_numpy(self.ids[batch.chosen.numpy()].astype(np.int64)).to(batch.box.device)
        mask = as_mask(ids, self.patches)
        return torch.stack([cover(mask, batch.box), cover(torch.ones_like(mask), batch.box)], dim=1)

    def choose(self, images: Tensor, kept: Tensor | None, step: int) -> Tensor:
        """The patches that show most of the ticket, and of others those that show most of the image."""
        assert kept is not None
        return keep_shown(kept[:, 0], kept[:, 1], self.ids.shape[1])


class AtWork:
    """A selector that looks at every augmented batch."""

    def __init__(self, select: Select) -> None:
        self.select = select

    def kept(self, batch: Batch) -> None:
        """No image has a ticket of its own."""

    def choose(self, images: Tensor, kept: Tensor | None, step: int) -> Tensor:
        """What the selector makes of the batch."""
        return self.select(images)


class Chance:
    """A fresh uniform subset for every image at every step."""

    def __init__(self, patches: int, count: int, seed: int) -> None:
        self.patches, self.count, self.seed, self.ranks = patches, count, seed, find_ranks()

    def kept(self, batch: Batch) -> None:
        """No image has a ticket of its own."""

    def choose(self, images: Tensor, kept: Tensor | None, step: int) -> Tensor:
        """A draw of the step."""
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "patches", step))
        whole = random_ids(self.ranks.world * self.ranks.pieces * len(images), self.patches, self.count, generator)
        return self.ranks.part(whole).to(images.device)


class Centre:
    """The same central patches for every image."""

    def __init__(self, patches: int, count: int) -> None:
        self.ids = centre_ids(patches, count)

    def kept(self, batch: Batch) -> None:
        """No image has a ticket of its own."""

    def choose(self, images: Tensor, kept: Tensor | None, step: int) -> Tensor:
        """The centre."""
        return self.ids.to(images.device).expand(len(images), -1)


def fixed_chance(images: int, patches: int, count: int, seed: int) -> Stored:
    """A uniform subset for every image, drawn once for the whole training."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "patches"))
    return Stored(random_ids(images, patches, count, generator).numpy(), patches)
