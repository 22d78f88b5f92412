"""A masked autoencoder (MAE): the pixels of patches that the encoder is not shown are to be told from the others.

Positions of the decoder are fixed sines and cosines, as are the encoder's where the network is drawn as MAE's authors
draw it (`Model.drawn_as`). The loss counts the masked patches alone.
"""

from typing import Any

import torch
from timm.layers import LayerNorm
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from repro.config import MAE, ConfigError
from repro.data.loader import Batch
from repro.models.patched import PatchNetwork
from repro.models.vit import fix_positions, takes_patches, unfold
from repro.ssl.pretext import Plan, Pretext, spread
from repro.tickets.patches import as_mask
from repro.training.objective import Forward
from repro.training.sources import Chance

EPSILON = 1e-6  # added to the variance of a patch


class MaskedAutoencoder(Pretext):
    """MAE. Raises ConfigError for a network that is no plain ViT."""

    def __init__(self, network: PatchNetwork, config: MAE, plan: Plan, keep_collapsed: bool = False) -> None:
        super().__init__(network, plan, keep_collapsed)
        vit: Any = network.inner
        if not takes_patches(vit) or vit.num_prefix_tokens != 1:
            raise ConfigError(f"{type(vit).__name__} cannot be trained as MAE: it needs a ViT with a class token")
        vit.reset_classifier(0, "")  # all tokens are the answer
        self.config, self.size, patches = config, vit.patch_embed.patch_size[0], vit.patch_embed.num_patches
        self.chance = Chance(patches, int(patches * (1 - config.mask_share)), plan.seed)
        self.state.decoder = Decoder(config, self.width, patches, 3 * self.size**2)

    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """Mean squared error over the pixels of the patches that are masked."""
        ids = self.chance.choose(batch.images, None, step)
        tokens = forward(batch.images, ids)
        predicted = self.see(self.state.decoder, tokens, ids).float()
        self.note(step, feature_spread=spread(tokens[:, 0]))
        return masked_error(predicted, make_targets(batch.images, self.size, self.config.normalise), ids)


class Decoder(nn.Module):
    """Tokens of the patches shown (batch, 1 + kept, width) and their ids to pixels of all, (batch, patches, pixels)."""

    positions: Tensor

    def __init__(self, config: MAE, width: int, patches: int, pixels: int) -> None:
        super().__init__()
        self.embed = nn.Linear(width, config.width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.register_buffer("positions", torch.zeros(1, 1 + patches, config.width), persistent=False)
        fix_positions(self.positions)
        self.blocks = nn.Sequential(*(Block(config.width, config.heads, qkv_bias=True) for _ in range(config.depth)))
        self.norm, self.predict = LayerNorm(config.width, eps=1e-6), nn.Linear(config.width, pixels)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, tokens: Tensor, ids: Tensor) -> Tensor:
        """Masked patches are the same learnt token at their own positions."""
        tokens = self.embed(tokens)
        first, kept = tokens[:, :1], tokens[:, 1:]
        patches = self.mask_token.to(kept.dtype).expand(len(kept), self.positions.shape[1] - 1, -1)
        patches = patches.scatter(1, ids[:, :, None].expand(-1, -1, kept.shape[2]), kept)
        tokens = self.blocks(torch.cat([first, patches], dim=1) + self.positions)
        return self.predict(self.norm(tokens))[:, 1:]


def make_targets(images: Tensor, size: int, normalise: bool) -> Tensor:
    """Pixels (batch, patches, size * size * 3) of each patch, brought to mean 0 and variance 1 where asked for."""
    patches = unfold(images, size)
    if not normalise:
        return patches
    variance, mean = torch.var_mean(patches, dim=2, keepdim=True)
    return (patches - mean) / (variance + EPSILON).sqrt()


def masked_error(predicted: Tensor, targets: Tensor, shown: Tensor) -> Tensor:
    """Mean squared error over the patches that are not among the ids `shown` (batch, kept)."""
    masked = 1 - as_mask(shown, targets.shape[1])
    return ((predicted - targets).square().mean(2) * masked).sum() / masked.sum()
