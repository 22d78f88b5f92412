"""Table 4 of paper A: patch tickets in Swin-T, LV-ViT-S, DeiT-M and ResNet-50.

DeiT-S selects for the first two and for ResNet-50, DeiT-M for itself. Swin and ResNet need the whole image, so dropped
patches are painted over: with the mean colour, as the authors' code has it, and in one control with black, as the
paper says. LV-ViT's patch labels come from an annotator; the original recipe takes NFNet-F6, here it is the ResNet of
the same table. Where a preset is small, a small network of the same kind stands for each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared import patches
from repro.artefacts.shared.patches import deit, dense_run, on_patches, selector, vit_small_image
from repro.artefacts.shared.recipes import DEIT, LVVIT, RESNET50, SWIN, lasting
from repro.config import Data, Model, PatchTicket, SelectRun, Training, TrainRun, is_fixed

RATES = {"Swin-T": (0.9, 0.8), "LV-ViT-S": (0.85,), "DeiT-M": (0.95,), "ResNet-50": (0.9,)}
Network = tuple[Model, Training]


@dataclass(frozen=True)
class Size:
    """How big a preset is."""

    data: Data
    selector: TrainRun  # DeiT-S
    networks: dict[str, Network]
    finetune_epochs: float = 0  # of the selectors


def networks(
    swin: Model, lvvit: Model, deit_m: Model, resnet: Model, training: Training, rate: float
) -> dict[str, Network]:
    """Small stand-ins under one recipe; the ResNet takes SGD at a rate of its own."""
    sgd = replace(training, optimizer="momentum", learning_rate=rate, weight_decay=5e-4, decay_all=True, clip_norm=0.0)
    transformers = {"Swin-T": swin, "LV-ViT-S": lvvit, "DeiT-M": deit_m}
    return {name: (model, training) for name, model in transformers.items()} | {"ResNet-50": (resnet, sgd)}


def figure3_dense(preset: str, model: str) -> TrainRun:
    """The dense run of Figure 3, which selects here too."""
    size = patches.SIZES[preset]
    return dense_run(size.data, size.models[model], size.training, size.early_epoch)


def small_lvvit(width: int, heads: int, depth: int, patch_size: int = 4) -> Model:
    """An LV-ViT for 32-pixel images."""
    return replace(vit_small_image(width, heads, depth, patch_size), name="lvvit")


DEMO, POCKET = patches.SIZES["demo"], patches.SIZES["pocket"]
SIZES = {
    "demo": Size(
        DEMO.data,
        figure3_dense("demo", "DeiT-S"),
        networks(
            Model("swin", width=24, depth=3, heads=1, patch_size=4),
            small_lvvit(64, 2, 3, patch_size=8),
            vit_small_image(128, 4, 3, patch_size=8),
            Model("resnet20", width=4),
            DEMO.training,
            0.05,
        ),
    ),
    "pocket": Size(
        POCKET.data,
        figure3_dense("pocket", "DeiT-T"),
        networks(
            Model("swin", width=48, depth=6, heads=3, patch_size=4),
            small_lvvit(64, 4, 6),
            vit_small_image(144, 9, 4),
            Model("resnet20", width=8),
            replace(POCKET.training, epochs=3),
            0.1,
        ),
    ),
    "gpu": Size(
        patches.SIZES["gpu"].data,
        figure3_dense("gpu", "DeiT-S"),
        networks(
            Model("swin", width=96, depth=12, heads=3, patch_size=2),
            small_lvvit(384, 6, 16),
            vit_small_image(576, 9, 12),
            Model("resnet20", width=64),
            patches.SIZES["gpu"].training,
            0.1,
        ),
    ),
    "paper": Size(
        patches.SIZES["paper"].data,
        figure3_dense("paper", "DeiT-S"),
        {
            "Swin-T": (Model("swin_tiny_patch4_window7_224", classes=1000, drop_path=0.2), SWIN),
            "LV-ViT-S": (replace(deit(384, 6), name="lvvit", depth=16, stem_kernel=7), LVVIT),
            "DeiT-M": (deit(576, 9), DEIT),
            "ResNet-50": (Model("resnet50", classes=1000), RESNET50),
        },
        finetune_epochs=30,
    ),
}


def grid(
    preset: str, *, tickets: str = "stored", finetune_epochs: float | None = None, epochs: float | None = None
) -> list[Arm]:
    """Dense, LT and RC of each column of the table, and one control with black patches."""
    size = SIZES[preset]
    finetune = size.finetune_epochs if finetune_epochs is None else finetune_epochs
    dense = dict(dense_runs(size, epochs))
    arms = []
    for name, run in dense.items():
        arms.append(Arm({"model": name, "keep_rate": 1.0, "arm": "dense"}, run))
        chosen_by = run if name == "DeiT-M" else selector_run(size, epochs)
        for rate in RATES[name]:
            source = SelectRun(selector(chosen_by, rate, finetune), rate, size.data)
            lt = PatchTicket(source, fixed=is_fixed(tickets))
            labels = {"model": name, "keep_rate": rate}
            arms.append(Arm(labels | {"arm": "LT"}, on_patches(run, lt)))
            arms.append(Arm(labels | {"arm": "RC"}, on_patches(run, PatchTicket(source, "random", fixed=False))))
            if name == "Swin-T" and rate == RATES[name][0]:
                arms.append(Arm(labels | {"arm": "LT, black"}, on_patches(run, replace(lt, fill="black"))))
    return arms


def dense_runs(size: Size, epochs: float | None = None) -> Iterator[tuple[str, TrainRun]]:
    """The dense run of each network; the ResNet annotates for LV-ViT."""
    runs = {
        name: TrainRun(data=size.data, model=model, training=lasting(training, epochs))
        for name, (model, training) in size.networks.items()
    }
    for name, run in runs.items():
        yield name, replace(run, annotator=runs["ResNet-50"]) if name == "LV-ViT-S" else run


def selector_run(size: Size, epochs: float | None) -> TrainRun:
    """The run of DeiT-S; a number of epochs that is asked for is its own too."""
    run = size.selector
    if epochs is None:
        return run
    return dense_run(run.data, run.model, lasting(replace(run.training, snapshot_epochs=()), epochs), 1)


COLUMNS = {  # of the paper's table, by the part of a claim's name that says which
    "swin": ("Swin-T", 0.9),
    "swin-half": ("Swin-T", 0.8),
    "lvvit": ("LV-ViT-S", 0.85),
    "deit-m": ("DeiT-M", 0.95),
    "resnet": ("ResNet-50", 0.9),
}
TRANSFORMERS = list(COLUMNS)[:4]


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed."""
    rows = patches.lines(frame).set_index(["model", "keep_rate", "seed"]).sort_index()
    gaps, lost, sparse = (
        pd.DataFrame({name: (rows[more] - rows[less])[column] for name, column in COLUMNS.items()})
        for more, less in (("LT dense", "RC dense"), ("dense", "LT dense"), ("LT sparse", "RC sparse"))
    )
    found = {
        "table4-gap": gaps[TRANSFORMERS].mean(axis=1),
        "table4-sparse-gap": sparse[["lvvit", "deit-m"]].mean(axis=1),
        "table4-contrast-gap": gaps[TRANSFORMERS].mean(axis=1) - gaps["resnet"],
        "table4-contrast-short": lost["resnet"] - lost["swin"],
    }
    found |= {f"table4-{name}-matches": lost[name] for name in TRANSFORMERS}
    return found | {f"table4-{name}-gap": gaps[name] for name in TRANSFORMERS}


def rehearsed(arms: list[Arm]) -> list[Arm]:
    """The LT runs of Swin and LV-ViT, which bring their selector, the annotator and their dense runs along."""
    return [arm for arm in arms if arm.labels["arm"] == "LT" and arm.labels["keep_rate"] in (0.9, 0.85)][:2]


ARTEFACT = Artefact(
    "table4",
    "Patch tickets in other networks",
    "paper A, Table 4",
    grid,
    claim_values,
    rehearsed=rehearsed,
)
