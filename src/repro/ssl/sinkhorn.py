"""Assignments that use all outputs alike (Caron et al. 2020, after Cuturi 2013)."""

import torch
from torch import Tensor


@torch.no_grad()
def assign(scores: Tensor, softness: float, iterations: int = 3) -> Tensor:
    """Scores (images, outputs) to shares of the same shape: each image's sum to 1, each output's to about the same.

    Outputs and images of exp(scores / softness) are scaled in turn (Sinkhorn and Knopp), the images last. That is done
    by logarithms, so no score is too large.
    """
    logs = scores / softness
    for _ in range(iterations):
        logs = logs - logs.logsumexp(0, keepdim=True)
        logs = logs - logs.logsumexp(1, keepdim=True)
    return logs.exp()
