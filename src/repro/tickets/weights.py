"""Weight tickets by magnitude: which weights are kept (paper A, section 3.1, Tables 1 and 2).

A mask maps the name of each prunable weight to a boolean tensor of its shape, True where the weight is kept.
The decision a reader may doubt: sparsity is met to the weight. The count to keep is rounded once, and the
cut is by rank and not by threshold, so ties in magnitude cannot keep or drop one weight too many.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

Mask = dict[str, Tensor]

# Which weights of a model may be pruned, as a pattern over the names of its parameters.
SCOPES = {
    # ResNet-20: every convolution of a block and of a shortcut; not the stem, the head or a norm (269,824 weights)
    "convs": r"stages\.\d+\.\d+\.(conv\d|shortcut\.0)\.weight",
    "msa": r"blocks\.\d+\.attn\.(qkv|proj)\.weight",
    "mlp": r"blocks\.\d+\.mlp\.(fc1|fc2)\.weight",
    "msa-mlp": r"blocks\.\d+\.(attn\.(qkv|proj)|mlp\.(fc1|fc2))\.weight",
}


def prunable_names(names: Iterable[str], scope: str) -> list[str]:
    """Names that a scope prunes, in the order given.

    Raises ValueError where the scope is unknown or the model has no such weight.
    """
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}: choose one of {', '.join(SCOPES)}")
    found = [name for name in names if re.fullmatch(SCOPES[scope], name)]
    if not found:
        raise ValueError(f"this model has no weight in scope {scope!r}")
    return found


def imp_sparsity(rounds: int, prune_rate: float = 0.2) -> float:
    """Sparsity after iterative magnitude pruning has removed `prune_rate` of what is left, `rounds` times."""
    return 1 - (1 - prune_rate) ** rounds


def magnitude_mask(
    weights: Mapping[str, Tensor], sparsity: float, *, within: Mask | None = None, layout: str = "global"
) -> Mask:
    """Keep the weights of largest magnitude.

    `weights` are the prunable tensors by name, `sparsity` in [0, 1] is counted over all of them (`global`) or
    over each (`layerwise`), and a weight outside `within` is never kept. The result holds
    round((1 - sparsity) * n) weights, or those of `within` where it holds fewer.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity must lie in [0, 1]; got {sparsity}")
    if layout not in ("global", "layerwise"):
        raise ValueError(f"layout must be global or layerwise; got {layout!r}")
    scores = {name: _score(w, within[name] if within else None) for name, w in weights.items()}
    if layout == "layerwise":
        return {name: _keep_largest(s.flatten(), sparsity).view_as(s) for name, s in scores.items()}
    kept = _keep_largest(torch.cat([s.flatten() for s in scores.values()]), sparsity)
    pieces = kept.split([s.numel() for s in scores.values()])
    return {name: piece.view_as(scores[name]) for name, piece in zip(scores, pieces, strict=True)}


def _score(weight: Tensor, within: Tensor | None) -> Tensor:
    magnitude = weight.detach().float().abs()
    return magnitude if within is None else magnitude.masked_fill(~within, -1.0)


def _keep_largest(scores: Tensor, sparsity: float) -> Tensor:
    """What a stable sort puts first; to select takes a third of its time."""
    count = round((1 - sparsity) * scores.numel())
    if not count:
        return torch.zeros_like(scores, dtype=torch.bool)
    least = scores.kthvalue(scores.numel() - count + 1).values
    kept, level = scores > least, scores == least
    kept |= level & (level.cumsum(0) <= count - kept.sum())
    return kept & (scores >= 0)


def merge_masks(masks: Sequence[Mask], merge: str) -> Mask:
    """One mask of several over the same weights: kept by any (`union`), by all (`intersection`) or by most (`vote`).

    A vote is won by more than half. The union is never sparser than any of them, the intersection never less sparse;
    of masks of the same weights, which are nested, these are just the least and the most sparse one. Raises ValueError
    where the masks are not over the same weights.
    """
    shapes = [{name: m.shape for name, m in mask.items()} for mask in masks]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("masks to be merged must be over the same weights")
    least = {"union": 1, "intersection": len(masks), "vote": len(masks) // 2 + 1}[merge]
    return {name: torch.stack([mask[name] for mask in masks]).sum(dim=0) >= least for name in masks[0]}


def sparsity(mask: Mask) -> float:
    """Share of the masked tensors' weights that the mask removes."""
    total = sum(m.numel() for m in mask.values())
    return 1 - sum(int(m.sum()) for m in mask.values()) / total


def sparsity_over_model(mask: Mask, model: nn.Module) -> float:
    """Share of ALL the model's parameters that the mask removes, the other way to read Table 1's percentages."""
    return sum(int((~m).sum()) for m in mask.values()) / sum(p.numel() for p in model.parameters())


def overlap(mask: Mask, model: nn.Module) -> float:
    """Share of the weights a mask keeps that are as many of the model's largest: 1 - sparsity by chance, 0 for none.

    With the weights a training begins with, it says how much of a ticket that training had already in place
    (Ma et al. 2021 find much of it there where the learning rate is small).
    """
    parameters = dict(model.named_parameters())
    largest = magnitude_mask({name: parameters[name] for name in mask}, sparsity(mask))
    kept = sum(int(m.sum()) for m in mask.values())
    return sum(int((m & largest[name].to(m.device)).sum()) for name, m in mask.items()) / max(kept, 1)


def scope_sparsity(over_model: float, model: nn.Module, scope: str) -> float:
    """Sparsity of a scope that removes the share `over_model` of all the model's parameters.

    DeiT-Small's MSA holds 32 % of its weights, so 12 % of the model are 37 % of its MSA.
    Raises ValueError where the scope does not hold so many.
    """
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    within = sum(sizes[name] for name in prunable_names(sizes, scope))
    wanted = over_model * sum(sizes.values()) / within
    if wanted > 1:
        raise ValueError(f"{over_model:.0%} of the model cannot be pruned: {scope!r} holds less than that")
    return wanted


def mask_applier(model: nn.Module, mask: Mask) -> Callable[[], None]:
    """A function that zeroes the model's masked weights, to be called after every optimiser step.

    Momentum and weight decay move a masked weight between two calls; it is zero again before it is used.
    """
    parameters = dict(model.named_parameters())
    weights: list[Tensor] = [parameters[name] for name in mask]
    masks = [mask[name].to(w.device, w.dtype) for name, w in zip(mask, weights, strict=True)]

    @torch.no_grad()
    def apply() -> None:
        if weights:
            torch._foreach_mul_(weights, masks)  # type: ignore[arg-type]

    return apply
