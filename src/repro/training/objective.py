"""What a step minimises: how a batch is mixed, which patches the network sees, and the loss.

Every random draw depends on (seed, step) alone. A ticket that is fixed per image follows it through mixup and cutmix as
it does through crop and flip: the map of what is kept is mixed as the pixels are.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from timm.data import Mixup
from timm.data.mixup import rand_bbox
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy, interpolate

from repro.config import Training
from repro.data.loader import Batch, derive_seed
from repro.models import annotate
from repro.models.lvvit import swap_halves
from repro.tickets.patches import as_mask, grid_size, keep_shown
from repro.training.precision import autocast
from repro.training.ranks import find_ranks
from repro.training.sources import PatchSource

Mixed = tuple[Tensor, Tensor, Tensor | None]  # images, labels, maps of what is kept
Forward = Callable[..., Any]  # a network under autocast: images, and ids where patches are chosen


class Objective(ABC):
    """Turns a batch into a loss.

    `state` holds all that it changes as it goes, teachers, heads, queues, centres, as modules and buffers: it is part
    of a checkpoint, and what in it wants a gradient is trained with the network. It is divisible where the loss of a
    batch is the mean of those of its equal pieces, and a loss changes no state.
    """

    divisible: ClassVar[bool] = False

    def __init__(self) -> None:
        self.state, self.ranks = nn.Module(), find_ranks()

    @abstractmethod
    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """The mean loss of a batch, a scalar."""

    def after_step(self, step: int) -> None:  # noqa: B027  most have nothing to do
        """Change the state by what the optimiser has just made of the network, such as to move a teacher."""


class Learner(nn.Module):
    """A network and the objective it learns as one module, whose forward is the loss of a batch."""

    def __init__(self, network: nn.Module, objective: Objective, precision: str, device: torch.device) -> None:
        super().__init__()
        self.network, self.state, self.objective = network, objective.state, objective
        self.precision, self.device = precision, device

    def forward(self, batch: Batch, step: int) -> Tensor:
        """The mean loss, a scalar, with the network under autocast."""
        return self.objective.loss(self.see, batch, step)

    def see(self, *inputs: Tensor | None) -> Any:
        """What the network makes of images and ids."""
        with autocast(self.precision, self.device):
            return self.network(*inputs)

    def no_weight_decay(self) -> set[str]:
        """Parameters that the network spares from weight decay, by the name that timm looks for."""
        return {f"network.inner.{name}" for name in getattr(self.network.inner, "no_weight_decay", set)()}


class Classification(Objective):
    """Cross-entropy of the classes, with timm's mixup and cutmix where the recipe has them."""

    divisible = True

    def __init__(self, config: Training, classes: int, seed: int, source: PatchSource | None = None) -> None:
        super().__init__()
        self.smoothing, self.seed, self.source = config.label_smoothing, seed, source
        self.mix = make_mixup(config, classes)

    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """The mean loss of a batch, a scalar."""
        images, labels, smoothing = batch.images, batch.labels, self.smoothing
        kept = self.source.kept(batch) if self.source else None
        if self.mix:
            np.random.seed(derive_seed(self.seed, "mix", step))  # noqa: NPY002  timm draws from it
            images, labels, kept = self.mix_parts(self.mix, images, labels, kept)
            smoothing = 0.0  # already in the mixed labels
        ids = (self.source.choose(images, kept, step),) if self.source else ()
        return cross_entropy(forward(images, *ids).float(), labels, label_smoothing=smoothing)

    def mix_parts(self, mix: Mixup, images: Tensor, labels: Tensor, kept: Tensor | None) -> Mixed:
        """This process's part, mixed as the whole batch is."""
        pair, count = self.ranks.with_partners, len(images)
        images, labels, kept = mix_together(mix, pair(images), pair(labels), None if kept is None else pair(kept))
        return images[:count], labels[:count], None if kept is None else kept[:count]


def make_mixup(config: Training, classes: int) -> Mixup | None:
    """The mixup of timm and cutmix as DeiT uses them, or None where the recipe has neither."""
    if not (config.mixup or config.cutmix):
        return None
    return Mixup(config.mixup, config.cutmix, label_smoothing=config.label_smoothing, num_classes=classes)


def mix_together(mix: Mixup, images: Tensor, labels: Tensor, kept: Tensor | None) -> Mixed:
    """Images and labels mixed, and with them maps (batch, maps, patches) of what is kept, as colour channels."""
    if kept is None:
        return *mix(images, labels), None
    side = grid_size(kept.shape[2])
    painted = interpolate(kept.unflatten(2, (side, side)), images.shape[2:], mode="nearest")
    mixed, labels = mix(torch.cat([images, painted], dim=1), labels)
    return mixed[:, :3], labels, adaptive_avg_pool2d(mixed[:, 3:], side).flatten(2)


class TokenLabelling(Objective):
    """LV-ViT's loss: the class token learns the class, every patch kept learns what the annotator sees there.

    Mix-token swaps a box of patches between the two ends of the batch. What is kept, and the labels of patches, are
    swapped on the same full map, and only then are labels gathered by the ids of the patches kept (paper A, Figure 2a).
    """

    divisible = True

    def __init__(
        self, config: Training, seed: int, annotator: nn.Module, patches: int, source: PatchSource | None = None
    ) -> None:
        super().__init__()
        self.smoothing, self.seed, self.source = config.label_smoothing, seed, source
        self.annotator, self.patches = annotator.eval(), patches

    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """Class loss plus patch loss, a scalar."""
        swap = self.draw_swap(step).to(batch.images.device)
        with torch.no_grad():
            targets = swap_halves(annotate(self.annotator, batch.images, self.patches), swap, self.ranks.reverse)
        ids = self.choose(batch, swap, step)
        if ids is not None:
            targets = targets.gather(1, ids[:, :, None].expand(-1, -1, targets.shape[2]))
        whole, parts = forward(batch.images, ids, swap)
        own = 1 - swap.float().mean()
        losses = [
            cross_entropy(whole.float(), labels, label_smoothing=self.smoothing)
            for labels in (batch.labels, self.ranks.reverse(batch.labels))
        ]
        patch_loss = cross_entropy(parts.float().flatten(0, 1), targets.flatten(0, 1))
        return own * losses[0] + (1 - own) * losses[1] + patch_loss

    def choose(self, batch: Batch, swap: Tensor, step: int) -> Tensor | None:
        """Ids of the patches (batch, kept) that are kept once they are swapped; None for all."""
        if not self.source:
            return None
        kept = self.source.kept(batch)
        alone = self.source.choose(batch.images, kept, step)
        mask = as_mask(alone, self.patches)
        maps = torch.stack([mask, torch.ones_like(mask) if kept is None else kept[:, 1]], dim=2)
        ticket, image = swap_halves(maps, swap, self.ranks.reverse).unbind(2)
        return keep_shown(ticket, image, alone.shape[1])

    def draw_swap(self, step: int) -> Tensor:
        """Which patches are swapped, (patches,): a box whose share is uniform, as cutmix draws it."""
        np.random.seed(derive_seed(self.seed, "mix", step))  # noqa: NPY002  timm draws from it
        side = grid_size(self.patches)
        top, bottom, left, right = rand_bbox((side, side), np.random.beta(1.0, 1.0))  # noqa: NPY002
        swap = torch.zeros(side, side, dtype=torch.bool)
        swap[top:bottom, left:right] = True
        return swap.flatten()
