"""Stochastic depth of a batch of which a network sees a part at a time.

timm draws which samples skip a branch for the batch it sees. Where processes hold a part of a batch each, or learn it
piece by piece, every part draws for the whole batch, from one and the same generator state, and takes its own: what a
sample skips does not depend on how the batch is split. Dropout is not touched; the networks here have none.
"""

from collections.abc import Callable

from timm.layers import DropPath
from timm.layers.drop import drop_path
from torch import Tensor, nn


class SharedDropPath(DropPath):
    """timm's DropPath for one of `count` equal parts of a batch; `part` takes it out of what is drawn for all."""

    def __init__(self, alone: DropPath, count: int, part: Callable[[Tensor], Tensor]) -> None:
        super().__init__(alone.drop_prob, alone.scale_by_keep)
        self.count, self.part = count, part
        self.train(alone.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        whole = x.new_ones(self.count * len(x), *[1] * (x.ndim - 1))
        return x * self.part(drop_path(whole, self.drop_prob, self.training, self.scale_by_keep))


def draw_as_one(model: nn.Module, count: int, part: Callable[[Tensor], Tensor]) -> None:
    """Let a network draw its stochastic depth as one of `count` parts of a batch.

    All parts must be of equal size, and the generators seeded alike before each.
    """
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, DropPath) and not isinstance(child, SharedDropPath):
                setattr(parent, name, SharedDropPath(child, count, part))
