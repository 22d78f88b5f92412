"""Colour changes of a batch as one affine map of colours an image: a 3x3 matrix and an offset.

Brightness, contrast and saturation are torchvision's. Hue is turned about the axis of greys, which is linear, and is
what a shift in HSV does only at thirds of a turn and for greys: for the small shifts of a jitter they differ the more,
the more saturated a colour is. Values are clamped once, at the end, where torchvision clamps after every change.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

GREY = (0.2989, 0.587, 0.114)  # share of each channel, as torchvision has it
WHITE, THRESHOLD = 255.0, 128.0  # pixel values; from the threshold on, solarising turns a value round
CHANGES = 4  # brightness, contrast, saturation, hue: their order is drawn for each image
CONTRAST = 1


class Affine(NamedTuple):
    """A map of colours for each image of a batch; greys stay greys under all of them."""

    matrix: Tensor  # (batch, 3, 3)
    offset: Tensor  # (batch,), the same in each channel

    def of(self, colours: Tensor) -> Tensor:
        """What becomes of planes (batch, 3, pixels)."""
        return torch.baddbmm(self.offset[:, None, None], self.matrix, colours)


def unchanged(batch: int, device: torch.device) -> Affine:
    """The map that leaves every colour as it is."""
    return Affine(torch.eye(3, device=device).expand(batch, 3, 3), torch.zeros(batch, device=device))


def jitter(factors: Tensor, order: Tensor, mean: Tensor) -> Affine:
    """The four changes, in an order of their own for each image.

    `factors` (batch, 4): of brightness, contrast and saturation, where 1 changes nothing, and the turn of the hue.
    `order` (batch, 4): which change comes first, second and so on. `mean` (batch, 3): the image's mean colour.
    """
    grey, eye = torch.tensor(GREY, device=mean.device), torch.eye(3, device=mean.device)
    brightness, contrast, saturation = (f[:, None, None] for f in factors[:, :3].unbind(1))
    towards_grey = saturation * eye + (1 - saturation) * grey.expand(3, 3)
    changes = torch.stack([brightness * eye, contrast * eye, towards_grey, turn(factors[:, 3])], dim=1)
    changes = changes[torch.arange(len(mean), device=mean.device)[:, None], order]  # (batch, slots, 3, 3)
    lost = torch.where(order == CONTRAST, 1 - contrast[:, :, 0], 0.0)  # share of the mean grey that a slot mixes in
    matrix, offset = eye.expand(len(mean), 3, 3), torch.zeros(len(mean), device=mean.device)
    for slot in range(CHANGES):
        change, level = changes[:, slot], mean @ grey  # of the image as it is by then
        matrix, mean = change @ matrix, (change @ mean[:, :, None])[:, :, 0]
        more = lost[:, slot] * level
        offset, mean = offset * change[:, 0].sum(1) + more, mean + more[:, None]
    return Affine(matrix, offset)


def turn(turns: Tensor) -> Tensor:
    """Rotations (batch, 3, 3) of colours about the axis of greys; a third of a turn makes red green."""
    cosine, sine = (f(2 * math.pi * turns)[:, None, None] for f in (torch.cos, torch.sin))
    ones = torch.ones(3, 3, device=turns.device)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=turns.device)
    return cosine * torch.eye(3, device=turns.device) + (1 - cosine) / 3 * ones + sine / math.sqrt(3) * cross


def grey_where(colours: Affine, grey: Tensor) -> Affine:
    """A map after which images are grey where `grey` (batch,)."""
    eye, to_grey = torch.eye(3, device=grey.device), torch.tensor(GREY, device=grey.device).expand(3, 3)
    kept = torch.where(grey, sum(GREY), 1.0)
    return Affine(torch.where(grey[:, None, None], to_grey, eye) @ colours.matrix, colours.offset * kept)


def solarise_where(planes: Tensor, solarised: Tensor) -> Tensor:
    """Planes (batch, 3, pixels) whose light values are turned round where `solarised` (batch,)."""
    return torch.where(solarised[:, None, None] & (planes >= THRESHOLD), WHITE - planes, planes)
