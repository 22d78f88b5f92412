"""Networks, built on timm where timm has them, and how each takes a patch ticket."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from repro.compat import mend_torchvision
from repro.config import ConfigError, Model

mend_torchvision()
MEAN_COLOUR = torch.zeros(3)  # in normalised pixels
Apply = Callable[..., Any]  # (network, images, ids or None) -> logits


def build_model(config: Model, *, fused_attention: bool = True) -> nn.Module:
    """The network of a config, freshly initialised from torch's global generator.

    `fused_attention` is right on a GPU and wrong on a CPU, where the fused kernel is the bottleneck of a ViT.
    Raises ConfigError for a name that neither this project nor timm knows.
    """
    import timm

    from repro.models.lvvit import LVViT
    from repro.models.resnet import ResNet20
    from repro.models.swin import build_swin
    from repro.models.vit import build_vit

    timm.layers.set_fused_attn(fused_attention)
    timm.layers.set_fast_norm(True)  # under autocast a norm keeps its input's format; statistics stay fp32
    if config.name == "resnet20":
        return ResNet20(config.classes, config.width)
    builders: dict[str, Callable[[Model], nn.Module]] = {"vit": build_vit, "swin": build_swin, "lvvit": LVViT}
    if config.name in builders:
        return builders[config.name](config)
    if not timm.is_model(config.name):
        raise ConfigError(
            f"unknown model {config.name!r}: resnet20, vit, swin, lvvit, or a timm model such as deit_small_patch16_224"
        )
    return timm.create_model(config.name, num_classes=config.classes, drop_path_rate=config.drop_path)


def apply_whole(model: nn.Module, *inputs: Tensor) -> Any:
    """What the network itself makes of its inputs."""
    return model(*inputs)


def application(config: Model, model: nn.Module, patches: int = 0, colour: Tensor = MEAN_COLOUR) -> Apply:
    """How the network of a config is applied to images and the ids of the patches it may see.

    A ViT and LV-ViT see fewer tokens. Any other network sees an image cut into `patches` squares, with those
    that are not in the ids painted in `colour` (3,), in the units of normalised pixels. Raises ConfigError for a
    network with a keep rate that cannot select, and for a ViT that cuts an image into another number of patches.
    """
    from repro.models.lvvit import LVViT
    from repro.models.vit import check_selector, forward_dropping, forward_patches, takes_patches
    from repro.tickets.patches import occlude

    def apply_dropping(model: Any, images: Tensor) -> Tensor:
        return forward_dropping(model, images, config.keep_rate)

    def apply_occluded(model: nn.Module, images: Tensor, ids: Tensor | None = None) -> Tensor:
        return model(images if ids is None else occlude(images, ids, patches, colour))

    if config.keep_rate < 1:
        check_selector(model)
        return apply_dropping
    if takes_patches(model):
        own: int = model.patch_embed.num_patches  # type: ignore[assignment, union-attr]
        if patches not in (0, own):
            raise ConfigError(f"the selector cuts an image into {patches} patches, this network into {own}")
        return forward_patches
    return apply_occluded if patches and not isinstance(model, LVViT) else apply_whole


def annotate(model: nn.Module, images: Tensor, patches: int) -> Tensor:
    """Class probabilities of every patch, by a network that pools a map of features: (batch, patches, classes).

    The head is applied to each place of the map instead of to its mean (as token labelling does it, Jiang et al. 2021),
    and the map is brought to the grid of the patches.
    """
    from torch.nn.functional import interpolate

    from repro.tickets.patches import grid_size

    features: Tensor = model.forward_features(images)  # type: ignore[operator]
    logits = model.get_classifier()(features.permute(0, 2, 3, 1)).float()  # type: ignore[operator]
    maps = interpolate(logits.permute(0, 3, 1, 2), [grid_size(patches)] * 2, mode="bilinear", antialias=True)
    return torch.softmax(maps.flatten(2).transpose(1, 2), dim=2)
