"""DeiT-style vision transformers of any size, by timm's VisionTransformer (Touvron et al. 2021)."""

from timm.models.vision_transformer import VisionTransformer

from repro.config import Model


def build_vit(config: Model) -> VisionTransformer:
    """A ViT with a class token and learned positions; MLP ratio 4, pre-norm, biases everywhere, as in DeiT."""
    return VisionTransformer(
        img_size=config.image_size,
        patch_size=config.patch_size,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
        num_classes=config.classes,
        drop_path_rate=config.drop_path,
    )
