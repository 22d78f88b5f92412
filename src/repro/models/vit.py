"""Vision transformers by timm, and the one place where such a network takes a subset of its patches.

Patches are gathered before they are embedded, which is the same mathematics as embedding all and dropping some, at less
cost. Where the stem looks beyond a patch (a hybrid's convolutions) it sees the whole image, and tokens leave after it.
A selector is a ViT with a class token and ordinary blocks: at three of them it keeps the patches that its class token
attends to most (paper A, section 3.4; the mechanism is EViT's, Liang et al. 2022).
"""

from typing import Any

import torch
from timm.layers import PatchEmbed, resample_abs_pos_embed
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import Attention, Block, VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import embedding, interpolate, linear

from repro.config import AttentionScore, ConfigError, Model
from repro.tickets.patches import grid_size, keep_highest
from repro.tickets.stages import selecting_blocks, stage_counts


def build_vit(config: Model) -> VisionTransformer:
    """A ViT with a class token and learned positions; MLP ratio 4, pre-norm, biases everywhere, as in DeiT."""
    vit = VisionTransformer(
        img_size=config.image_size,
        patch_size=config.patch_size,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
        num_classes=config.classes,
        drop_path_rate=config.drop_path,
    )
    if config.drawn_as == "mae":
        draw_as_mae(vit)
    return vit


def draw_as_mae(vit: VisionTransformer) -> None:
    """Draw layers anew, uniform by the numbers of their inputs and outputs, and fix positions."""
    for layer in vit.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
    nn.init.xavier_uniform_(vit.patch_embed.proj.weight.view(vit.embed_dim, -1))
    nn.init.normal_(vit.cls_token, std=0.02)
    fix_positions(vit.pos_embed)


@torch.no_grad()
def fix_positions(positions: Tensor) -> None:
    """Set positions (1, 1 + patches, width) to sines and cosines of columns and rows, 0 for the class token."""
    side, half = grid_size(positions.shape[1] - 1), positions.shape[2] // 2
    rows, columns = torch.arange(side).repeat_interleave(side), torch.arange(side).repeat(side)
    positions.requires_grad_(False).zero_()
    positions[0, 1:] = torch.cat([sines(columns, half), sines(rows, half)], dim=1)


def sines(places: Tensor, width: int) -> Tensor:
    """Sines, then cosines, of places (n,) at wavelengths from 2π to nearly 20,000π: (n, width)."""
    rates = 10_000 ** -(torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angles = places[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def takes_patches(model: nn.Module) -> bool:
    """Whether a network is one of timm's vision transformers, of which `forward_patches` knows all parts.

    By its exact class, since a subclass may embed or pool in a way of its own.
    """
    return type(model) in (VisionTransformer, VisionTransformerDistilled)


def check_selector(model: nn.Module) -> None:
    """Raise ConfigError unless a network can select patches: a ViT of timm's with a class token and plain blocks."""
    if not takes_patches(model):
        raise ConfigError(f"{type(model).__name__} cannot select patches: only timm's VisionTransformer can")
    if model.cls_token is None:
        raise ConfigError("a selector needs a class token; this network has none")
    blocks: Any = model.blocks
    for block in blocks:
        parts = ((block, Block), (getattr(block, "attn", None), Attention))
        odd = [type(part).__name__ for part, plain in parts if type(part) is not plain]
        if odd:
            raise ConfigError(f"a selector needs timm's Block with its Attention; this network has {odd[0]}")


def embed(
    vit: VisionTransformer, images: Tensor, ids: Tensor | None = None, *, stretch_positions: bool = False
) -> Tensor:
    """Tokens with their positions, class token first: (batch, 3, height, width) -> (batch, prefix + kept, width).

    `ids` (batch, kept) are the patches to embed, all where it is None. Images of another size are resized, also where
    timm would stretch the positions instead, unless that is asked for. Raises ConfigError for a network that does not
    take patches, or cannot have its positions stretched.
    """
    if not takes_patches(vit):
        raise ConfigError(f"{type(vit).__name__} does not take patches: only timm's VisionTransformer does")
    stem = vit.patch_embed
    plain = type(vit) is VisionTransformer and tiles(stem) and vit.pos_embed is not None
    if images.shape[2:] != stem.img_size and not stretch_positions:
        images = interpolate(images, stem.img_size, mode="bilinear")
    if plain:
        return vit.norm_pre(_embed_kept(vit, images, ids))
    if stretch_positions:
        raise ConfigError(f"{type(vit).__name__} takes images of one size alone; give all views the same")
    tokens = vit._pos_embed(stem(images))
    return vit.norm_pre(tokens if ids is None else keep(tokens, ids, vit.num_prefix_tokens))


def tiles(stem: nn.Module) -> bool:
    """Whether a stem is one convolution over square patches that cover the image without overlap or rest."""
    if type(stem) is not PatchEmbed:
        return False
    height, width = stem.patch_size
    return height == width and not any(side % height for side in stem.img_size)


def _embed_kept(vit: VisionTransformer, images: Tensor, ids: Tensor | None) -> Tensor:
    """Tokens of the patches kept alone; a matrix product stands for timm's convolution, slow backward on a CPU."""
    stem = vit.patch_embed
    patches = unfold(images, stem.patch_size[0], ids)
    first = 0 if vit.no_embed_class else vit.num_prefix_tokens
    positions: Tensor = vit.pos_embed  # type: ignore[assignment]
    prefix_positions, positions = positions[:, :first], positions[:, first:]
    if images.shape[2:] != stem.img_size:
        grid = [side // stem.patch_size[0] for side in images.shape[2:]]
        positions = resample_abs_pos_embed(positions, grid, num_prefix_tokens=0)
    if ids is not None:
        positions = embedding(ids, positions[0])
    weight = stem.proj.weight.permute(0, 2, 3, 1).flatten(1)  # (width, size * size * 3)
    tokens = stem.norm(linear(patches, weight, stem.proj.bias)) + positions
    prefix = [t.expand(len(images), -1, -1) for t in (vit.cls_token, vit.reg_token) if t is not None]
    if first:
        prefix = [torch.cat(prefix, dim=1) + prefix_positions]
    return vit.pos_drop(torch.cat([*prefix, tokens], dim=1))


def unfold(images: Tensor, size: int, ids: Tensor | None = None) -> Tensor:
    """Images cut into square patches, pixel by pixel: (batch, 3, height, width) -> (batch, kept, size * size * 3).

    Only the patches `ids` (batch, kept) are copied, all where it is None.
    """
    rows = images.permute(0, 2, 3, 1).unflatten(1, (-1, size)).unflatten(3, (-1, size))
    grid = rows.transpose(2, 3)  # (batch, rows, columns, size, size, 3)
    if ids is None:
        return grid.flatten(3).flatten(1, 2)
    columns = grid.shape[2]
    image = torch.arange(len(ids), device=ids.device)[:, None]
    return grid[image, ids // columns, ids % columns].flatten(2)


def gather(tokens: Tensor, ids: Tensor) -> Tensor:
    """Rows of (batch, patches, dim) named by ids (batch, kept)."""
    return tokens.gather(1, ids[:, :, None].expand(-1, -1, tokens.shape[2]))


def keep(tokens: Tensor, ids: Tensor, prefix: int) -> Tensor:
    """The first `prefix` tokens and of the others those named by ids (batch, kept)."""
    return torch.cat([tokens[:, :prefix], gather(tokens[:, prefix:], ids)], dim=1)


def forward_patches(
    vit: VisionTransformer, images: Tensor, ids: Tensor | None = None, *, stretch_positions: bool = False
) -> Tensor:
    """Logits from the patches `ids` (batch, kept) of the images, from all where it is None. Raises as `embed` does."""
    tokens = embed(vit, images, ids, stretch_positions=stretch_positions)
    return vit.forward_head(vit.norm(vit.blocks(tokens)))


def select_patches(vit: VisionTransformer, images: Tensor, keep_rate: float) -> list[Tensor]:
    """Absolute sorted ids kept at each of the three stages, (batch, kept) each; the last is the ticket.

    Stops at the attention of the last selecting block, which saves a fifth of the network.
    Raises ConfigError as `check_selector` does, and ValueError for a network with fewer than three blocks.
    """
    return walk(vit, images, keep_rate, to_the_end=False)[1]


def forward_dropping(vit: VisionTransformer, images: Tensor, keep_rate: float) -> Tensor:
    """Logits of a selector with its dropping at work, as it is fine-tuned: only survivors reach the later layers."""
    tokens, _ = walk(vit, images, keep_rate, to_the_end=True)
    return vit.forward_head(vit.norm(tokens))


def walk(vit: VisionTransformer, images: Tensor, keep_rate: float, to_the_end: bool) -> tuple[Tensor, list[Tensor]]:
    """Tokens after the last block walked, and the ids alive after each stage, (batch, kept) each.

    Without `to_the_end` the walk stops where the last stage is known. Raises as `select_patches` does.
    """
    check_selector(vit)
    tokens = embed(vit, images)
    stages: list[Tensor] = []
    patches = tokens.shape[1] - vit.num_prefix_tokens
    alive = torch.arange(patches, device=images.device).expand(len(images), -1)
    counts = dict(zip(selecting_blocks(len(vit.blocks)), stage_counts(patches, keep_rate), strict=True))
    blocks: Any = vit.blocks
    for number, block in enumerate(blocks):
        if number not in counts:
            tokens = block(tokens)
            continue
        scores = received_attention(block.attn, block.norm1(tokens), asking=1)[:, vit.num_prefix_tokens :]
        kept = keep_highest(scores.detach(), counts[number])
        alive = alive.gather(1, kept)
        stages.append(alive)
        if len(stages) == len(counts) and not to_the_end:
            break
        tokens = _drop_within(block, tokens, kept, vit.num_prefix_tokens)
    return tokens, stages


def score_patches(vit: VisionTransformer, images: Tensor, score: AttentionScore) -> Tensor:
    """A score for every patch from attention maps, (batch, patches); paper B names the map, the rest is our reading.

    A map holds what each token receives, the class token first. Where the sink is to be mended, that first entry is set
    to the map's mean; then each map is scaled to [0, 1] and the maps of the layers are averaged. Raises ConfigError as
    `check_selector` does.
    """
    check_selector(vit)
    tokens = embed(vit, images)
    asking = 1 if score.query == "class" else tokens.shape[1]
    total = torch.zeros(tokens.shape[:2], device=tokens.device)
    blocks: Any = vit.blocks
    for number, block in enumerate(blocks, start=1):
        if score.layer == "mean" or number == len(blocks):
            total += scale_map(received_attention(block.attn, block.norm1(tokens), asking), score.mend_sink)
        if number < len(blocks):
            tokens = block(tokens)
    return total[:, vit.num_prefix_tokens :]


def scale_map(received: Tensor, mend_sink: bool) -> Tensor:
    """A map (batch, tokens) scaled to [0, 1], its first entry set to its mean before that where the sink is mended."""
    if mend_sink:
        received = torch.cat([received.mean(dim=1, keepdim=True), received[:, 1:]], dim=1)
    low, high = received.aminmax(dim=1, keepdim=True)
    return (received - low) / (high - low).clamp_min(torch.finfo(received.dtype).tiny)


def received_attention(attention: Attention, tokens: Tensor, asking: int) -> Tensor:
    """How much the first `asking` tokens attend to each token, the mean over them and the heads.

    (batch, tokens, dim) -> (batch, tokens), each row of which sums to 1.
    """
    heads, (wq, wk, _) = attention.num_heads, attention.qkv.weight.chunk(3)
    bq, bk, _ = (None,) * 3 if attention.qkv.bias is None else attention.qkv.bias.chunk(3)
    query = linear(tokens[:, :asking], wq, bq).unflatten(2, (heads, -1)).transpose(1, 2)  # (batch, heads, asking, dim)
    keys = linear(tokens, wk, bk).unflatten(2, (heads, -1)).transpose(1, 2)  # (batch, heads, tokens, dim)
    logits = attention.q_norm(query) @ attention.k_norm(keys).transpose(2, 3) * attention.scale
    return logits.float().softmax(dim=3).mean(dim=(1, 2))


def _drop_within(block: Block, tokens: Tensor, kept: Tensor, prefix: int) -> Tensor:
    """A block whose attention sees all tokens and whose MLP sees the kept ones, as EViT and paper A's code do it."""
    tokens = tokens + block.drop_path1(block.ls1(block.attn(block.norm1(tokens))))
    tokens = keep(tokens, kept, prefix)
    return tokens + block.drop_path2(block.ls2(block.mlp(block.norm2(tokens))))
