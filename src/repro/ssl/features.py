"""Features of images by a network that is not trained any more, or the pixels themselves."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from repro.config import ConfigError, Features
from repro.models.vit import embed, takes_patches
from repro.training.precision import autocast

Embed = Callable[[Tensor], Tensor]  # normalised images (batch, 3, height, width) to features (batch, dim), float32
PIXELS = 32  # of a side, that larger images are brought to where pixels are the features
LAST = 4  # blocks whose class tokens are features together


class Embedder:
    """Features by a network without outputs, of images brought to its size. Raises ConfigError for kinds of a ViT."""

    def __init__(self, model: nn.Module, kind: Features, size: int, precision: str, device: torch.device) -> None:
        if kind != "last" and not takes_patches(model):
            raise ConfigError(f'{type(model).__name__} has features of one kind: set features="last", not {kind!r}')
        self.model, self.kind, self.size = model.eval(), kind, size
        self.precision, self.device = precision, device

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The features."""
        with autocast(self.precision, self.device):
            images = resize(images, self.size)
            return (
                vit_features(self.model, images, self.kind) if takes_patches(self.model) else self.model(images)
            ).float()


def vit_features(vit: Any, images: Tensor, kind: Features) -> Tensor:
    """Of the last block the class token, the mean of the patches' tokens, both; or the class tokens of four blocks."""
    tokens, kept = embed(vit, images), []
    for block in vit.blocks:
        tokens = block(tokens)
        kept.append(tokens)
    if kind == "last four":
        return torch.cat([vit.norm(tokens)[:, 0] for tokens in kept[-LAST:]], dim=1)
    tokens = vit.norm(tokens)
    first, mean = tokens[:, 0], tokens[:, vit.num_prefix_tokens :].mean(1)
    return {"last": first, "mean": mean, "last and mean": torch.cat([first, mean], dim=1)}[kind]


def pixels(images: Tensor) -> Tensor:
    """The pixels themselves, (batch, 3 * height * width)."""
    return resize(images, min(PIXELS, images.shape[2])).flatten(1)


def resize(images: Tensor, size: int) -> Tensor:
    """Square images of `size` pixels, antialiased; those of that size as they are."""
    if images.shape[2:] == (size, size):
        return images
    return interpolate(images, (size, size), mode="bilinear", antialias=True)


def extract(embed: Embed, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Features (n, dim) and labels (n,) of all images."""
    found = [(embed(images), labels) for images, labels in batches]
    return torch.cat([features for features, _ in found]), torch.cat([labels for _, labels in found])
