"""Which of several processes this one is, and what they do together; where there is one, nothing here does anything.

`torchrun` tells every process its number in the environment. A batch is drawn as a whole, and each process makes and
learns its part (data/loader.py). Gradients are averaged and parts are equal, so what several compute differs from what
one does by the order of sums alone. Mixup and mix-token join an image with the one at the other end of the whole batch,
which another process may hold: it is exchanged.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from repro.config import ConfigError
from repro.data.loader import part_of
from repro.models.drop_path import draw_as_one
from repro.models.lvvit import LVViT

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")  # as torchrun sets them


@dataclass(frozen=True)
class Ranks:
    """This process among those that train one network."""

    rank: int = 0  # from 0
    world: int = 1  # how many there are
    local: int = 0  # from 0 on each machine

    def join(self, network: nn.Module, device: torch.device) -> None:
        """Meet the others, and have a network draw, count its norms and mix over the parts of all.

        Raises ConfigError for norms over a batch on a CPU, for which torch has no way of counting together.
        """
        if self.world == 1:
            return
        normed = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())
        if normed and device.type == "cpu":
            raise ConfigError(
                f"a network with BatchNorm cannot be trained by {self.world} processes on CPUs; use one, or GPUs"
            )
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        draw_as_one(network, self.rank, self.world)
        for module in network.modules():
            if isinstance(module, LVViT):
                module.reverse = self.reverse

    def part(self, whole: Tensor) -> Tensor:
        """Of what was drawn for the whole batch, this process's part."""
        return whole[part_of(len(whole), self.rank, self.world)]

    def gather(self, part: Tensor) -> Tensor:
        """The parts of all processes as the whole batch, in their order; no gradient goes back."""
        if self.world == 1:
            return part.detach()
        found = [torch.empty_like(part) for _ in range(self.world)]
        torch.distributed.all_gather(found, part.detach().contiguous())
        return torch.cat(found)

    def reverse(self, part: Tensor) -> Tensor:
        """This process's part of the whole batch in reverse; gradients go back the same way."""
        return part.flip(0) if self.world == 1 else _Reverse.apply(part, self.world - 1 - self.rank)

    def with_partners(self, part: Tensor) -> Tensor:
        """A batch that starts with a part, whose reverse brings its images their partners in the whole."""
        return part if self.world == 1 else torch.cat([part, self.reverse(part).flip(0)])

    def share(self, learner: nn.Module) -> nn.Module:
        """The same module with gradients that are the mean over all processes."""
        if self.world == 1:
            return learner
        return nn.parallel.DistributedDataParallel(learner, broadcast_buffers=False)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a number over all processes."""
        if self.world > 1:
            torch.distributed.all_reduce(value)
            value /= self.world
        return value

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """A block that process 0 goes through before the others do."""
        if self.rank > 0:
            torch.distributed.barrier()
        yield
        if self.rank == 0 and self.world > 1:
            torch.distributed.barrier()


def find_ranks() -> Ranks:
    """From the environment, one process where it says nothing. Raises ConfigError where it is not as torchrun's."""
    given = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    if not given:
        return Ranks()
    numbers = [int(value) for value in given.values() if value.isdigit()]
    if len(numbers) < len(VARIABLES) or not numbers[0] < numbers[1]:
        raise ConfigError(f"several processes need {', '.join(VARIABLES)} as torchrun sets them; got {given}")
    return Ranks(*numbers)


class _Reverse(torch.autograd.Function):
    """Exchange of parts with the process at the other end, turned round: a permutation that is its own transpose."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, peer: int) -> Tensor:
        ctx.peer = peer
        return _exchange(part, peer)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return _exchange(gradient, ctx.peer), None


@torch.compiler.disable
def _exchange(part: Tensor, peer: int) -> Tensor:
    if peer == torch.distributed.get_rank():  # in the middle of an odd number
        return part.flip(0)
    part = part.contiguous()
    found = torch.empty_like(part)
    sending = torch.distributed.P2POp(torch.distributed.isend, part, peer)
    receiving = torch.distributed.P2POp(torch.distributed.irecv, found, peer)
    for work in torch.distributed.batch_isend_irecv([sending, receiving]):
        work.wait()
    return found.flip(0)
