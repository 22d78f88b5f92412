"""Random views of a batch as tensor code: what torchvision's transforms do image by image.

Random resized crop, flip, colour jitter, grey, blur, solarise, in DINO's order; several kinds of views make a
multi-crop. All parameters of a view are columns of one table of uniform numbers, drawn for the whole batch of a step,
so what an image gets depends on (seed, step, place in the batch, view) alone.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from repro.config import Views
from repro.data.views import Draws, View
from repro.ssl.colour import CHANGES, WHITE, grey_where, jitter, solarise_where, unchanged
from repro.ssl.geometry import apply, blur_matrix, crop_matrix, flip_where

TRIES = 10  # crops that are drawn for an image; the first that lies within it is taken
TOGETHER = 256  # images that are seen at a time: fewer calls, and what is worked on stays in the processor's cache
RATIOS = (math.log(3 / 4), math.log(4 / 3))  # of a crop's width to its height
# How many columns of the table each parameter takes.
COLUMNS = {
    "area": TRIES,
    "ratio": TRIES,
    "place": 2,
    "flip": 1,
    "jitter": 1,
    "factors": CHANGES,
    "order": CHANGES,
    "grey": 1,
    "blur": 1,
    "sigma": 1,
    "solarise": 1,
}


class Drawn(NamedTuple):
    """The parameters of a view of each image of a part, on the CPU."""

    box: Tensor  # (part, 4) top, left, height and width of the crop, in whole pixels
    flip: Tensor  # (part,) whether
    factors: Tensor  # (part, 4) of brightness, contrast and saturation, and the turn of the hue
    order: Tensor  # (part, 4) in which they come
    grey: Tensor  # (part,) whether
    sigma: Tensor  # (part,) pixels of the blur, 0 for none
    solarise: Tensor  # (part,) whether

    def to(self, device: torch.device) -> "Drawn":
        """The same on a device."""
        return Drawn(*(t.to(device, non_blocking=True) for t in self))


@dataclass(frozen=True)
class RandomViews:
    """The augmentation that makes views of the given kinds, in their order."""

    kinds: tuple[Views, ...]

    def __call__(self, pixels: Tensor, draws: Draws) -> list[View]:
        """Views of images (part, height, width, 3)."""
        planes, views, number = pixels.permute(0, 3, 1, 2).contiguous().float(), list[View](), 0
        together = max(1, TOGETHER // len(pixels))
        for kind in self.kinds:
            for first in range(0, kind.count, together):
                count = min(together, kind.count - first)
                uniform = torch.cat([uniform_of(draws, number + place) for place in range(count)])
                drawn = draw(kind, uniform, pixels.shape[1:3])
                found = see(planes.repeat(count, 1, 1, 1), kind, drawn)
                views += [View(*parts) for parts in zip(*(t.chunk(count) for t in found), strict=True)]
                number += count
        return views


def uniform_of(draws: Draws, number: int) -> Tensor:
    """The table (part, columns) of a view."""
    return torch.rand(draws.batch_size, sum(COLUMNS.values()), generator=draws.generator("view", number))[draws.part]


def draw(kind: Views, uniform: Tensor, sides: tuple[int, ...]) -> Drawn:
    """Parameters of one view of images of `sides` (height, width) from a table (part, columns) of uniform numbers."""
    parts = dict(zip(COLUMNS, uniform.split(list(COLUMNS.values()), dim=1), strict=True))
    whether = {name: parts[name][:, 0] < getattr(kind, name) for name in ("flip", "jitter", "grey", "blur", "solarise")}
    reach = torch.tensor([kind.brightness, kind.contrast, kind.saturation, kind.hue])
    plain = torch.tensor([1.0, 1.0, 1.0, 0.0])
    low = torch.cat([(plain - reach)[:3].clamp(min=0), -reach[3:]])
    factors = torch.lerp(low, plain + reach, parts["factors"])
    sigma = between(kind.blur_sigma, parts["sigma"][:, 0])
    return Drawn(
        draw_crops(kind, parts["area"], parts["ratio"], parts["place"], sides),
        whether["flip"],
        torch.where(whether["jitter"][:, None], factors, plain),
        parts["order"].argsort(dim=1),
        whether["grey"],
        torch.where(whether["blur"], sigma, 0.0),
        whether["solarise"],
    )


def between(ends: tuple[float, ...], uniform: Tensor) -> Tensor:
    """Numbers uniform between two ends."""
    low, high = ends
    return low + (high - low) * uniform


def draw_crops(kind: Views, area: Tensor, ratio: Tensor, place: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Top, left, height and width (part, 4) of random resized crops as torchvision draws them.

    An image in which no try lies gets the largest crop about its centre whose ratio is allowed.
    """
    full = torch.tensor([float(side) for side in sides])
    pixels = full.prod() * between(kind.area, area)  # (part, tries)
    ratio = between(RATIOS, ratio).exp()
    tries = torch.stack([(pixels / ratio).sqrt(), (pixels * ratio).sqrt()], dim=2).round()
    fits = ((tries >= 1) & (tries <= full)).all(dim=2)
    first = fits.float().argmax(dim=1)
    crop = tries[torch.arange(len(tries)), first]
    corner = (place * (full - crop + 1)).floor()
    low, high = (math.exp(edge) for edge in RATIOS)
    height, width = sides
    largest = torch.tensor([min(height, round(width / low)), min(width, round(height * high))]).float()
    found = fits.any(dim=1, keepdim=True)
    crop, corner = torch.where(found, crop, largest), torch.where(found, corner, ((full - largest) / 2).floor())
    return torch.cat([corner, crop], dim=1)


def see(planes: Tensor, kind: Views, drawn: Drawn) -> View:
    """One view of images given as planes (part, 3, height, width) in units of a pixel."""
    (height, width), size, drawn = planes.shape[2:], kind.size, drawn.to(planes.device)
    top, left, tall, wide = drawn.box.unbind(1)
    rows = crop_matrix(top, tall, size, height, kind.interpolation)
    columns = flip_where(crop_matrix(left, wide, size, width, kind.interpolation), drawn.flip)
    colours = unchanged(len(planes), planes.device)
    if kind.jitter:
        mean = apply(rows.mean(1, keepdim=True), columns.mean(1, keepdim=True), planes).flatten(1)
        colours = jitter(drawn.factors, drawn.order, mean)
    if kind.grey:
        colours = grey_where(colours, drawn.grey)
    if kind.blur:
        blur = blur_matrix(drawn.sigma, size, min(size - 1, math.ceil(3 * kind.blur_sigma[1])))
        rows, columns = blur @ rows, blur @ columns
    seen = apply(rows, columns, planes).flatten(2)
    if kind.jitter or kind.grey:
        seen = colours.of(seen)
    seen = seen.clamp_(0, WHITE)
    if kind.solarise:
        seen = solarise_where(seen, drawn.solarise)
    return View(seen.unflatten(2, (size, size)).permute(0, 2, 3, 1), box_of(drawn, height, width))


def box_of(drawn: Drawn, height: int, width: int) -> Tensor:
    """Top, bottom, left and right in shares of the image, (part, 4); left above right where it is flipped."""
    top, left, tall, wide = drawn.box.unbind(1)
    sides = torch.stack([left, left + wide], dim=1) / width
    sides = torch.where(drawn.flip[:, None], sides.flip(1), sides)
    return torch.cat([torch.stack([top, top + tall], dim=1) / height, sides], dim=1)
