"""LV-ViT is the published network, down to the names of its parameters."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from repro.artefacts import table4
from repro.config import ConfigError, Model, TrainRun
from repro.models import build_model
from repro.models.lvvit import build_stem

WIDTH, DEPTH = 384, 16


def published_shapes():
    """Of the weights of lvvit_s, without what batch norms keep: as the authors' checkpoint has them."""
    stem = {"conv1.weight": (64, 3, 7, 7), "conv2.weight": (64, 64, 3, 3), "conv3.weight": (64, 64, 3, 3)}
    stem |= {f"bn{number}.{kind}": (64,) for number in (1, 2, 3) for kind in ("weight", "bias")}
    stem |= {"proj.weight": (WIDTH, 64, 8, 8), "proj.bias": (WIDTH,)}
    block = {f"norm{number}.{kind}": (WIDTH,) for number in (1, 2) for kind in ("weight", "bias")}
    block |= {"attn.qkv.weight": (3 * WIDTH, WIDTH), "attn.proj.weight": (WIDTH, WIDTH), "attn.proj.bias": (WIDTH,)}
    block |= {"mlp.fc1.weight": (3 * WIDTH, WIDTH), "mlp.fc1.bias": (3 * WIDTH,)}
    block |= {"mlp.fc2.weight": (WIDTH, 3 * WIDTH), "mlp.fc2.bias": (WIDTH,)}
    shapes = {"cls_token": (1, 1, WIDTH), "pos_embed": (1, 197, WIDTH), "norm.weight": (WIDTH,), "norm.bias": (WIDTH,)}
    shapes |= {f"{head}.weight": (1000, WIDTH) for head in ("head", "aux_head")}
    shapes |= {f"{head}.bias": (1000,) for head in ("head", "aux_head")}
    shapes |= {f"patch_embed.{name}": shape for name, shape in stem.items()}
    return shapes | {f"blocks.{n}.{name}": shape for n in range(DEPTH) for name, shape in block.items()}


@pytest.fixture(scope="module")
def published():
    return build_model(table4.SIZES["paper"].networks["LV-ViT-S"][0])


def test_the_paper_preset_is_lvvit_s_as_published(published):
    assert {name: tuple(p.shape) for name, p in published.named_parameters()} == published_shapes()
    assert f"{sum(p.numel() for p in published.parameters()) / 1e6:.3f}" == "26.152"


def test_its_norms_add_what_the_authors_add(published):
    norms = [m for m in published.modules() if isinstance(m, nn.LayerNorm | nn.BatchNorm2d)]
    assert len(norms) == 2 * DEPTH + 1 + 3
    assert {norm.eps for norm in norms} == {1e-5}


def test_its_first_convolution_looks_as_far_as_the_authors_does(published):
    first = published.patch_embed.conv1
    assert (first.kernel_size, first.stride, first.padding) == ((7, 7), (2, 2), (3, 3))


@pytest.mark.parametrize("preset", ["demo", "pocket", "gpu"])
def test_small_presets_begin_with_a_small_kernel(preset):
    assert table4.SIZES[preset].networks["LV-ViT-S"][0].stem_kernel == 3


def test_both_kernels_make_one_cell_a_patch():
    images = torch.zeros(1, 3, 32, 32)
    assert build_stem(16, 4, 3)(images).shape == build_stem(16, 4, 7)(images).shape == (1, 16, 8, 8)


def test_another_kernel_is_refused():
    with pytest.raises(ConfigError, match=r"stem_kernel must be one of 3, 7; got 5"):
        Model("lvvit", stem_kernel=5)


@pytest.mark.parametrize("recipe", [{"mixup": 0.8}, {"cutmix": 1.0}])
def test_a_recipe_that_mixes_images_is_refused(recipe):
    training = replace(TrainRun().training, **recipe)
    with pytest.raises(ConfigError, match="mix-token stands in for both"):
        TrainRun(model=Model("lvvit"), training=training)
    TrainRun(model=Model("vit"), training=training)
