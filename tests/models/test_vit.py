"""A student sees the patches it is given and nothing else; a selector keeps those its class token attends to."""

import itertools
from functools import partial

import pytest
import timm
import torch
from torch import nn

from repro.config import AttentionScore, Model
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.models.vit import (
    embed,
    forward_dropping,
    forward_patches,
    gather,
    received_attention,
    scale_map,
    score_patches,
    select_patches,
)
from repro.tickets.patches import random_ids

VIT = Model("vit", width=32, depth=4, heads=2)


def unlike_fresh(model):
    """Weights far from a fresh draw, so that attention is not uniform."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def vit():
    return unlike_fresh(build_model(VIT, fused_attention=False))


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_all_ids_give_the_dense_networks_logits(vit, images):
    everything = torch.arange(64).expand(3, -1)
    assert torch.allclose(forward_patches(vit, images, everything), vit(images), atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_the_order_of_ids_changes_nothing(vit, images):
    ids = random_ids(3, 64, 20, torch.Generator().manual_seed(3))
    shuffled = ids[:, torch.randperm(20)]
    assert torch.allclose(forward_patches(vit, images, ids), forward_patches(vit, images, shuffled), atol=1e-5)


@torch.no_grad()
def test_gathering_before_the_embedding_is_gathering_after_it(vit, images):
    ids = random_ids(3, 64, 20, torch.Generator().manual_seed(3))
    whole = embed(vit, images)
    after = torch.cat([whole[:, :1], gather(whole[:, 1:], ids)], dim=1)
    assert torch.allclose(embed(vit, images, ids), after, atol=1e-6)


@torch.no_grad()
def test_a_dropped_patch_is_not_seen(vit, images):
    ids = torch.arange(32).expand(3, -1)  # the upper half
    other = images.clone()
    other[:, :, 16:] = 7.0
    assert torch.equal(forward_patches(vit, images, ids), forward_patches(vit, other, ids))


@torch.no_grad()
def test_a_network_with_registers_and_unembedded_class_token_is_gathered_alike(images):
    model = timm.models.vision_transformer.VisionTransformer(
        32, 8, embed_dim=32, depth=3, num_heads=2, reg_tokens=2, no_embed_class=True, num_classes=5
    )
    everything = torch.arange(16).expand(3, -1)
    assert torch.allclose(forward_patches(model.eval(), images, everything), model(images), atol=1e-6)


@torch.no_grad()
def test_class_attention_is_the_row_of_the_softmax_that_the_block_computes(vit, images):
    tokens = embed(vit, images)
    attention = vit.blocks[0].attn
    q, k, _ = attention.qkv(tokens).reshape(3, 65, 3, 2, 16).permute(2, 0, 3, 1, 4)
    whole = (q @ k.transpose(2, 3) * 16**-0.5).softmax(-1)  # (batch, heads, 65, 65)
    assert torch.allclose(received_attention(attention, tokens, 1), whole.mean(1)[:, 0], atol=1e-6)
    assert torch.allclose(received_attention(attention, tokens, tokens.shape[1]), whole.mean((1, 2)), atol=1e-6)


@torch.no_grad()
def test_stages_are_nested_unique_and_hold_the_patches_attended_to_most(vit, images):
    stages = select_patches(vit, images, 0.75)
    assert [ids.shape[1] for ids in stages] == [48, 36, 27]
    for outer, inner in itertools.pairwise(stages):
        for one, two in zip(outer.tolist(), inner.tolist(), strict=True):
            assert set(two) < set(one)
    first = received_attention(vit.blocks[1].attn, vit.blocks[1].norm1(vit.blocks[0](embed(vit, images))), 1)[:, 1:]
    assert torch.equal(stages[0], first.topk(48).indices.sort().values)


@torch.no_grad()
def test_a_keep_rate_of_one_keeps_everything(vit, images):
    assert [ids.shape[1] for ids in select_patches(vit, images, 1.0)] == [64] * 3
    assert torch.allclose(forward_dropping(vit, images, 1.0), vit(images), atol=1e-5)


@torch.no_grad()
def test_the_selector_stops_early_but_decides_as_the_whole_network_would(vit, images):
    """Later blocks cannot change what is kept, and are not run."""
    before = select_patches(vit, images, 0.8)
    seen = []
    handle = vit.blocks[3].mlp.register_forward_hook(lambda *_: seen.append(1))
    assert torch.equal(select_patches(vit, images, 0.8)[-1], before[-1])
    assert not seen
    forward_dropping(vit, images, 0.8)
    handle.remove()
    assert seen


@torch.no_grad()
def test_deit_tiny_at_224_pixels_by_timm_selects():
    model = unlike_fresh(timm.create_model("deit_tiny_patch16_224"))
    pixels = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    stages = select_patches(model, pixels, 0.9)
    assert [ids.shape for ids in stages] == [(2, 177), (2, 160), (2, 144)]
    everything = torch.arange(196).expand(2, -1)
    whole = model(pixels)
    assert torch.allclose(forward_patches(model, pixels, everything), whole, atol=1e-6 * float(whole.abs().max()))


def test_a_network_without_a_class_token_cannot_select(images):
    model = timm.models.vision_transformer.VisionTransformer(
        32, 8, embed_dim=32, depth=3, num_heads=2, class_token=False, global_pool="avg"
    )
    with pytest.raises(ValueError, match="class token"):
        select_patches(model, images, 0.8)


def test_dropping_reaches_the_gradient_of_all_blocks(images):
    model = build_model(VIT, fused_attention=False)
    forward_dropping(model, images, 0.7).sum().backward()
    assert all(p.grad is not None for p in model.blocks.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "keep_rate"), [("vit", 1.0), ("vit", 0.8), ("lvvit", 1.0), ("swin", 1.0)])
def test_a_network_and_its_ticket_compile_into_one_graph(name, keep_rate, images):
    config = Model(name, width=16, depth=3, heads=2, keep_rate=keep_rate)
    model = build_model(config, fused_attention=False)
    ids = random_ids(3, 64, 20, torch.Generator().manual_seed(0))
    network = PatchNetwork(model, keep_rate, 64 if keep_rate == 1 else 0).eval()
    inputs = (images,) if keep_rate < 1 else (images, ids)
    torch.compiler.reset()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(*inputs), network(*inputs), atol=1e-6)


@pytest.mark.parametrize("name", ["swin", "lvvit"])
def test_small_networks_take_small_images(name, images):
    model = build_model(Model(name, width=16, depth=3, heads=2, classes=7), fused_attention=False).eval()
    assert model(images).shape == (3, 7)


@torch.no_grad()
def test_lvvit_gathers_swaps_and_labels_every_patch(images):
    model = build_model(Model("lvvit", width=16, depth=3, heads=2), fused_attention=False)
    everything = torch.arange(64).expand(3, -1)
    model.train()
    whole, parts = model(images, everything)
    assert whole.shape == (3, 10)
    assert parts.shape == (3, 64, 10)
    model.eval()
    same = partial(torch.allclose, atol=1e-5)
    assert same(model(images, everything), model(images))
    swapped = model(images, None, torch.ones(64, dtype=torch.bool))
    assert same(swapped, model(images.flip(0))), "all patches swapped is the other image"


def test_a_mended_sink_is_set_to_the_mean_before_scaling_by_hand():
    # One map of five tokens; the first draws six tenths. Mended it is the map's mean, a fifth, and the last is highest.
    received = torch.tensor([[0.60, 0.02, 0.04, 0.12, 0.22]])
    assert torch.allclose(scale_map(received, mend_sink=False), (received - 0.02) / 0.58)
    mended = torch.tensor([[0.18, 0.00, 0.02, 0.10, 0.20]]) / 0.20
    assert torch.allclose(scale_map(received, mend_sink=True), mended)


@torch.no_grad()
def test_a_mended_sink_changes_no_ticket_of_one_map(vit, images):
    one, other = (score_patches(vit, images, AttentionScore("last", "class", mend)) for mend in (True, False))
    assert torch.equal(one.argsort(dim=1), other.argsort(dim=1))


def test_a_mended_sink_can_change_a_ticket_of_several_maps_by_hand():
    # Where the sink of one map dwarfs its patches, that map hardly counts: the other one decides, for the first patch.
    # Mended both count, and the third patch is ahead: .50 + .67 against .10 + 1.
    maps = torch.tensor([[0.60, 0.02, 0.04, 0.12, 0.22]]), torch.tensor([[0.10, 0.30, 0.20, 0.25, 0.15]])
    best = [int(sum(scale_map(m, mend)[0, 1:] for m in maps).argmax()) for mend in (False, True)]
    assert best == [0, 2]


@torch.no_grad()
def test_the_score_of_the_last_layer_ranks_patches_as_its_attention_does(vit, images):
    tokens = embed(vit, images)
    for block in vit.blocks[:-1]:
        tokens = block(tokens)
    for query, asking in (("class", 1), ("mean", 65)):
        received = received_attention(vit.blocks[-1].attn, vit.blocks[-1].norm1(tokens), asking)[:, 1:]
        score = score_patches(vit, images, AttentionScore("last", query))
        assert torch.equal(score.argsort(dim=1), received.argsort(dim=1))


@torch.no_grad()
def test_the_mean_over_layers_is_that_of_scaled_maps(vit, images):
    tokens, total = embed(vit, images), torch.zeros(3, 65)
    for block in vit.blocks:
        total += scale_map(received_attention(block.attn, block.norm1(tokens), 1), mend_sink=True)
        tokens = block(tokens)
    assert torch.allclose(score_patches(vit, images, AttentionScore()), total[:, 1:], atol=1e-6)


@torch.no_grad()
def test_images_of_another_size_are_resized():
    model = unlike_fresh(build_model(Model("vit", width=32, depth=2, heads=2, patch_size=8, image_size=64)))
    small = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    large = nn.functional.interpolate(small, (64, 64), mode="bilinear")
    assert torch.equal(embed(model, small), embed(model, large))
