"""What the three artefacts of paper B share: the pretrained network, the images it has not seen, the recipe.

The paper is known by a summary alone: a pretrained ViT, CIFAR-10, no code and no hyper-parameters. Here a ViT is
trained on the first part of the training images and then pruned and fine-tuned on the rest, with the same ten classes,
so that a pruned network can be tested before it is trained any further. In `paper` that first training starts from
weights that timm publishes. The decision a reader may doubt: ours are pretrained on the task itself, not on ImageNet.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from repro.artefacts.shared.patches import DEMO_SMALL, TINY, vit_small_image
from repro.artefacts.shared.recipes import SMALL, lasting
from repro.config import Data, Model, Pretrained, Published, Training, TrainRun, WeightTicket

SCOPE = "msa-mlp"  # the linear weights of the blocks
QUOTED = 0.3  # the sparsity that the paper reports
NEAR = 0.01  # accuracy below which a loss counts as small


@dataclass(frozen=True)
class Size:
    """How big a preset is."""

    pretrained: TrainRun
    data: Data  # that fine-tuning sees
    training: Training  # one fine-tuning
    soup_epochs: float = 5  # of a soup, all its trainings together, and of what it is compared with
    denoisers: int = 5  # weak trainings a round of Instant Soup
    weak_tests: int = 0  # test images of a weak training, whose accuracy is never shown; 0 for all
    share: float = 0.1  # of an epoch that a weak training sees


def size_of(name: str, seen: int, left: int, model: Model, pretraining: Training, training: Training) -> Size:
    """A preset that pretrains on the first `seen` images and fine-tunes on the next `left`."""
    data = Data(name, train_images=seen)  # type: ignore[arg-type]
    return Size(
        TrainRun(data=data, model=model, training=pretraining),
        replace(data, train_images=left, skipped_images=seen),
        training,
    )


CIFAR_RECIPE = replace(SMALL, batch_size=64, learning_rate=1e-3, augment="crop-flip")
VIT_BASE = Model("vit", width=768, depth=12, heads=12, patch_size=16, image_size=224)
# Instant Soup's own fine-tuning rate and decay
PAPER_RECIPE = replace(SMALL, epochs=20, batch_size=128, learning_rate=1e-5, weight_decay=0.1, augment="crop-flip")
SIZES = {
    "demo": replace(
        size_of(
            "digit-scans",
            880,
            416,
            DEMO_SMALL,
            replace(SMALL, epochs=10, batch_size=16, learning_rate=2e-3),
            replace(SMALL, epochs=5, batch_size=16, learning_rate=5e-4),
        ),
        denoisers=3,
    ),
    "pocket": size_of(
        "cifar10",
        37_500,
        12_500,
        vit_small_image(96, 3, 4),
        replace(CIFAR_RECIPE, epochs=6),
        replace(CIFAR_RECIPE, epochs=8, learning_rate=3e-4),
    ),
    "gpu": size_of(
        "cifar10",
        25_000,
        25_000,
        TINY,
        replace(CIFAR_RECIPE, epochs=60, batch_size=256, warmup_epochs=5),
        replace(CIFAR_RECIPE, epochs=20, batch_size=256, learning_rate=3e-4),
    ),
    "paper": size_of("cifar10", 25_000, 25_000, VIT_BASE, replace(PAPER_RECIPE, epochs=5), PAPER_RECIPE),
}
IN21K = Published("vit_base_patch16_224.augreg_in21k_ft_in1k")
SIZES["pocket"] = replace(SIZES["pocket"], soup_epochs=4, denoisers=3, weak_tests=500)
SIZES["gpu"] = replace(SIZES["gpu"], soup_epochs=20)
SIZES["paper"] = replace(SIZES["paper"], soup_epochs=20, pretrained=replace(SIZES["paper"].pretrained, start=IN21K))


def finetuned(size: Size, **changes: Any) -> TrainRun:
    """A fine-tuning of the pretrained network, tested after every epoch."""
    run = replace(size.pretrained, data=size.data, training=size.training, start=Pretrained(size.pretrained))
    return replace(run, **({"curve": True} | changes))


def one_shot(size: Size, sparsity: float) -> WeightTicket:
    """The pretrained network's weights of largest magnitude, over all blocks."""
    return WeightTicket(size.pretrained, sparsity, scope=SCOPE)


def with_epochs(preset: str, epochs: float | None) -> Size:
    """The sizes of a preset; epochs, where given, replace those of a fine-tuning."""
    size = SIZES[preset]
    return replace(size, training=lasting(size.training, epochs))


def before(frame: pd.DataFrame) -> pd.Series:
    """Accuracy of each run before its fine-tuning."""
    return frame["history"].map(lambda history: history[0]["accuracy"])


def by_seed(frame: pd.DataFrame, value: Callable[[pd.DataFrame], float]) -> pd.Series:
    """A value of each seed's rows."""
    return pd.Series({seed: value(group) for seed, group in frame.groupby("seed")}, dtype=float)
