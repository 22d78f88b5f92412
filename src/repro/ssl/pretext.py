"""What the self-supervised objectives have in common: a teacher that follows, and a watch for collapse.

A collapse is a network that says the same of every image. It shows in the spread of what is compared, or in what
targets tell images apart by; either at its limit stops a training, and the last good checkpoint stays.
"""

import copy
import math
from typing import Any, NamedTuple

import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn.functional import normalize

from repro.config import ConfigError
from repro.data.loader import derive_seed
from repro.models.patched import PatchNetwork
from repro.training.objective import Diverged, Objective
from repro.training.precision import autocast

# Least that a measure may fall to once a training has gone on for some steps: before, all networks say much the same.
LIMITS = {"feature_spread": 0.001, "output_spread": 0.01, "target_information": 0.01}
PATIENCE = 300  # steps


class Collapsed(Diverged):
    """A training after which every image looks the same to the network."""


class Plan(NamedTuple):
    """What an objective must know of its training."""

    seed: int
    batch_size: int  # of all processes together
    steps_per_epoch: int
    steps: int  # in all
    precision: str  # bf16 or fp32, as the device has it
    device: torch.device


class Teacher(nn.Module):
    """A copy of a network and its head that follows both, is never trained, and skips no branch."""

    def __init__(self, network: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.network, self.head = copy.deepcopy(network), copy.deepcopy(head)
        self.requires_grad_(False)
        for module in self.modules():
            if isinstance(module, DropPath):
                module.drop_prob = 0.0

    @torch.no_grad()
    def follow(self, network: nn.Module, head: nn.Module, momentum: float) -> None:
        """Keep `momentum` of its weights and take the rest from those of the network and its head."""
        leaders: list[Tensor] = [*network.parameters(), *head.parameters()]
        followers: list[Tensor] = list(self.parameters())
        torch._foreach_lerp_(followers, leaders, 1 - momentum)


class Pretext(Objective):
    """A self-supervised objective of a network without outputs."""

    state: Any  # its parts are named as attributes
    mend = "lower learning_rate, or train with larger batches"  # of a collapse

    def __init__(self, network: PatchNetwork, plan: Plan, keep_collapsed: bool = False) -> None:
        super().__init__()
        self.network, self.plan, self.keep_collapsed = network, plan, keep_collapsed
        self.width: int = network.inner.num_features  # type: ignore[assignment]
        self.measures: dict[str, Tensor] = {}
        self.step = 0
        torch.manual_seed(derive_seed(plan.seed, "heads"))

    @property
    def learned(self) -> Any:
        """The network whose features are the result."""
        return self.network.inner

    def see(self, network: nn.Module, *inputs: Tensor) -> Any:
        """What a network of the objective's own makes of images, under autocast."""
        with autocast(self.plan.precision, self.plan.device):
            return network(*inputs)

    def note(self, step: int, **measures: Tensor) -> None:
        """Keep what was measured at a step."""
        self.step, self.measures = step, {name: value.detach() for name, value in measures.items()}

    def report(self) -> dict[str, float]:
        """What was measured at the last step, for the history."""
        return {name: round(float(value), 6) for name, value in self.measures.items()}

    def check(self) -> None:
        """Raise Collapsed where a measure is at its limit."""
        if self.keep_collapsed or self.step < PATIENCE:
            return
        for name, limit in LIMITS.items():
            if name in self.measures and (value := float(self.measures[name])) < limit:
                raise Collapsed(
                    f"collapsed: {name.replace('_', ' ')} is {value:.2g} at step {self.step}, below {limit:g}, so all "
                    f"images look the same; {self.mend}, or set keep_collapsed to see where it leads"
                )


def spread(features: Tensor) -> Tensor:
    """How far apart features (batch, dim) point: 0 where all point the same way or nowhere, 1 where their mean is 0."""
    directions = normalize(features.float(), dim=1)
    return (directions - directions.mean(0)).square().sum(1).mean().sqrt()


def information(targets: Tensor) -> Tensor:
    """What targets (batch, outputs) tell of which image it is, in nats.

    The entropy of their mean less the mean of their entropies: 0 where all are uniform, and where all are the same one.
    """
    return entropy(targets.mean(0)) - entropy(targets).mean()


def entropy(shares: Tensor) -> Tensor:
    """Of shares (..., outputs) that sum to 1, in nats."""
    return torch.special.entr(shares).sum(-1)


def rise(first: float, step: int, steps: int) -> float:
    """From `first` to 1 by a cosine over so many steps."""
    return 1 - (1 - first) * (1 + math.cos(math.pi * step / steps)) / 2


def freeze(weight: Tensor, frozen: bool) -> Tensor:
    """The same values, with a gradient of zeros where they are frozen: fused optimisers take no missing gradient."""
    return weight.detach() + 0 * weight if frozen else weight


def check_queue(queue: int, plan: Plan) -> None:
    """Raise ConfigError for a queue longer than the data, which holds other views of the images at hand, or uneven."""
    if queue > (most := plan.steps_per_epoch * plan.batch_size):
        raise ConfigError(
            f"a queue of {queue:,} holds images more than once where an epoch shows {most:,}; set queue to that or less"
        )
    if queue % plan.batch_size:
        raise ConfigError(f"queue {queue:,} must be a multiple of the batch of {plan.batch_size} images")
