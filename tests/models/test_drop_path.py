"""What a sample skips depends on the batch of a step, not on how processes share it."""

import copy

import pytest
import torch
from timm.layers import DropPath
from torch import nn

from repro.config import Model
from repro.models import build_model
from repro.models.drop_path import draw_as_one

CONFIGS = [
    Model(name, width=16, depth=3, heads=2, patch_size=4, drop_path=0.5)
    for name in ("vit", "lvvit", "swin")  # swin's branches have four dimensions
]


def draw(model, inputs, rank, world):
    """What process `rank` of `world` makes of its part of the inputs, in training and without norms over a batch."""
    own = copy.deepcopy(model).train()
    for module in own.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    if world > 1:
        draw_as_one(own, world, lambda whole: whole.chunk(world)[rank])
    torch.manual_seed(7)
    made = own(inputs.chunk(world)[rank])
    return made[0] if isinstance(made, tuple) else made


@pytest.mark.parametrize("world", [2, 4])
def test_parts_draw_what_the_whole_batch_draws_to_the_bit(world):
    branch, ones = DropPath(0.5), torch.ones(32, 5, 3)
    branches = nn.Sequential(branch, nn.Identity(), DropPath(0.2))
    parts = [draw(branches, ones, rank, world) for rank in range(world)]
    whole = draw(branches, ones, 0, 1)
    assert torch.equal(torch.cat(parts), whole)
    assert 0 < (whole == 0).float().mean() < 1


@torch.no_grad()
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_two_halves_of_a_network_are_the_whole(config):
    torch.manual_seed(0)
    model, images = build_model(config, fused_attention=False), torch.randn(16, 3, 32, 32)
    whole = draw(model, images, 0, 1)
    assert torch.allclose(torch.cat([draw(model, images, rank, 2) for rank in (0, 1)]), whole, atol=1e-5)
    again = [draw(model, half, 0, 1) for half in images.chunk(2)]
    assert not torch.allclose(torch.cat(again), whole, atol=1e-5), "as timm draws, halves draw alike"


@torch.no_grad()
def test_nothing_is_drawn_in_evaluation():
    model = build_model(CONFIGS[0], fused_attention=False).eval()
    images = torch.randn(4, 3, 32, 32)
    expected = model(images)
    draw_as_one(model, 2, lambda whole: whole.chunk(2)[1])
    state = torch.get_rng_state()
    assert torch.equal(model(images), expected)
    assert torch.equal(torch.get_rng_state(), state)
