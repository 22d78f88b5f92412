"""LV-ViT (Jiang et al. 2021, All Tokens Matter), which timm does not have, on timm's blocks.

A ViT with a stem of four convolutions, branches divided by two before they are added, an MLP ratio of 3 and a second
head that classifies every patch token. Mix-token swaps patches of two images on the full map, after the stem; dropped
patches leave only then (paper A, Figure 2a). Labels are mixed on the same map, so nothing has to be swapped back.
Parameters bear the names that they have in the authors' checkpoints.
"""

from functools import partial
from typing import Any

import torch
from timm.layers import LayerNorm
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from repro.config import Model
from repro.models.vit import gather

MLP_RATIO, SKIP = 3.0, 2.0  # hidden width over width; what a branch is divided by before it is added
AUX_SHARE = 0.5  # of the best patch's logits in the answer
STEM_WIDTH = 64  # channels, at a patch size of 16 or more
NORM_EPS = 1e-5  # of every norm; timm's ViTs take 1e-6


class LVViT(nn.Module):
    """Images to logits; in training to logits of the class token and of every patch kept."""

    def __init__(self, config: Model) -> None:
        super().__init__()
        width, grid = config.width, config.image_size // config.patch_size
        self.patch_embed = build_stem(width, config.patch_size, config.stem_kernel)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, grid**2 + 1, width))
        rates = torch.linspace(0, config.drop_path, config.depth).tolist()
        norm: Any = partial(LayerNorm, eps=NORM_EPS)
        make_block = partial(Block, width, config.heads, MLP_RATIO, qkv_bias=False, norm_layer=norm)
        self.blocks = nn.Sequential(*(make_block(drop_path=rate) for rate in rates))
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.head, self.aux_head = nn.Linear(width, config.classes), nn.Linear(width, config.classes)
        self.apply(initialise)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for block in self.blocks:
            block.ls1, block.ls2 = Divide(SKIP), Divide(SKIP)

    def forward(
        self, images: Tensor, ids: Tensor | None = None, swap: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """(batch, 3, height, width) to (batch, classes); in training also (batch, kept, classes).

        `ids` (batch, kept) are the patches kept, `swap` (patches,) those that come from the image at the other end of
        the batch.
        """
        tokens = self.patch_embed(images).flatten(2).transpose(1, 2)  # (batch, patches, width)
        if swap is not None:
            tokens = swap_halves(tokens, swap)
        tokens = tokens + self.pos_embed[:, 1:]
        if ids is not None:
            tokens = gather(tokens, ids)
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        tokens = self.norm(self.blocks(torch.cat([first, tokens], dim=1)))
        whole, parts = self.head(tokens[:, 0]), self.aux_head(tokens[:, 1:])
        return (whole, parts) if self.training else whole + AUX_SHARE * parts.amax(dim=1)

    def no_weight_decay(self) -> set[str]:
        """Parameters that are spared from weight decay, by the name that timm looks for."""
        return {"cls_token", "pos_embed"}


class Divide(nn.Module):
    """Divides a branch by a constant."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return x / self.by


def build_stem(width: int, patch_size: int, kernel: int) -> nn.Sequential:
    """Three convolutions, the first of a kernel of its own and stride 2, and one that cuts what is left into patches.

    At a patch size of 16 and a kernel of 7 that is LV-ViT's own stem: 64 channels, then patches of 8 cells.
    """
    inner = min(STEM_WIDTH, 4 * patch_size)
    stem = nn.Sequential()
    for number, (channels, size, stride) in enumerate(((3, kernel, 2), (inner, 3, 1), (inner, 3, 1)), start=1):
        stem.add_module(f"conv{number}", nn.Conv2d(channels, inner, size, stride, size // 2, bias=False))
        stem.add_module(f"bn{number}", nn.BatchNorm2d(inner))
        stem.add_module(f"relu{number}", nn.ReLU(inplace=True))
    stem.add_module("proj", nn.Conv2d(inner, width, patch_size // 2, patch_size // 2))
    return stem


def swap_halves(maps: Tensor, swap: Tensor) -> Tensor:
    """Maps over patches (batch, patches, ...) with the patches `swap` (patches,) taken from the batch in reverse."""
    where = swap.view(1, -1, *[1] * (maps.ndim - 2))
    return torch.where(where, maps.flip(0), maps)


def initialise(module: nn.Module) -> None:
    """Truncated normal linear layers, as in every ViT here; convolutions keep torch's own."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
