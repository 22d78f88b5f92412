"""Mean feature of each class by any timm model, for SEC of paper C (section 3.3), which takes DINO ViT-B/8.

A folder of class folders is read in the order of their names; an image's feature is what the model's pooling gives, as
timm defines it for that model, after the model's own evaluation transform. Every image counts: one that cannot be read
is an error, where timm's own data set would take its neighbour twice.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from repro.compat import mend_torchvision
from repro.config import ConfigError
from repro.data.files import DataError, list_images
from repro.training.precision import pick_device

BATCH = 64  # images


def write_class_means(model: str, images: Path, out: Path, checkpoint: Path | None = None) -> tuple[int, int]:
    """Write the means (classes, dim) as .npy, and return their shape. Raises ConfigError, DataError."""
    if out.suffix != ".npy":
        raise ConfigError(f"the features are written as .npy; got {out.name}")
    beside = out.with_name(f".{out.name}.part")
    with writing(out):  # before the work, so that a bad place costs no hours
        if out.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        out.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
    try:
        means = class_means(model, images, checkpoint)
        with writing(out):
            with beside.open("wb") as stream:
                np.save(stream, means)
            beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
    return means.shape[0], means.shape[1]


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    """Raises ConfigError where a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror or error}; choose another --out") from error


@torch.no_grad()
def class_means(name: str, images: Path, checkpoint: Path | None = None) -> np.ndarray:
    """Mean pooled feature of each class folder, (classes, dim), by a timm model with timm's weights or others.

    Weights of your own are safetensors. Raises ConfigError for an unknown model, DataError for damaged files.
    """
    files, classes = list_images(images)
    network = load_network(name, checkpoint).eval().to(pick_device())
    labels = torch.tensor([classes.index(file.parent.name) for file in files])
    sums: list[Tensor] = []
    for features, chosen in zip(pooled(network, files), labels.split(BATCH), strict=True):
        sums = sums or [torch.zeros(len(classes), features.shape[1], dtype=torch.float64)]
        sums[0].index_add_(0, chosen, features)
    means = sums[0] / torch.bincount(labels)[:, None]
    if not means.isfinite().all():
        raise DataError(f"{name} gives features that are no numbers; its weights are damaged, take others")
    return means.float().numpy()


def pooled(network: nn.Module, files: list[Path]) -> Iterator[Tensor]:
    """Features (batch, dim) float64 of images in batches of 64, on the CPU. Raises ConfigError for another shape."""
    from timm.data import create_transform, resolve_model_data_config

    transform = create_transform(**resolve_model_data_config(network))
    device = next(network.parameters()).device
    for start in range(0, len(files), BATCH):
        pixels = torch.stack([read_image(file, transform) for file in files[start : start + BATCH]])
        features = network(pixels.to(device))
        if not isinstance(features, Tensor) or features.ndim != 2:
            raise ConfigError("the model does not give one feature an image; choose one that pools")
        yield features.double().cpu()


def read_image(file: Path, transform: Callable) -> Tensor:
    """An image as a network takes it, (3, height, width). Raises DataError where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            pixels = image.convert("RGB")
    except Exception as error:  # Pillow raises many kinds
        raise DataError(f"{file} cannot be read as an image: {told(error)}; replace it or move it away") from error
    return transform(pixels)


def load_network(name: str, checkpoint: Path | None) -> nn.Module:
    """A timm model without its head. Raises ConfigError where timm does not have it or its weights, DataError."""
    mend_torchvision()
    import timm

    if not timm.is_model(name):
        raise ConfigError(f"timm has no model {name!r}; `timm.list_models()` lists those it has")
    weights = read_weights(checkpoint) if checkpoint else None
    try:
        network = timm.create_model(name, pretrained=weights is None, num_classes=0)
    except Exception as error:  # timm, its hub and the network below it raise many kinds
        raise ConfigError(
            f"timm cannot give {name!r}: {told(error)}; choose a model of `timm.list_models(pretrained=True)`, or give "
            "weights of your own with --checkpoint"
        ) from error
    if weights is not None:
        fill(network, weights, f"{checkpoint} does not hold the weights of timm's {name}")
    return network


def read_weights(file: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file. Raises ConfigError for another kind of file, DataError for a damaged one."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if file.suffix != ".safetensors" or not file.is_file():
        raise ConfigError(f"weights are read from a .safetensors file; got {file}")
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{file} is damaged: {told(error)}; write it anew with safetensors.torch.save_file") from error


def fill(network: nn.Module, weights: dict[str, Tensor], otherwise: str) -> None:
    """Load weights into a network; those of a head are left over. Raises DataError where one is missing or differs."""
    mend = "write its state_dict with safetensors.torch.save_file"
    for name, tensor in network.state_dict().items():
        if name not in weights:
            raise DataError(f"{otherwise}: {name} is missing; {mend}")
        if weights[name].shape != tensor.shape:
            shapes = f"{tuple(weights[name].shape)} where {tuple(tensor.shape)} belongs"
            raise DataError(f"{otherwise}: {name} has the shape {shapes}; {mend}")
    network.load_state_dict(weights, strict=False)


def told(error: Exception) -> str:
    """The first line of what an error says, or its kind."""
    return (str(error).splitlines() or [type(error).__name__])[0]
