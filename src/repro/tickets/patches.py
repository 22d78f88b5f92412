"""Patch tickets: which patches of an image are kept (paper A, sections 3.3 to 3.5).

A ticket is the sorted absolute ids of the kept patches, row by row from the top left, without the class token. The
decision a reader may doubt: a ticket is fixed per image and follows it through crop and flip, by keeping those patches
of the new view that show most of the ticket. Every image keeps the same number of patches, so a batch stays a tensor:
where a crop has cut some off, others fill up.
"""

import math

import torch
from torch import Tensor


def keep_highest(scores: Tensor, count: int) -> Tensor:
    """Ids of the `count` highest scores of each row, sorted, (batch, count); ties go to lower ids."""
    return scores.argsort(dim=1, descending=True, stable=True)[:, :count].sort(dim=1).values


def keep_shown(ticket: Tensor, image: Tensor, count: int) -> Tensor:
    """Ids of the `count` patches of each view that show most of a ticket, sorted, (batch, count).

    `ticket` and `image` (batch, patches) in [0, 1] are how much of each patch shows what is kept, and the image at all:
    of patches that show as much of the ticket those go first that show more of the image, and padding last. Shares are
    compared to the thousandth, because what is equal on paper may differ by a rounding. Ties go to lower ids.
    """
    shares = [torch.round(1000 * share) for share in (ticket, image)]
    return keep_highest(1001 * shares[0] + shares[1], count)


def random_ids(images: int, patches: int, count: int, generator: torch.Generator) -> Tensor:
    """A uniform subset of `count` patches for each image, sorted, (images, count)."""
    return keep_highest(torch.rand(images, patches, generator=generator), count)


def centre_ids(patches: int, count: int) -> Tensor:
    """The `count` patches nearest to the centre of a square grid, sorted, (count,): a prior that looks at no image."""
    across = (torch.arange(side := grid_size(patches)) - (side - 1) / 2) ** 2
    distance = (across[:, None] + across[None, :]).flatten()
    return keep_highest(-distance[None], count)[0]


def grid_size(patches: int) -> int:
    """Patches along one side of a square image. Raises ValueError where the number is not a square."""
    side = math.isqrt(patches)
    if side**2 != patches:
        raise ValueError(f"{patches} patches do not make a square grid")
    return side


def as_mask(ids: Tensor, patches: int) -> Tensor:
    """Ids (batch, kept) as a mask (batch, patches) of ones and zeros, float32."""
    return torch.zeros(len(ids), patches, device=ids.device).scatter_(1, ids.long(), 1.0)


def cover(mask: Tensor, box: Tensor) -> Tensor:
    """How much of each patch of a view shows what is kept of the image: (batch, patches) -> (batch, patches) in [0, 1].

    `box` (batch, 4) is the view's top, bottom, left and right in shares of the image; left above right is a flip.
    """
    side = grid_size(mask.shape[1])
    rows, columns = _overlap(box[:, :2], side), _overlap(box[:, 2:], side)
    return torch.einsum("bij,bjk,blk->bil", rows, mask.view(-1, side, side), columns).flatten(1)


def _overlap(interval: Tensor, side: int) -> Tensor:
    """Share of each cell of the view that lies in each cell of the image, along one axis: (batch, side, side)."""
    edges = torch.linspace(0, 1, side + 1, device=interval.device)
    view = torch.lerp(interval[:, :1], interval[:, 1:], edges)  # (batch, side + 1)
    low, high = torch.minimum(view[:, :-1], view[:, 1:]), torch.maximum(view[:, :-1], view[:, 1:])
    shared = torch.minimum(high[:, :, None], edges[1:]) - torch.maximum(low[:, :, None], edges[:-1])
    return shared.clamp(min=0) / (high - low)[:, :, None]


def occlude(images: Tensor, ids: Tensor, patches: int, colour: Tensor) -> Tensor:
    """Images (batch, 3, height, width) with the pixels of all patches but `ids` set to a colour (3,)."""
    side = grid_size(patches)
    kept = as_mask(ids, patches).view(-1, 1, side, side).to(images.dtype)
    kept = torch.nn.functional.interpolate(kept, images.shape[2:], mode="nearest")
    return torch.where(kept > 0, images, colour.to(images)[:, None, None])
