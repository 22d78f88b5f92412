"""Networks without outputs, and ViTs that take images of another size."""

import pytest
import torch

from repro.config import ConfigError, Model
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.models.resnet import ResNet20
from repro.training.checkpoint import checksum

VIT = Model("vit", classes=0, width=16, depth=2, heads=2, patch_size=4, image_size=16)


@pytest.mark.parametrize(
    ("network", "features"),
    [
        (Model("resnet", classes=0, width=8, depth=4), 64),
        (Model("resnet", classes=0, width=16, depth=8), 128),
        (Model("resnet20", classes=0), 64),
        (VIT, 16),
        (Model("resnet18", classes=0), 512),
    ],
)
def test_a_network_without_outputs_gives_features(network, features):
    model = build_model(network, fused_attention=False).eval()
    with torch.no_grad():
        found = PatchNetwork(model)(torch.randn(2, 3, network.image_size, network.image_size))
    assert found.shape == (2, features)
    assert model.num_features == features
    assert not list(model.get_classifier().parameters())


def test_a_resnet_of_four_stages_is_a_resnet_18_at_a_depth_of_eight():
    """He et al.'s ResNet-18 has 11.69 million weights at ImageNet; a 3x3 stem and no head take 0.52 million off."""
    ours = build_model(Model("resnet", classes=0, width=64, depth=8))
    weights = sum(p.numel() for p in ours.parameters())
    theirs = sum(p.numel() for p in build_model(Model("resnet18", classes=0)).parameters())
    assert weights == theirs - 64 * 3 * (49 - 9)
    maps = ours.forward_features(torch.zeros(1, 3, 32, 32))
    assert maps.shape == (1, 512, 4, 4)


def test_a_resnet_needs_as_many_blocks_a_stage():
    with pytest.raises(ConfigError, match="depth must be a multiple; got 6"):
        build_model(Model("resnet", depth=6))


def test_a_resnet_20_has_the_names_and_draws_of_weights_that_records_were_made_with():
    torch.manual_seed(0)
    assert checksum(ResNet20(10, 4).state_dict()).startswith("12d0b96a1e95250b8573993827b1620645")


@torch.no_grad()
def test_a_vit_takes_images_of_another_size_with_its_positions_stretched():
    torch.manual_seed(0)
    vit = build_model(VIT, fused_attention=False).eval()
    small, full = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 16, 16)
    stretched, resized = PatchNetwork(vit, any_size=True), PatchNetwork(vit)
    assert torch.equal(stretched(full), resized(full))
    assert not torch.allclose(stretched(small), resized(small), atol=1e-3)
    seen = []
    vit.blocks[0].register_forward_hook(lambda module, tokens, result: seen.append(tokens[0].shape[1]))
    stretched(small)
    resized(small)
    assert seen == [1 + 4, 1 + 16]
    vit.pos_embed[:, 1:] = 0.7  # the same everywhere, however it is stretched
    by_hand = build_model(Model("vit", 0, 16, 2, 2, 4, 8), fused_attention=False).eval()
    tensors = {n: t for n, t in vit.state_dict().items() if n != "pos_embed"}
    by_hand.load_state_dict(tensors | {"pos_embed": vit.pos_embed[:, :5]})
    assert torch.allclose(stretched(small), PatchNetwork(by_hand)(small), atol=1e-5)


def test_a_network_whose_positions_cannot_be_stretched_says_so():
    swin = build_model(Model("swin", width=16, depth=3, patch_size=2, image_size=16))
    with pytest.raises(ConfigError, match="SwinTransformer takes images of one size alone"):
        PatchNetwork(swin, any_size=True)
    distilled = build_model(Model("deit_tiny_distilled_patch16_224"))
    with pytest.raises(ConfigError, match="VisionTransformerDistilled takes images of one size alone"):
        PatchNetwork(distilled, any_size=True)(torch.randn(1, 3, 96, 96))


def test_a_vit_may_be_drawn_as_mae_is():
    vits = []
    for drawn_as in ("deit", "mae"):
        torch.manual_seed(0)
        vits.append(build_model(Model("vit", width=96, depth=1, heads=3, drawn_as=drawn_as)))
    deit, mae = vits
    assert deit.blocks[0].mlp.fc1.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert mae.blocks[0].mlp.fc1.weight.std().item() == pytest.approx((2 / (96 + 384)) ** 0.5, rel=0.05)
    assert mae.patch_embed.proj.weight.std().item() == pytest.approx((2 / (96 + 48)) ** 0.5, rel=0.05)
    assert [vit.pos_embed.requires_grad for vit in vits] == [True, False]
    assert len(mae.pos_embed[0, 1:].unique(dim=0)) == 64
    assert not mae.pos_embed[0, 0].any()
