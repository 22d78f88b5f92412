"""How a network takes images, and the patches it may see: one module, which other modules can wrap.

The weights of a run are kept and loaded by the names that the network inside gives them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from repro.config import ConfigError
from repro.models.lvvit import LVViT
from repro.models.vit import check_selector, forward_dropping, forward_patches, takes_patches
from repro.tickets.patches import occlude

MEAN_COLOUR = torch.zeros(3)  # in normalised pixels


class PatchNetwork(nn.Module):
    """A network with the one way in which it takes images and ids of patches.

    A ViT and LV-ViT see fewer tokens. Any other network sees an image cut into `patches` squares, with those that are
    not in the ids painted in `colour` (3,), in the units of normalised pixels. With `blank`, images lose their content
    first: what is left is which patches are kept. Below 1, `keep_rate` has a ViT drop patches at three of its blocks.
    With `any_size`, a ViT cuts images of any size into patches of its own, its positions stretched to their grid.
    Raises ConfigError for a keep rate of a network that cannot select, or that is to see patches of another's choice,
    for a network that cuts an image into another number of patches, and for one that takes images of one size alone.
    """

    colour: Tensor

    def __init__(
        self,
        inner: nn.Module,
        keep_rate: float = 1.0,
        patches: int = 0,
        *,
        colour: Tensor = MEAN_COLOUR,
        blank: bool = False,
        any_size: bool = False,
    ) -> None:
        super().__init__()
        if keep_rate < 1:
            check_selector(inner)
        if keep_rate < 1 and patches:
            raise ConfigError(f"a network that drops patches itself (keep_rate {keep_rate}) takes no patch ticket")
        if patches not in (0, own := own_patches(inner)) and own:
            raise ConfigError(f"the selector cuts an image into {patches} patches, this network into {own}")
        if any_size and hasattr(inner, "patch_embed") and not takes_patches(inner):
            raise ConfigError(f"{type(inner).__name__} takes images of one size alone; give all views the same")
        self.inner, self.keep_rate, self.patches, self.blank = inner, keep_rate, patches, blank
        self.any_size = any_size
        self.register_buffer("colour", colour, persistent=False)

    def forward(self, images: Tensor, ids: Tensor | None = None, swap: Tensor | None = None) -> Any:
        """What the network makes of images (batch, 3, height, width) and the patches `ids` (batch, kept) of them.

        `swap` (patches,) is for LV-ViT alone: the patches that come from the image at the other end of the batch.
        """
        if self.blank:
            images = torch.zeros_like(images)
        if isinstance(self.inner, LVViT):
            return self.inner(images, ids, swap)
        if swap is not None:
            raise ConfigError(f"only lvvit swaps patches; {type(self.inner).__name__} was asked to")
        if self.keep_rate < 1:
            return forward_dropping(self.inner, images, self.keep_rate)  # type: ignore[arg-type]
        if takes_patches(self.inner):
            return forward_patches(self.inner, images, ids, stretch_positions=self.any_size)  # type: ignore[arg-type]
        return self.inner(images if ids is None else occlude(images, ids, self.patches, self.colour))


def own_patches(network: nn.Module) -> int:
    """How many patches a network itself cuts an image into; 0 where it takes it whole, or painted."""
    if isinstance(network, LVViT):
        return network.pos_embed.shape[1] - 1
    return int(network.patch_embed.num_patches) if takes_patches(network) else 0  # type: ignore[union-attr, arg-type]
