"""Swin transformers for small images, by timm's SwinTransformer (Liu et al. 2021)."""

from timm.models.swin_transformer import SwinTransformer

from repro.config import Model

STAGES, WINDOW = 3, 4  # stages; tokens along the side of a window


def build_swin(config: Model) -> SwinTransformer:
    """Three stages of `depth / 3` blocks, the width and the heads doubled from one to the next; windows of 4x4 tokens.

    A 32-pixel image in patches of 2 pixels makes 16x16, 8x8 and 4x4 tokens.
    """
    return SwinTransformer(
        img_size=config.image_size,
        patch_size=config.patch_size,
        embed_dim=config.width,
        depths=(config.depth // STAGES,) * STAGES,
        num_heads=tuple(config.heads * 2**stage for stage in range(STAGES)),
        window_size=WINDOW,
        num_classes=config.classes,
        drop_path_rate=config.drop_path,
    )
