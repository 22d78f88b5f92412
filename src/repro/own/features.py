"""Mean feature of each class by any timm model, for SEC of paper C (section 3.3), which takes DINO ViT-B/8.

A folder of class folders is read in the order of their names; an image's feature is what the model's pooling gives, as
timm defines it for that model, after the model's own evaluation transform.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from repro.compat import mend_torchvision
from repro.config import ConfigError
from repro.training.precision import pick_device

BATCH = 64  # images


def write_class_means(model: str, images: Path, out: Path, checkpoint: Path | None = None) -> tuple[int, int]:
    """Write the means (classes, dim) as .npy, and return their shape. Raises ConfigError."""
    if out.suffix != ".npy":
        raise ConfigError(f"the features are written as .npy; got {out.name}")
    means = class_means(model, images, checkpoint)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.save(out, means)
    return means.shape[0], means.shape[1]


@torch.no_grad()
def class_means(name: str, images: Path, checkpoint: Path | None = None) -> np.ndarray:
    """Mean pooled feature of each class folder, (classes, dim), by a timm model with timm's weights or others.

    Weights of your own are safetensors. Raises ConfigError for an unknown model or other weights, and for no images.
    """
    mend_torchvision()
    import timm
    from timm.data import ImageDataset, create_transform, resolve_model_data_config

    if not timm.is_model(name):
        raise ConfigError(f"timm has no model {name!r}; `timm.list_models()` lists those it has")
    if not any(images.glob("*/*")):
        raise ConfigError(f"no images in the class folders of {images}")
    if checkpoint and (checkpoint.suffix != ".safetensors" or not checkpoint.is_file()):
        raise ConfigError(f"weights are read from a .safetensors file; got {checkpoint}")
    source = {"file": str(checkpoint)} if checkpoint else None
    device = pick_device()
    network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=source, num_classes=0).eval().to(device)
    dataset = ImageDataset(str(images), transform=create_transform(**resolve_model_data_config(network)))
    shape: Any = (len(dataset.reader.class_to_idx), network.num_features)
    total = torch.zeros(shape, dtype=torch.float64)
    seen = torch.zeros(len(total))
    for pixels, labels in torch.utils.data.DataLoader(dataset, BATCH):
        total.index_add_(0, labels, network(pixels.to(device)).double().cpu())
        seen += torch.bincount(labels, minlength=len(seen))
    return (total / seen[:, None]).float().numpy()
