"""Stochastic depth of a batch that several processes share.

timm draws which samples skip a branch for the batch it sees. Where processes hold a part of a batch each, every one of
them draws for the whole batch, from one and the same generator state, and takes its part: what a sample skips does not
depend on how the batch is split. Dropout is not touched; the networks here have none.
"""

from timm.layers import DropPath
from timm.layers.drop import drop_path
from torch import Tensor, nn


class SharedDropPath(DropPath):
    """timm's DropPath for the process `rank` of `world`, which holds that part of the batch, in the order of ranks."""

    def __init__(self, alone: DropPath, rank: int, world: int) -> None:
        super().__init__(alone.drop_prob, alone.scale_by_keep)
        self.rank, self.world = rank, world
        self.train(alone.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        whole = x.new_ones(self.world * len(x), *[1] * (x.ndim - 1))
        factors = drop_path(whole, self.drop_prob, self.training, self.scale_by_keep)
        return x * factors.chunk(self.world)[self.rank]


def draw_as_one(model: nn.Module, rank: int, world: int) -> None:
    """Let a network draw its stochastic depth as process `rank` of `world`; nothing changes where `world` is 1.

    All processes must hold parts of equal size, and seed their generators alike before a step.
    """
    if world == 1:
        return
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, DropPath):
                setattr(parent, name, SharedDropPath(child, rank, world))
