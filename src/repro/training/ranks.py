"""Which of several processes this one is, and what they do together; where there is one, nothing here does anything.

`torchrun` tells every process its number in the environment. A batch is drawn as a whole, and each process makes and
learns its part (data/loader.py). Gradients are averaged and parts are equal, so what several compute differs from what
one does by the order of sums alone. Mixup and mix-token join an image with the one at the other end of the whole batch,
which another process may hold: it is exchanged. Where memory is short, a process learns its part in equal pieces, one
after the other, as if it were so many processes; that is how a run is carried out, and no part of what it is.
"""

import functools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from repro.config import ConfigError
from repro.data.loader import Batch, part_of
from repro.models.drop_path import draw_as_one
from repro.models.lvvit import LVViT

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")  # as torchrun sets them
ACCUMULATE = "REPRO_ACCUMULATE"  # in how many pieces a process learns its part of a batch


class OutOfStep(RuntimeError):
    """Processes that would not go on from the same step."""


@dataclass
class Ranks:
    """This process among those that train one network."""

    rank: int = 0  # from 0
    world: int = 1  # how many there are
    local: int = 0  # from 0 on each machine
    pieces: int = 1  # in which each learns its part of a batch
    piece: int = 0  # the one at hand

    @property
    def counts(self) -> dict[str, int]:
        """Processes and pieces, where there is more than one, for the record of a training."""
        return {name: n for name, n in (("processes", self.world), ("pieces", self.pieces)) if n > 1}

    def join(self, network: nn.Module, device: torch.device) -> None:
        """Meet the others, and have a network draw, count its norms and mix over the parts of all.

        Raises ConfigError for norms over a batch on a CPU, for which torch has no way of counting together, and for
        norms over a batch that is learnt in pieces.
        """
        if self.world * self.pieces == 1:
            return
        self.check_norms(network, device)
        if self.world > 1:
            self.meet(device)
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
        draw_as_one(network, self.world * self.pieces, self.part)
        for module in network.modules():
            if isinstance(module, LVViT):
                module.reverse = self.reverse

    def check_norms(self, network: nn.Module, device: torch.device) -> None:
        """Raise ConfigError for norms over a batch which not all of its images can be counted for."""
        if not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules()):
            return
        if self.pieces > 1:
            raise ConfigError(
                f"a network with BatchNorm cannot learn a batch in {self.pieces} pieces, each would be normalised by "
                f"itself; unset {ACCUMULATE}"
            )
        if device.type == "cpu":
            raise ConfigError(
                f"a network with BatchNorm cannot be trained by {self.world} processes on CPUs; use one, or GPUs"
            )

    def meet(self, device: torch.device) -> None:
        """Wait for the other processes to be there, unless they have met."""
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")

    def part(self, whole: Tensor) -> Tensor:
        """Of what was drawn for the whole batch, this process's part, or the piece of it that is at hand."""
        part = whole[part_of(len(whole), self.rank, self.world)]
        return part if self.pieces == 1 else part[self.places(len(part))]

    def places(self, count: int) -> Tensor:
        """Which of the `count` images of its part this process has at hand, for a piece.

        The partners of those images, at the other end of the whole batch, are at hand in the process that holds them.
        Raises ConfigError where the pieces would not be equal.
        """
        alone = 2 * self.rank + 1 == self.world  # it holds the partners of its images itself
        if count % (self.pieces * (1 + alone)):
            raise ConfigError(
                f"{ACCUMULATE}={self.pieces} cannot cut the {count} images a process has of a batch into equal pieces; "
                f"make batch_size a multiple of {self.world * self.pieces * 2}, or set {ACCUMULATE} to another number"
            )
        size = count // self.pieces
        if alone:
            first = torch.arange(size // 2) + self.piece * (size // 2)
            return torch.cat([first, count - 1 - first.flip(0)])
        number = self.piece if 2 * self.rank < self.world else self.pieces - 1 - self.piece
        return torch.arange(size) + number * size

    def cut(self, batch: Batch) -> Iterator[Batch]:
        """The pieces of this process's part of a batch, each while it is at hand."""
        if self.pieces == 1:
            yield batch
            return
        try:
            for number in range(self.pieces):
                self.piece = number
                at = self.places(len(batch.labels))
                others = tuple(view[at] for view in batch.others)
                yield Batch(batch.images[at], batch.labels[at], batch.chosen[at], batch.box[at], others)
        finally:
            self.piece = 0

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
        return nn.parallel.DistributedDataParallel(learner, forward_sync_buffers=False)

    def summing(self, learner: nn.Module) -> AbstractContextManager[object]:
        """Within it gradients of a module that is shared are summed up, and averaged at the last piece of a batch."""
        if isinstance(learner, nn.parallel.DistributedDataParallel) and self.piece + 1 < self.pieces:
            return learner.no_sync()
        return nullcontext()

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a number over all processes."""
        if self.world > 1:
            torch.distributed.all_reduce(value)
            value /= self.world
        return value

    def check_step(self, step: int, device: torch.device) -> None:
        """Raise OutOfStep, in all processes, where one would go on from another step than the rest."""
        if self.world == 1:
            return
        found = self.gather(torch.tensor([step], device=device)).tolist()
        if len(set(found)) > 1:
            raise OutOfStep(
                f"the {self.world} processes would go on from the steps {found}: not every machine sees the checkpoint "
                "in the store; run the same command again"
            )

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """A block that process 0 goes through before the others do."""
        if self.rank > 0:
            torch.distributed.barrier()
        yield
        if self.rank == 0 and self.world > 1:
            torch.distributed.barrier()


def find_ranks() -> Ranks:
    """From the environment, one process where it says nothing; the same object for all that ask.

    Raises ConfigError where it is not as torchrun's.
    """
    return _ranks(tuple(os.environ.get(name) for name in VARIABLES), os.environ.get(ACCUMULATE))


@functools.cache
def _ranks(values: tuple[str | None, ...], accumulate: str | None) -> Ranks:
    if accumulate is not None and not (accumulate.isascii() and accumulate.isdigit() and int(accumulate) > 0):
        raise ConfigError(f"{ACCUMULATE} must be a whole number from 1 on, or unset; got {accumulate!r}")
    pieces = int(accumulate or 1)
    if values == (None,) * len(VARIABLES):
        return Ranks(pieces=pieces)
    numbers = [int(value) for value in values if value and value.isdigit()]
    if len(numbers) < len(VARIABLES) or not numbers[0] < numbers[1]:
        given = {name: value for name, value in zip(VARIABLES, values, strict=True) if value is not None}
        raise ConfigError(f"several processes need {', '.join(VARIABLES)} as torchrun sets them; got {given}")
    return Ranks(numbers[0], numbers[1], numbers[2], pieces)


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
