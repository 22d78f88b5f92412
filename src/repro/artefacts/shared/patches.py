"""What artefacts on patch tickets share: sizes, networks, selectors, students, the pairs of LT and RC, and painting.

The sizes are Figure 3's of paper A. Figure 1 shows its selectors, its variation varies its pair, Table 4 takes its
selector and its data, and the artefacts of paper B take its small networks.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from repro.artefacts.shared.recipes import DEIT, SMALL, finetuning
from repro.config import Data, Fill, Model, PatchTicket, Pretrained, Training, TrainRun

KEEP_RATES = (0.9, 0.85, 0.8, 0.75)
CONTROL_RATE = 0.8  # keep rate of the controls


@dataclass(frozen=True)
class Size:
    """How big a preset is."""

    data: Data
    models: dict[str, Model]
    training: Training
    small_selector: Model  # for the last of the models
    early_epoch: int  # after which an unfinished selector is tried
    finetune_epochs: float = 0  # of a selector with its dropping on; the authors take 30, and none on CIFAR-10


def vit_small_image(width: int, heads: int, depth: int, patch_size: int = 4) -> Model:
    """A ViT for 32-pixel images."""
    return Model("vit", width=width, heads=heads, depth=depth, patch_size=patch_size)


def deit(width: int, heads: int) -> Model:
    """DeiT at 224 pixels; timm's deit_tiny, deit_small and deit_base are widths 192, 384 and 768."""
    shape = {"depth": 12, "patch_size": 16, "image_size": 224}
    return Model("vit", classes=1000, width=width, heads=heads, drop_path=0.1, **shape)  # type: ignore[arg-type]


DEMO_TINY, DEMO_SMALL = vit_small_image(64, 2, 3, patch_size=8), vit_small_image(96, 3, 3, patch_size=8)
TINY, SMALL_VIT = vit_small_image(192, 3, 12), vit_small_image(384, 6, 12)
SIZES = {
    "demo": Size(
        Data("digit-scans", train_images=880),
        {"DeiT-T": DEMO_TINY, "DeiT-S": DEMO_SMALL},
        replace(SMALL, epochs=3, learning_rate=2e-3),
        DEMO_TINY,
        1,
    ),
    "pocket": Size(
        Data("cifar10"),
        {"DeiT-T": vit_small_image(96, 3, 4)},
        replace(SMALL, epochs=4, batch_size=64, learning_rate=1e-3, augment="crop-flip"),
        vit_small_image(48, 3, 4),
        1,
    ),
    "gpu": Size(
        Data("cifar10"),
        {"DeiT-T": TINY, "DeiT-S": SMALL_VIT},
        replace(SMALL, epochs=40, batch_size=256, learning_rate=1e-3, warmup_epochs=5, augment="crop-flip"),
        TINY,
        4,
    ),
    "paper": Size(Data("imagenet"), {"DeiT-T": deit(192, 3), "DeiT-S": deit(384, 6)}, DEIT, deit(192, 3), 30, 30),
}


def dense_run(data: Data, model: Model, training: Training, early_epoch: int) -> TrainRun:
    """The network that sees all patches and becomes the selector; it keeps the weights it had before and early on."""
    kept = (0, min(early_epoch, int(training.epochs)))
    return TrainRun(data=data, model=model, training=replace(training, snapshot_epochs=kept))


def selector(dense: TrainRun, keep_rate: float, finetune_epochs: float) -> TrainRun:
    """The run whose network selects: the dense one, or that one fine-tuned with its dropping on."""
    if not finetune_epochs:
        return dense
    model = replace(dense.model, keep_rate=keep_rate, drop_path=0.0)
    return replace(dense, model=model, training=finetuning(dense.training, finetune_epochs), start=Pretrained(dense))


def on_patches(dense: TrainRun, ticket: PatchTicket, **changes: Any) -> TrainRun:
    """The dense run's training, from its initialisation, on some of the patches."""
    return replace(dense, training=replace(dense.training, snapshot_epochs=(), **changes), patches=ticket)


def lines(frame: pd.DataFrame) -> pd.DataFrame:
    """LT and RC tested on whole images (dense), on tickets (sparse) and on as many random patches, and the dense run.

    One row a model, keep rate and seed.
    """
    tested = frame[frame["arm"].isin(["LT", "RC"])]
    names = {"accuracy": "dense", "accuracy_sparse": "sparse", "accuracy_random": "random"}
    wide = tested.pivot_table(list(names), ["model", "keep_rate", "seed"], "arm", sort=False)
    wide.columns = pd.Index([f"{arm} {names[metric]}" for metric, arm in wide.columns])
    dense = frame[frame["arm"] == "dense"].set_index(["model", "seed"])["accuracy"]
    sparsity = tested.groupby(["model", "keep_rate"])["patch_sparsity"].first()
    wide = wide.join(dense.rename("dense"), on=["model", "seed"])
    return wide.join(sparsity, on=["model", "keep_rate"]).reset_index()


def paint(image: np.ndarray, ids: list[int], patches: int, fill: Fill, mean: list[float]) -> np.ndarray:
    """An image (height, width, 3) as Swin and ResNet see it: all patches but `ids` in the mean colour, or in black.

    The function that paints is the one that training calls.
    """
    import torch

    from repro.tickets.patches import occlude

    colour = torch.zeros(3) if fill == "black" else torch.tensor(mean)
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    painted = occlude(pixels, torch.tensor([ids]), patches, colour)[0]
    return painted.permute(1, 2, 0).round().numpy().astype(np.uint8)
