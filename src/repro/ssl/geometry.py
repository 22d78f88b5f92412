"""Crop, flip and blur of a batch, each a matrix along the rows of an image and one along its columns.

All three are linear and act on the two axes apart, so a view is two matrix products however they are combined. Resizing
weighs pixels as PIL and torchvision do with antialiasing; a blur reflects the image at its borders as torchvision does.
"""

import functools

import torch
from torch import Tensor

from repro.config import Interpolation


def crop_matrix(start: Tensor, length: Tensor, size: int, full: int, interpolation: Interpolation) -> Tensor:
    """Weights (batch, size, full) of the pixels of one axis in a crop of it that is resized to `size`.

    `start` and `length` (batch,) are the crop in whole pixels, `full` is the length of the axis.
    """
    start, length = start[:, None, None].float(), length[:, None, None].float()
    scale = length / size  # pixels of the image in one of the view
    centres = start + (torch.arange(size, device=start.device)[:, None] + 0.5) * scale  # (batch, size, 1)
    places = torch.arange(full, device=start.device) + 0.5
    weights = KERNELS[interpolation]((places - centres).abs_().mul_(1 / scale.clamp(min=1)))
    weights *= (places > start) & (places < start + length)
    return weights.mul_(1 / weights.sum(2, keepdim=True))


def bilinear(distance: Tensor) -> Tensor:
    """The triangle: weight by distance in pixels of the coarser grid."""
    return (1 - distance).clamp_(min=0)


def bicubic(distance: Tensor) -> Tensor:
    """Keys's cubic with a slope of -1/2, the one that PIL takes."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((2.5 - 0.5 * distance) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))


KERNELS = {"bilinear": bilinear, "bicubic": bicubic}


def blur_matrix(sigma: Tensor, size: int, radius: int) -> Tensor:
    """Weights (batch, size, size) of a Gaussian of standard deviation `sigma` (batch,) pixels, cut off at `radius`.

    A sigma of 0 leaves an axis as it is.
    """
    offsets = torch.arange(-radius, radius + 1, device=sigma.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma[:, None].clamp(min=1e-3) ** 2))
    kernel = kernel / kernel.sum(1, keepdim=True)
    return (kernel @ reflections(size, radius, sigma.device)).view(-1, size, size)


@functools.lru_cache(maxsize=16)
def reflections(size: int, radius: int, device: torch.device) -> Tensor:
    """Ones where pixel i reads pixel j at an offset, (2 radius + 1, size * size); beyond a border it reads back."""
    reads = torch.arange(size) + torch.arange(-radius, radius + 1)[:, None]  # (offsets, size)
    reads = torch.where(reads < 0, -reads, torch.where(reads >= size, 2 * (size - 1) - reads, reads))
    return torch.nn.functional.one_hot(reads, size).float().flatten(1).to(device)


def flip_where(matrix: Tensor, flipped: Tensor) -> Tensor:
    """Matrices (batch, size, full) whose view is reversed where `flipped` (batch,)."""
    return torch.where(flipped[:, None, None], matrix.flip(1), matrix)


def apply(rows: Tensor, columns: Tensor, planes: Tensor) -> Tensor:
    """Planes (batch, 3, height, width) seen through matrices of both axes, (batch, 3, rows, columns)."""
    short = torch.matmul(rows[:, None], planes)  # (batch, 3, rows, width)
    return torch.bmm(short.flatten(1, 2), columns.transpose(1, 2)).unflatten(1, short.shape[1:3])
