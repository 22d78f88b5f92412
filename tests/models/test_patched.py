"""One module through which a network takes images and patches, whatever the network."""

import pytest
import torch

from repro.config import ConfigError, Model
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.models.vit import forward_dropping, forward_patches
from repro.tickets.patches import occlude, random_ids

SMALL = {"width": 16, "depth": 3, "heads": 2}
IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
IDS = random_ids(4, 64, 20, torch.Generator().manual_seed(1))


def build(name, **how):
    torch.manual_seed(0)
    return PatchNetwork(build_model(Model(name, **SMALL), fused_attention=False), **how).eval()


@torch.no_grad()
def test_each_network_takes_patches_in_its_own_way():
    vit, lvvit = build("vit"), build("lvvit")
    assert torch.equal(vit(IMAGES, IDS), forward_patches(vit.inner, IMAGES, IDS))
    assert torch.equal(lvvit(IMAGES, IDS), lvvit.inner(IMAGES, IDS))
    selector = build("vit", keep_rate=0.75)
    assert torch.equal(selector(IMAGES), forward_dropping(selector.inner, IMAGES, 0.75))
    for name in ("resnet20", "swin"):
        painted = build(name, patches=64, colour=torch.tensor([1.0, 2.0, 3.0]))
        assert torch.equal(painted(IMAGES, IDS), painted.inner(occlude(IMAGES, IDS, 64, painted.colour)))
        assert torch.equal(painted(IMAGES), painted.inner(IMAGES))


@torch.no_grad()
@pytest.mark.parametrize("name", ["vit", "lvvit", "resnet20"])
def test_a_blank_network_sees_places_and_no_pixels(name):
    blank = build(name, patches=64, colour=torch.ones(3), blank=True)
    assert torch.equal(blank(IMAGES, IDS), blank(-IMAGES, IDS))
    assert not torch.equal(blank(IMAGES, IDS), blank(IMAGES, IDS.flip(0)))


def test_the_weights_keep_the_names_of_the_network_inside():
    network = build("resnet20", patches=64)
    assert {f"inner.{name}" for name in network.inner.state_dict()} == set(network.state_dict())


def test_a_selector_takes_no_ticket_and_only_lvvit_swaps():
    with pytest.raises(ConfigError, match=r"keep_rate 0\.7"):
        build("vit", keep_rate=0.7, patches=64)
    with pytest.raises(ConfigError, match="only lvvit swaps patches; VisionTransformer"):
        build("vit")(IMAGES, None, torch.ones(64, dtype=torch.bool))
