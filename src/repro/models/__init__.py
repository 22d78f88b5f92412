"""Networks, built on timm where timm has them."""

import torch

from repro.compat import mend_torchvision
from repro.config import ConfigError, Model

mend_torchvision()


def build_model(config: Model, *, fused_attention: bool = True) -> torch.nn.Module:
    """The network of a config, freshly initialised from torch's global generator.

    `fused_attention` is right on a GPU and wrong on a CPU, where the fused kernel is the bottleneck of a ViT.
    Raises ConfigError for a name that neither this project nor timm knows.
    """
    import timm

    from repro.models.resnet import ResNet20
    from repro.models.vit import build_vit

    timm.layers.set_fused_attn(fused_attention)
    timm.layers.set_fast_norm(True)  # under autocast a norm keeps its input's format; statistics stay fp32
    if config.name == "resnet20":
        return ResNet20(config.classes, config.width)
    if config.name == "vit":
        return build_vit(config)
    if not timm.is_model(config.name):
        raise ConfigError(
            f"unknown model {config.name!r}: resnet20, vit, or a timm model such as deit_small_patch16_224"
        )
    return timm.create_model(config.name, num_classes=config.classes, drop_path_rate=config.drop_path)
