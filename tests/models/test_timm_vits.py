"""Everything timm calls a VisionTransformer takes patches; what cannot select them is refused by name."""

import inspect
import itertools

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from repro.config import AttentionScore, ConfigError, Model
from repro.models import application, build_model
from repro.models.resnet import ResNet20
from repro.models.vit import forward_dropping, forward_patches, score_patches, select_patches
from repro.tickets.patches import occlude, random_ids

ANNOTATIONS = {name: inspect.signature(timm.model_entrypoint(name)).return_annotation for name in timm.list_models()}
ALL = [name for name, made in ANNOTATIONS.items() if inspect.isclass(made) and issubclass(made, VisionTransformer)]
KINDS = [  # one of every kind of stem, prefix, position, block, norm and pooling
    "aimv2_large_patch14_224",
    "beit3_base_patch16_224",
    "deit3_small_patch16_224",
    "deit_tiny_distilled_patch16_224",
    "deit_tiny_patch16_224",
    "flexivit_small",
    "test_vit",
    "test_vit3",
    "vit_base_mci_224",
    "vit_base_patch16_clip_224",
    "vit_base_patch16_radio_v3",
    "vit_base_patch16_rpn_224",
    "vit_base_patch16_siglip_224",
    "vit_base_patch16_xp_224",
    "vit_dlittle_patch16_reg1_gap_256",
    "vit_dpwee_patch16_reg1_gap_256",
    "vit_giant_patch14_reg4_dinov2",
    "vit_pwee_patch16_reg1_gap_256",
    "vit_small_patch16_18x2_224",
    "vit_tiny_r_s16_p8_224",
    "vitamin_small_224",
    "vitamin_xlarge_256",
]
REST = [pytest.param(name, marks=pytest.mark.slow) for name in ALL if name not in KINDS]
HEAVY_STEM = ("vitamin", "vit_base_mci")  # the width of these stems is that of the network


def unlike_fresh(model):
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model.eval()


def small(name):
    """A network of timm's with three narrow blocks for an image that is no square, and two such images."""
    size = (56, 42) if "patch14" in name else (64, 96)
    narrow = {} if name.startswith(HEAVY_STEM) else {"embed_dim": 96, "num_heads": 2}
    timm.layers.set_fused_attn(False)
    model = timm.create_model(name, img_size=size, depth=3, num_classes=5, **narrow)
    return unlike_fresh(model), torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))


def masked(vit, images, ids):
    """Logits by timm's own forward pass, in which no token may attend to a dropped one and none of those is pooled."""
    prefix, count = vit.num_prefix_tokens, vit.num_prefix_tokens + vit.patch_embed.num_patches
    kept = torch.zeros(len(ids), count, dtype=torch.bool)
    kept[:, :prefix] = True
    kept.scatter_(1, ids + prefix, True)
    tokens = vit.forward_features(images, attn_mask=kept[:, None, None].expand(-1, 1, count, count))
    return vit.forward_head(torch.stack([row[mask] for row, mask in zip(tokens, kept, strict=True)]))


def alike(one, other, whole):
    return torch.allclose(one, other, rtol=0, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize("name", [*KINDS, *REST])
@torch.no_grad()
def test_every_vision_transformer_of_timm_takes_patches_and_selects_or_says_why_not(name):
    vit, images = small(name)
    count, whole = vit.patch_embed.num_patches, vit(images)
    ids = random_ids(2, count, count // 2, torch.Generator().manual_seed(3))
    assert alike(forward_patches(vit, images, None), whole, whole)
    assert alike(forward_patches(vit, images, torch.arange(count).expand(2, -1)), whole, whole)
    some = masked(vit, images, ids)
    assert alike(forward_patches(vit, images, ids), some, whole)
    assert not alike(some, whole, whole)
    try:
        stages = select_patches(vit, images, 0.75)
    except ConfigError as refused:
        assert "selector needs" in str(refused)  # noqa: PT017  a network may also select
        assert vit.cls_token is None or not hasattr(vit.blocks[0], "attn")
    else:
        assert vit.cls_token is not None
        for outer, inner in itertools.pairwise(stages):
            assert all(set(few) < set(many) for many, few in zip(outer.tolist(), inner.tolist(), strict=True))
        assert alike(forward_dropping(vit, images, 1.0), whole, whole)


def test_the_list_is_long_and_holds_all_kinds():
    assert len(ALL) > 200
    assert set(KINDS) <= set(ALL)


@torch.no_grad()
def test_an_image_that_patches_do_not_tile_loses_its_rest_as_in_timm():
    vit = unlike_fresh(VisionTransformer((30, 21), 8, embed_dim=32, depth=3, num_heads=2, num_classes=5))
    images = torch.randn(2, 3, 30, 21)
    whole, everything = vit(images), torch.arange(6).expand(2, -1)
    assert alike(forward_patches(vit, images, everything), whole, whole)


@torch.no_grad()
def test_oblong_patches_are_embedded_as_in_timm():
    vit = unlike_fresh(VisionTransformer(32, (8, 16), embed_dim=32, depth=3, num_heads=2, num_classes=5))
    images, ids = torch.randn(2, 3, 32, 32), torch.tensor([[0, 3], [5, 6]])
    assert alike(forward_patches(vit, images, ids), masked(vit, images, ids), vit(images))


@torch.no_grad()
def test_a_network_for_any_size_has_images_resized_like_every_other():
    vit, images = small("test_vit")
    half = nn.functional.interpolate(images, (32, 48), mode="bilinear")
    resized = nn.functional.interpolate(half, images.shape[2:], mode="bilinear")
    assert torch.equal(forward_patches(vit, half), forward_patches(vit, resized))


@pytest.mark.parametrize("name", ["vit_pwee_patch16_reg1_gap_256", "vit_base_patch16_siglip_224"])
def test_a_score_needs_a_class_token_too(name):
    """Its row would be that of a register or of the first patch."""
    vit, images = small(name)
    with pytest.raises(ConfigError, match="class token"):
        score_patches(vit, images, AttentionScore("last", "class"))


@pytest.mark.parametrize(
    ("name", "part"),
    [("vit_base_patch16_xp_224", "ParallelScalingBlock"), ("vit_small_patch16_18x2_224", "ParallelThingsBlock")],
)
def test_blocks_of_another_shape_cannot_select(name, part):
    vit, images = small(name)
    for refused in (lambda: select_patches(vit, images, 0.8), lambda: score_patches(vit, images, AttentionScore())):
        with pytest.raises(ConfigError, match=part):
            refused()


def test_attention_of_another_kind_cannot_select():
    vit = VisionTransformer(32, 8, embed_dim=32, depth=3, num_heads=2, attn_layer="diff")
    with pytest.raises(ConfigError, match="DiffAttention"):
        select_patches(vit, torch.zeros(1, 3, 32, 32), 0.8)


class Own(VisionTransformer):
    """A user's, which might embed or pool in a way of its own."""


@pytest.mark.parametrize(
    "name", ["eva02_tiny_patch14_224", "naflexvit_base_patch16_gap", "vit_relpos_small_patch16_224"]
)
def test_other_networks_of_timm_are_refused_by_name(name):
    check_refused(timm.create_model(name, depth=1, embed_dim=48, num_heads=2))


@pytest.mark.parametrize("make", [ResNet20, lambda: Own(32, 8, embed_dim=32, depth=3, num_heads=2)])
def test_other_networks_are_refused_by_name(make):
    check_refused(make())


def check_refused(model):
    images, ids = torch.zeros(1, 3, 224, 224), torch.arange(3)[None]
    for refused in (
        lambda: forward_patches(model, images, ids),
        lambda: select_patches(model, images, 0.8),
        lambda: forward_dropping(model, images, 0.8),
        lambda: score_patches(model, images, AttentionScore()),
    ):
        with pytest.raises(ConfigError, match=rf"{type(model).__name__} .*only timm's VisionTransformer"):
            refused()


@torch.no_grad()
def test_a_network_that_takes_no_patches_sees_painted_images():
    model = unlike_fresh(Own(32, 8, embed_dim=32, depth=3, num_heads=2))
    images, ids = torch.randn(2, 3, 32, 32), random_ids(2, 16, 5, torch.Generator().manual_seed(0))
    painted = occlude(images, ids, 16, torch.zeros(3))
    assert torch.equal(application(Model("own"), model, 16)(model, images, ids), model(painted))


def test_a_keep_rate_in_a_network_that_cannot_select_is_refused_before_it_trains():
    config = Model("swin", width=16, depth=3, heads=2, keep_rate=0.8)
    with pytest.raises(ConfigError, match="SwinTransformer cannot select"):
        application(config, build_model(config))


def test_a_ticket_for_another_number_of_patches_is_refused():
    config = Model("vit", width=16, depth=3, heads=2)
    with pytest.raises(ConfigError, match="16 patches, this network into 64"):
        application(config, build_model(config), 16)
