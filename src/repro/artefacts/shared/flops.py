"""Multiply-accumulates of a ViT by formula, for the price of patch tickets (norms, biases and softmax left out).

With D the width and N the tokens a block takes 4 N D^2 + 2 N^2 D in attention and 8 N D^2 in its MLP. DeiT-Small at 224
pixels comes to 4.60 G, and a DeiT-Small that drops at a keep rate of 0.7 to the 3.00 G that EViT's authors publish.
"""

from repro.config import AttentionScore, Model
from repro.tickets.stages import selecting_blocks, stage_counts

TRAINING = 3  # a training step costs as much as this many forward passes


def vit_macs(model: Model, kept: int | None = None) -> float:
    """A forward pass of a ViT on `kept` of its patches, all where it is None."""
    patches = count_patches(model) if kept is None else kept
    block = attention_macs(model.width, patches + 1) + mlp_macs(model.width, patches + 1)
    return embedding_macs(model, patches) + model.depth * block + model.width * model.classes


def selector_macs(model: Model, keep_rate: float, *, to_the_end: bool = False) -> float:
    """Choosing the patches of an image; `to_the_end` is the pass of a network that goes on with the survivors.

    The chosen ones are known at the attention of the last selecting block, of which only the scores are needed.
    """
    width, alive = model.width, count_patches(model)
    total = embedding_macs(model, alive)
    counts = dict(zip(selecting_blocks(model.depth), stage_counts(alive, keep_rate), strict=True))
    for number in range(model.depth):
        if number == max(counts) and not to_the_end:
            return total + width**2 * (alive + 2) + width * (alive + 1)  # keys, one query, one row of scores
        total += attention_macs(width, alive + 1)
        alive = counts.get(number, alive)
        total += mlp_macs(width, alive + 1)
    return total + width * model.classes


def scoring_macs(model: Model, score: AttentionScore) -> float:
    """Scoring the patches of an image by attention maps: all blocks but the last, and the maps besides."""
    tokens = count_patches(model) + 1
    asking = 1 if score.query == "class" else tokens
    maps = model.depth if score.layer == "mean" else 1
    block = attention_macs(model.width, tokens) + mlp_macs(model.width, tokens)
    one_map = (tokens + asking) * model.width**2 + asking * tokens * model.width
    return embedding_macs(model, tokens - 1) + (model.depth - 1) * block + maps * one_map


def count_patches(model: Model) -> int:
    """Patches of an image."""
    return (model.image_size // model.patch_size) ** 2


def embedding_macs(model: Model, patches: int) -> float:
    """Embedding that many patches."""
    return patches * 3 * model.patch_size**2 * model.width


def attention_macs(width: int, tokens: int) -> float:
    """The attention half of a block."""
    return 4 * tokens * width**2 + 2 * tokens**2 * width


def mlp_macs(width: int, tokens: int) -> float:
    """The MLP half of a block, four times as wide inside."""
    return 8 * tokens * width**2
