"""What stands between a network and its loss while it is trained without labels."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from repro.config import DINO
from repro.ssl.pretext import freeze


def make_mlp(
    widths: Sequence[int],
    *,
    norm: bool = False,
    last_norm: bool = False,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Linear layers from one width to the next with an activation between any two, and norms over the batch if asked.

    A norm stands for the bias of its layer; a last one has no weights of its own.
    """
    layers = nn.Sequential()
    for place, (narrow, wide) in enumerate(pairwise(widths), start=2):
        last = place == len(widths)
        layers.append(nn.Linear(narrow, wide, bias=not (last_norm if last else norm)))
        if last_norm if last else norm:
            layers.append(nn.BatchNorm1d(wide, affine=not last))
        if not last:
            layers.append(activation())
    return layers


class DINOHead(nn.Module):
    """Three layers to a bottleneck of length 1, then directions of length 1, one an output."""

    def __init__(self, width: int, config: DINO) -> None:
        super().__init__()
        around = config.norms == "all"
        self.before = nn.BatchNorm1d(width, affine=False) if around else nn.Identity()
        widths = (width, config.hidden, config.hidden, config.bottleneck)
        self.layers = make_mlp(widths, norm=config.norms != "none", last_norm=around, activation=nn.GELU)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        self.directions = nn.Parameter(nn.Linear(config.bottleneck, config.outputs, bias=False).weight.detach())
        self.scale = None if config.fixed_scale else nn.Parameter(torch.ones(config.outputs, 1))

    def forward(self, features: Tensor, frozen: bool = False) -> Tensor:
        """(batch, width) to (batch, outputs); the last layer gets no gradient where it is `frozen`."""
        narrow = normalize(self.layers(self.before(features)), dim=1)
        directions = normalize(self.directions, dim=1)
        if self.scale is not None:
            directions = directions * self.scale
        return linear(narrow, freeze(directions, frozen))
