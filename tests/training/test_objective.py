"""A ticket is mixed as the pixels are, and a labelled patch keeps its label."""

import copy

import numpy as np
import pytest
import torch
from timm.data import Mixup
from torch import nn

from repro.config import Training
from repro.data.loader import Batch
from repro.models import annotate
from repro.models.lvvit import swap_halves
from repro.models.resnet import ResNet20
from repro.tickets.patches import as_mask, random_ids
from repro.training import loop
from repro.training.checkpoint import checksum
from repro.training.objective import Classification, Objective, TokenLabelling, mix_together
from repro.training.sources import Chance
from tests.training.test_loop import VIT, break_off, checksum_of, make_fit


def painted(mask):
    """A mask (batch, 64) as pixels (batch, 3, 32, 32)."""
    grid = mask.view(-1, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    return grid.expand(-1, 3, -1, -1).clone()


def test_a_ticket_goes_through_mixup_and_cutmix_as_its_pixels_do():
    mask = as_mask(random_ids(8, 64, 20, torch.Generator().manual_seed(0)), 64)
    for mixup, cutmix in ((0.8, 0.0), (0.0, 1.0)):
        np.random.seed(3)  # noqa: NPY002  timm draws from it
        mix = Mixup(mixup, cutmix, num_classes=10)
        images, labels, kept = mix_together(mix, painted(mask), torch.arange(8), mask[:, None])
        pooled = torch.nn.functional.avg_pool2d(images[:, :1], 4).flatten(1)
        assert torch.allclose(kept[:, 0], pooled, atol=1e-6)
        assert not torch.equal(kept[:, 0], mask)
        assert torch.allclose(labels.sum(1), torch.ones(8))


def test_patches_are_swapped_with_the_other_end_of_the_batch():
    maps = torch.arange(12.0).view(2, 3, 2)
    swapped = swap_halves(maps, torch.tensor([True, False, False]))
    assert swapped.tolist() == [[[6, 7], [2, 3], [4, 5]], [[0, 1], [8, 9], [10, 11]]]


@torch.no_grad()
def test_the_annotator_labels_each_place_by_its_own_features():
    torch.manual_seed(0)
    model, images = ResNet20(10, 8).eval(), torch.randn(2, 3, 32, 32)
    seen = annotate(model, images, 64)  # its map is 8x8 already
    assert seen.shape == (2, 64, 10)
    features = model.forward_features(images).flatten(2).transpose(1, 2)
    assert torch.allclose(seen, model.head(features).softmax(2), atol=1e-5)
    assert annotate(model, images, 16).shape == (2, 16, 10)


def test_patch_labels_are_those_of_the_patches_kept():
    """A student that answers with the annotator's own map, patch by patch, loses its entropy and no more."""
    torch.manual_seed(0)
    annotator, images = ResNet20(10, 4).eval(), torch.randn(8, 3, 32, 32)
    batch = Batch(images, torch.zeros(8, dtype=torch.long), torch.arange(8), torch.zeros(8, 4))
    objective = TokenLabelling(Training(), 0, annotator, 64, Chance(64, 20, seed=0))

    def forward(images, ids, swap):
        seen = swap_halves(annotate(annotator, images, 64), swap)
        parts = seen.gather(1, ids[:, :, None].expand(-1, -1, 10)).log()
        calls.append(-(parts.exp() * parts).sum(2).mean())
        return torch.zeros(8, 10), parts

    calls = []
    with torch.no_grad():
        loss = objective.loss(forward, batch, 0)
    assert loss.item() == pytest.approx(np.log(10) + calls[0].item(), rel=1e-4)


def test_the_swapped_share_weighs_the_two_classes():
    torch.manual_seed(0)
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([0, 1])
    batch = Batch(images, labels, torch.arange(2), torch.zeros(2, 4))
    objective = TokenLabelling(Training(), 0, ResNet20(10, 4), 64)
    step = next(s for s in range(20) if 0.2 < objective.draw_swap(s).float().mean() < 0.8)
    share = objective.draw_swap(step).float().mean().item()
    whole = torch.full((2, 10), -30.0).scatter_(1, labels[:, None], 0.0)  # sure of its own class
    with torch.no_grad():
        loss = objective.loss(lambda *_: (whole, torch.zeros(2, 64, 10)), batch, step)
    assert loss.item() == pytest.approx(30 * share + np.log(10), rel=1e-3), "lam counts the patches of the full map"


FOLLOWING = Training(epochs=2, batch_size=16, optimizer="adamw", learning_rate=1e-3, clip_norm=1.0)


class Follow(Objective):
    """A toy that holds all an objective may hold: a teacher, a trainable head and a queue of what the teacher saw."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.state.teacher = copy.deepcopy(network).requires_grad_(False)
        torch.manual_seed(1)
        self.state.head = nn.Linear(10, 10)
        self.state.register_buffer("queue", torch.zeros(24, 10))

    def loss(self, forward, batch, step):
        self.seen = self.state.teacher(batch.images).detach()
        answer = self.state.head(forward(batch.images).float())
        return (answer - self.seen).square().mean() + (answer @ self.state.queue.T).square().mean()

    def after_step(self, step):
        with torch.no_grad():
            for mine, theirs in zip(self.state.teacher.parameters(), self.network.parameters(), strict=True):
                mine.lerp_(theirs, 0.1)
        self.state.queue = torch.cat([self.seen, self.state.queue])[:24]


def make_following(folder=None):
    fit = make_fit(FOLLOWING, network=VIT)  # for its network and loader
    return loop.Fit(fit.network, fit.loader, FOLLOWING, objective=Follow(fit.network), folder=folder)


@pytest.mark.parametrize("stop", range(1, 8))
def test_an_objective_that_holds_state_goes_on_as_if_it_had_not_stopped(stop, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    whole = make_following()
    start = {name: t.clone() for name, t in whole.objective.state.state_dict().items()}
    whole.run()
    break_off(make_following(tmp_path), stop, monkeypatch)
    resumed = make_following(tmp_path)
    resumed.run()
    held = whole.objective.state.state_dict()
    assert checksum(resumed.objective.state.state_dict()) == checksum(held)
    assert checksum_of(resumed) == checksum_of(whole)
    assert resumed.history == whole.history
    assert {name.partition(".")[0] for name in held if not torch.equal(held[name], start[name])} == {
        "teacher",
        "head",
        "queue",
    }


def test_what_an_objective_trains_is_decayed_and_clipped_with_the_network():
    fit = make_following()
    trained = {id(p) for group in fit.optimizer.param_groups for p in group["params"]}
    assert {id(p) for p in fit.objective.state.head.parameters()} < trained
    assert not {id(p) for p in fit.objective.state.teacher.parameters()} & trained
    spared = [p for group in fit.optimizer.param_groups if not group["weight_decay"] for p in group["params"]]
    assert any(p is fit.network.inner.cls_token for p in spared), "as the network asks, whatever name it has in here"


def test_the_objectives_of_the_papers_hold_nothing():
    annotator = ResNet20(10, 4)
    for objective in (Classification(Training(), 10, 0), TokenLabelling(Training(), 0, annotator, 64)):
        assert not objective.state.state_dict()
