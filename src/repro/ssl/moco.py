"""Momentum contrast: an image's two views are to be more alike than views of others (versions 1, 2 and 3).

Keys are made by a network that follows the one that is trained. Versions 1 and 2 compare with a queue of earlier keys;
version 3 with the other images of the batch, and asks a predictor.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from repro.config import ConfigError, MoCo, MoCoV3
from repro.data.loader import Batch, derive_seed
from repro.models.patched import PatchNetwork
from repro.models.vit import takes_patches
from repro.ssl.heads import make_mlp
from repro.ssl.pretext import Plan, Pretext, Teacher, check_queue, rise, spread
from repro.training.objective import Forward


class QueueContrast(Pretext):
    """MoCo with a queue of keys, versions 1 and 2.

    With norms over a batch a query could be told by the statistics it shares with its key, so keys are normalised in
    shuffled groups, as its authors do on several GPUs.
    """

    def __init__(self, network: PatchNetwork, config: MoCo, plan: Plan, keep_collapsed: bool = False) -> None:
        super().__init__(network, plan, keep_collapsed)
        check_queue(config.queue, plan)
        self.config = config
        hidden = (self.width,) if config.head == "mlp" else ()
        self.state.head = make_mlp((self.width, *hidden, config.outputs))
        self.state.teacher = Teacher(network, self.state.head)
        self.state.register_buffer("queue", normalize(torch.randn(config.queue, config.outputs), dim=1))
        normed = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())
        self.groups = config.groups if normed else 1
        if 2 * self.groups > plan.batch_size:
            raise ConfigError(
                f"a batch of {plan.batch_size} images makes no {self.groups} groups of keys to normalise; lower groups"
            )

    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """Of the first view as a query; the second is its key."""
        first, second = batch.views
        features = forward(first).float()
        queries = normalize(self.state.head(features), dim=1)
        self.keys = self.make_keys(second, step)
        self.note(step, feature_spread=spread(features), output_spread=spread(queries))
        filled = step * self.plan.batch_size if self.config.empty_start else self.config.queue
        return contrast_with_queue(queries, self.keys, self.state.queue[:filled], self.config.temperature)

    @torch.no_grad()
    def make_keys(self, images: Tensor, step: int) -> Tensor:
        """Keys (batch, outputs) of length 1, normalised in shuffled groups."""
        teacher = self.state.teacher
        generator = torch.Generator().manual_seed(derive_seed(self.plan.seed, "groups", step))
        order = torch.randperm(len(images), generator=generator).to(images.device)
        found = [self.see(teacher.network, images[part]).float() for part in order.chunk(self.groups)]
        return normalize(teacher.head(torch.cat(found)[order.argsort()]), dim=1)

    def after_step(self, step: int) -> None:
        """The key network follows, and the oldest keys give way to those of this step."""
        self.state.teacher.follow(self.network, self.state.head, self.config.momentum)
        place = step * self.plan.batch_size % self.config.queue
        self.state.queue[place : place + self.plan.batch_size] = self.ranks.gather(self.keys)


def contrast_with_queue(queries: Tensor, keys: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of telling each query's key from those in the queue; all of length 1."""
    own, others = (queries * keys).sum(1, keepdim=True), queries @ queue.T
    logits = torch.cat([own, others], dim=1) / temperature
    return cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


class BatchContrast(Pretext):
    """MoCo version 3: both views are queries and keys, a predictor asks, and there is no queue."""

    def __init__(self, network: PatchNetwork, config: MoCoV3, plan: Plan, keep_collapsed: bool = False) -> None:
        super().__init__(network, plan, keep_collapsed)
        self.config = config
        if config.frozen_stem:
            freeze_stem(network)
        inner = [config.hidden] * (config.layers - 1)
        self.state.head = make_mlp((self.width, *inner, config.outputs), norm=True, last_norm=True)
        widths = (config.outputs, config.hidden, config.outputs)
        self.state.predictor = make_mlp(widths, norm=True, last_norm=True)
        self.state.teacher = Teacher(network, self.state.head)

    def loss(self, forward: Forward, batch: Batch, step: int) -> Tensor:
        """Of the first view among the second ones, and the other way round."""
        features = [forward(view).float() for view in batch.views]
        queries = [normalize(self.state.predictor(self.state.head(found)), dim=1) for found in features]
        keys = [self.make_keys(view) for view in batch.views]
        self.note(step, feature_spread=spread(features[0]), output_spread=spread(queries[0]))
        return self.contrast(queries[0], keys[1]) + self.contrast(queries[1], keys[0])

    @torch.no_grad()
    def make_keys(self, images: Tensor) -> Tensor:
        """Keys (batch, outputs) of length 1."""
        teacher = self.state.teacher
        return normalize(teacher.head(self.see(teacher.network, images).float()), dim=1)

    def contrast(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Of a part of the batch among the keys of the whole."""
        own = torch.arange(len(queries), device=queries.device) + self.ranks.rank * len(queries)
        return contrast_within_batch(queries, self.ranks.gather(keys), own, self.config.temperature)

    def after_step(self, step: int) -> None:
        """The key network follows, ever more slowly."""
        momentum = rise(self.config.momentum, step, self.plan.steps)
        self.state.teacher.follow(self.network, self.state.head, momentum)


def contrast_within_batch(queries: Tensor, keys: Tensor, own: Tensor, temperature: float) -> Tensor:
    """2τ times the mean cross-entropy of telling each query's own key (its place in `own`) from all others."""
    return 2 * temperature * cross_entropy(queries @ keys.T / temperature, own)


def freeze_stem(network: PatchNetwork) -> None:
    """Leave a ViT's embedding of patches as it was drawn. Raises ConfigError for another network."""
    if not takes_patches(network.inner):
        raise ConfigError(f"{type(network.inner).__name__} embeds no patches: set frozen_stem=False")
    network.inner.patch_embed.requires_grad_(False)  # type: ignore[union-attr]
