"""Assignments that use all outputs alike (Caron et al. 2020, after Cuturi 2013)."""

import torch
from torch import Tensor


@torch.no_grad()
def assign(scores: Tensor, softness: float, iterations: int = 3) -> Tensor:
    """Scores (images, outputs) to shares of the same shape: each image's sum to 1, each output's to about the same.

    Rows and columns of exp(scores / softness) are scaled in turn (Sinkhorn and Knopp), the images last.
    """
    shares = torch.exp((scores - scores.max()) / softness)
    for _ in range(iterations):
        shares = shares / shares.sum(0, keepdim=True).clamp(min=torch.finfo(shares.dtype).tiny)
        shares = shares / shares.sum(1, keepdim=True)
    return shares
