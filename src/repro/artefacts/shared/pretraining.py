"""What paper C's self-supervised models compute: the seven configurations of its Table 2 by their published recipes.

For the page on scale alone; nothing here trains. Heads, projections and the embedding of a decoder are left out, a few
per cent of a network of 4 to 18 billion multiply-accumulates an image. Sources: Tables 5 to 11 of paper C.
"""

from dataclasses import dataclass
from functools import cache

from repro.artefacts.shared.flops import TRAINING, attention_macs, mlp_macs, vit_macs
from repro.artefacts.shared.work import IMAGES, forward_macs
from repro.config import Model

MODELS = 2000  # that paper C trained, "more than"
TICKET_SHARE = 0.1  # of the images in a ticket of 100 classes of 1,000
REFERENCES = 3  # runs of a configuration on all classes; every other model is trained on a ticket
GLOBALS, LOCALS, LOCAL_PATCHES = 2, 10, 36  # crops of DINO, and patches of a small one of 96 pixels
VISIBLE, PATCHES = 49, 196  # patches that MAE's encoder sees, and its decoder
DECODER_DEPTH, DECODER_WIDTH = 8, 512
VIT_S = Model("vit", classes=1000, width=384, heads=6, patch_size=16, image_size=224)
VIT_B = Model("vit", classes=1000, width=768, heads=12, patch_size=16, image_size=224)
RESNET = Model("resnet50", classes=1000)


@dataclass(frozen=True)
class Recipe:
    """A configuration: how long it is trained and evaluated, and what an image costs."""

    name: str
    epochs: int
    macs: float  # of an image, in training
    evaluation_epochs: int
    evaluation_macs: float  # of an image, in training a probe or fine-tuning

    @property
    def pretraining(self) -> float:
        """Multiply-accumulates of the training on all of ImageNet-1K."""
        return IMAGES["imagenet"][0] * self.epochs * self.macs

    @property
    def whole(self) -> float:
        """The same with its evaluation."""
        return self.pretraining + IMAGES["imagenet"][0] * self.evaluation_epochs * self.evaluation_macs


def dino(model: Model) -> float:
    """The student learns from all crops; the teacher sees the large ones."""
    large, small = vit_macs(model), vit_macs(model, LOCAL_PATCHES)
    return TRAINING * (GLOBALS * large + LOCALS * small) + GLOBALS * large


def mae(model: Model) -> float:
    """An encoder of a quarter of the patches and a narrow decoder of all."""
    tokens = PATCHES + 1
    decoder = DECODER_DEPTH * (attention_macs(DECODER_WIDTH, tokens) + mlp_macs(DECODER_WIDTH, tokens))
    return TRAINING * (vit_macs(model, VISIBLE) + decoder)


@cache
def recipes() -> tuple[Recipe, ...]:
    """The seven configurations."""
    small, base, resnet = vit_macs(VIT_S), vit_macs(VIT_B), forward_macs(RESNET)
    moco = (TRAINING + 1) * resnet  # the encoder of keys sees the other view
    return (
        Recipe("DINO ViT-B/16", 400, dino(VIT_B), 100, base),
        Recipe("DINO ViT-S/16", 800, dino(VIT_S), 100, small),
        Recipe("MAE ViT-B/16, linear", 800, mae(VIT_B), 90, base),
        Recipe("MAE ViT-B/16, fine-tuned", 800, mae(VIT_B), 100, TRAINING * base),
        Recipe("MoCo v1 ResNet-50", 200, moco, 100, resnet),
        Recipe("MoCo v2 ResNet-50, 200 epochs", 200, moco, 100, resnet),
        Recipe("MoCo v2 ResNet-50, 800 epochs", 800, moco, 100, resnet),
    )


def campaigns() -> dict[str, float]:
    """Multiply-accumulates of 2,000 models, each configuration having as many, in several ways of training them."""
    each = MODELS / len(recipes())
    total = sum(recipe.whole for recipe in recipes())
    # MAE is trained once for its probe and its fine-tuning, as a graph of runs does it.
    shared = total - next(recipe.pretraining for recipe in recipes() if "fine-tuned" in recipe.name)
    on_tickets = REFERENCES + (each - REFERENCES) * TICKET_SHARE
    return {
        "every model on all classes": each * total,
        f"{REFERENCES} runs of each on all classes, the others on tickets of 100 classes": on_tickets * total,
        "the same, MAE's training shared by both of its evaluations": on_tickets * shared,
    }
