"""Self-distillation (DINO): what a student says of any view of an image is to be what its teacher says of another one.

The teacher sees the two global views and follows the student. Its outputs are kept from becoming all alike by a centre
that is taken off and a low temperature, or, as a mend, by assignments that use all outputs.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from repro.config import DINO
from repro.data.loader import Batch
from repro.models.patched import PatchNetwork
from repro.ssl.heads import DINOHead
from repro.ssl.pretext import Plan, Pretext, Teacher, information, rise, spread
from repro.ssl.sinkhorn import assign
from repro.training.objective import Forward

GLOBAL = 2  # views that the teacher sees


class SelfDistillation(Pretext):
    """DINO."""

    mend = 'set norms="all" and targets="sinkhorn" (not published), or a lower teacher_temperature'

    def __init__(self, network: PatchNetwork, config: DINO, plan: Plan, keep_collapsed: bool = False) -> None:
        super().__init__(network, plan, keep_collapsed)
        self.config = config
        self.state.head = DINOHead(self.width, config)
        self.state.teacher = Teacher(network, self.state.head)
        self.state.register_buffer("centre", torch.zeros(config.outputs))

    @property
    def learned(self) -> Any:
        """The teacher's network, which its authors evaluate."""
        return self.state.teacher.network.inner

    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """Mean cross-entropy over all pairs of a target and another view."""
        epoch = step // self.plan.steps_per_epoch
        features = forward_by_size(forward, batch.views)
        frozen = step < self.config.frozen_epochs * self.plan.steps_per_epoch
        answers = self.state.head(features, frozen).chunk(len(batch.views))
        targets = self.make_targets(torch.cat(batch.views[:GLOBAL]), epoch)
        self.note(
            step,
            feature_spread=spread(features[: len(batch.labels)]),
            target_information=information(targets.flatten(0, 1)),
        )
        return cross_views(torch.stack(answers), targets, self.config.student_temperature)

    @torch.no_grad()
    def make_targets(self, images: Tensor, epoch: int) -> Tensor:
        """What the teacher says of both global views, (2, batch, outputs)."""
        teacher = self.state.teacher
        outputs = teacher.head(self.see(teacher.network, images).float())
        self.mean_output = self.ranks.mean(outputs.mean(0))
        temperature = teacher_temperature(self.config, epoch)
        if self.config.targets == "centre":
            return ((outputs - self.state.centre) / temperature).softmax(1).unflatten(0, (GLOBAL, -1))
        return torch.stack([self.assign(view, temperature) for view in outputs.chunk(GLOBAL)])

    def assign(self, outputs: Tensor, temperature: float) -> Tensor:
        """Even assignments of this process's part among the whole batch."""
        part = len(outputs)
        return assign(self.ranks.gather(outputs), temperature)[self.ranks.rank * part :][:part]

    def after_step(self, step: int) -> None:
        """The teacher follows, ever more slowly, and the centre moves towards the mean of its outputs."""
        self.state.teacher.follow(self.network, self.state.head, rise(self.config.momentum, step, self.plan.steps))
        self.state.centre.lerp_(self.mean_output, 1 - self.config.centre_momentum)


def forward_by_size(forward: Forward, views: Sequence[Tensor]) -> Tensor:
    """Features of all views (views * batch, width), of those of one size together."""
    groups = [list(group) for _, group in groupby(views, key=lambda view: view.shape)]
    return torch.cat([forward(torch.cat(group)).float() for group in groups])


def teacher_temperature(config: DINO, epoch: int) -> float:
    """Linear over the epochs of the warm-up, from its first to its last one, as the authors have it."""
    done = min(1.0, epoch / max(config.temperature_epochs - 1, 1)) if epoch < config.temperature_epochs else 1.0
    return config.first_temperature + (config.teacher_temperature - config.first_temperature) * done


def cross_views(answers: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of answers (views, batch, outputs) to the targets (2, batch, outputs) of other views."""
    logs = (answers / temperature).log_softmax(2)
    losses = -torch.einsum("tbk,vbk->tv", targets, logs) / targets.shape[1]
    others = 1 - torch.eye(*losses.shape, device=losses.device)
    return (losses * others).sum() / others.sum()
