"""Networks, built on timm where timm has them, and how each takes a patch ticket."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from repro.compat import mend_torchvision
from repro.config import ConfigError, Model

mend_torchvision()


def build_model(config: Model, *, fused_attention: bool = True) -> nn.Module:
    """The network of a config, freshly initialised from torch's global generator.

    `fused_attention` is right on a GPU and wrong on a CPU, where the fused kernel is the bottleneck of a ViT.
    Raises ConfigError for a name that neither this project nor timm knows.
    """
    import timm

    from repro.models.lvvit import LVViT
    from repro.models.resnet import ResNet20, build_resnet
    from repro.models.swin import build_swin
    from repro.models.vit import build_vit

    timm.layers.set_fused_attn(fused_attention)
    timm.layers.set_fast_norm(True)  # under autocast a norm keeps its input's format; statistics stay fp32
    if config.name == "resnet20":
        return ResNet20(config.classes, config.width)
    builders: dict[str, Callable[[Model], nn.Module]] = {
        "vit": build_vit,
        "swin": build_swin,
        "lvvit": LVViT,
        "resnet": build_resnet,
    }
    if config.name in builders:
        return builders[config.name](config)
    if not timm.is_model(config.name):
        raise ConfigError(
            f"unknown model {config.name!r}: resnet20, resnet, vit, swin, lvvit, "
            "or a timm model such as deit_small_patch16_224"
        )
    return timm.create_model(config.name, num_classes=config.classes, drop_path_rate=config.drop_path)


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
