"""Swapped assignments (SwAV): the prototypes one view is assigned to are to be told from another view."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from repro.config import SwAV
from repro.data.loader import Batch
from repro.models.patched import PatchNetwork
from repro.ssl.dino import GLOBAL, cross_views, forward_by_size
from repro.ssl.heads import make_mlp
from repro.ssl.pretext import Plan, Pretext, check_queue, freeze, information, spread
from repro.ssl.sinkhorn import assign
from repro.training.objective import Forward


class SwappedAssignment(Pretext):
    """SwAV."""

    mend = "lower epsilon, or take fewer prototypes or a queue"

    def __init__(self, network: PatchNetwork, config: SwAV, plan: Plan, keep_collapsed: bool = False) -> None:
        super().__init__(network, plan, keep_collapsed)
        check_queue(config.queue, plan)
        self.config = config
        self.state.head = make_mlp((self.width, config.hidden, config.outputs), norm=True)
        drawn = nn.Linear(config.outputs, config.prototypes, bias=False).weight
        self.state.prototypes = nn.Parameter(normalize(drawn.detach(), dim=1))
        self.state.register_buffer("queue", torch.zeros(GLOBAL, config.queue, config.outputs))

    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """Mean cross-entropy over all pairs of an assigned view and another one."""
        features = forward_by_size(forward, batch.views)
        outputs = normalize(self.state.head(features), dim=1)
        frozen = step < self.config.frozen_epochs * self.plan.steps_per_epoch
        scores = linear(outputs, freeze(self.state.prototypes, frozen)).unflatten(0, (len(batch.views), -1))
        self.outputs = outputs.detach().unflatten(0, (len(batch.views), -1))[:GLOBAL]
        shares = torch.stack([self.assign(view, scores[view].detach(), step) for view in range(GLOBAL)])
        self.note(
            step,
            feature_spread=spread(features[: len(batch.labels)]),
            output_spread=spread(self.outputs[0]),
            target_information=information(shares.flatten(0, 1)),
        )
        return cross_views(scores, shares, self.config.temperature)

    @torch.no_grad()
    def assign(self, view: int, scores: Tensor, step: int) -> Tensor:
        """Shares of the prototypes in each image of this process's part, (part, prototypes)."""
        config, part, whole = self.config, len(scores), self.ranks.gather(scores)
        if config.queue and step >= config.queue_epochs * self.plan.steps_per_epoch + config.queue / len(whole):
            whole = torch.cat([whole, linear(self.state.queue[view], self.state.prototypes)])
        return assign(whole, config.epsilon, config.iterations)[self.ranks.rank * part :][:part]

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Prototypes are brought back to length 1, and outputs join the queue."""
        self.state.prototypes.copy_(normalize(self.state.prototypes, dim=1))
        if self.config.queue:
            new = torch.stack([self.ranks.gather(view) for view in self.outputs])
            self.state.queue = torch.cat([new, self.state.queue], dim=1)[:, : self.config.queue]
