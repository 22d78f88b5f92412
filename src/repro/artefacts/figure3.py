"""Figure 3 of paper A: accuracy against patch sparsity for DeiT-Small and DeiT-Tiny, tickets against random choice.

Each student trains from its own initialisation on the patches that a trained network of the same shape keeps (LT), or
on a fresh random subset of the same size (RC), and is evaluated on whole test images (dense) and on the selector's
patches (sparse). Tickets are fixed per image, as the paper defines them; the authors' code selects anew on every
augmented batch, which is the option `tickets="online"` and one of the controls. The controls are ours: they stand at
one keep rate, on the last network of a preset.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.recipes import DEIT, SMALL, finetuning
from repro.config import (
    Data,
    Model,
    PatchTicket,
    Pretrained,
    Rewind,
    SelectRun,
    Training,
    TrainRun,
    is_fixed,
)

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
    finetune_epochs: int = 0  # of a selector with its dropping on; the authors take 30, and none on CIFAR-10


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


def grid(
    preset: str,
    *,
    keep_rates: tuple[float, ...] = KEEP_RATES,
    tickets: str = "stored",
    finetune_epochs: int = 0,
    epochs: int = 0,
) -> list[Arm]:
    """Dense, LT and RC of every model at every keep rate, and the controls."""
    size = SIZES[preset]
    training = replace(size.training, epochs=epochs or size.training.epochs)
    finetune = finetune_epochs or size.finetune_epochs
    arms = []
    for name, model in size.models.items():
        dense = dense_run(size.data, model, training, size.early_epoch)
        arms.append(Arm({"model": name, "keep_rate": 1.0, "arm": "dense"}, dense))
        for rate in keep_rates:
            source = SelectRun(selector(dense, rate, finetune), rate, size.data)
            labels = {"model": name, "keep_rate": rate}
            arms.append(Arm(labels | {"arm": "LT"}, on_patches(dense, PatchTicket(source, fixed=is_fixed(tickets)))))
            arms.append(Arm(labels | {"arm": "RC"}, on_patches(dense, PatchTicket(source, "random", fixed=False))))
    source = SelectRun(selector(dense, CONTROL_RATE, finetune), CONTROL_RATE, size.data)
    labels = {"model": name, "keep_rate": CONTROL_RATE}
    return arms + [Arm(labels | {"arm": arm}, run) for arm, run in controls(size, dense, source, tickets)]


def dense_run(data: Data, model: Model, training: Training, early_epoch: int) -> TrainRun:
    """The network that sees all patches and becomes the selector; it keeps the weights it had before and early on."""
    kept = (0, min(early_epoch, int(training.epochs)))
    return TrainRun(data=data, model=model, training=replace(training, snapshot_epochs=kept))


def selector(dense: TrainRun, keep_rate: float, finetune_epochs: int) -> TrainRun:
    """The run whose network selects: the dense one, or that one fine-tuned with its dropping on."""
    if not finetune_epochs:
        return dense
    model = replace(dense.model, keep_rate=keep_rate, drop_path=0.0)
    return replace(dense, model=model, training=finetuning(dense.training, finetune_epochs), start=Pretrained(dense))


def on_patches(dense: TrainRun, ticket: PatchTicket, **changes: Any) -> TrainRun:
    """The dense run's training, from its initialisation, on some of the patches."""
    return replace(dense, training=replace(dense.training, snapshot_epochs=(), **changes), patches=ticket)


def controls(size: Size, dense: TrainRun, source: SelectRun, tickets: str) -> Iterator[tuple[str, TrainRun]]:
    """What the paper lacks: other ways to choose as many patches, by name."""
    early = dense.training.snapshot_epochs[1]
    other = "online" if is_fixed(tickets) else "stored"
    small = dense_run(size.data, size.small_selector, dense.training, early)
    iso_token = round(dense.training.epochs / source.keep_rate**3)
    yield f"LT {other}", on_patches(dense, PatchTicket(source, fixed=is_fixed(other)))
    for name, chosen_by in (
        ("LT, untrained selector", Rewind(dense, 0)),
        (f"LT, selector after {early} of {dense.training.epochs:g} epochs", Rewind(dense, early)),
        ("LT, smaller selector", small),
    ):
        yield name, on_patches(dense, PatchTicket(replace(source, selector=chosen_by)))
    yield "LT, places only", on_patches(dense, PatchTicket(source, blank=True))
    yield "centre", on_patches(dense, PatchTicket(source, "centre"))
    yield "RC, fixed per image", on_patches(dense, PatchTicket(source, "random"))
    yield (
        f"RC for {iso_token} epochs (iso-token)",
        on_patches(dense, PatchTicket(source, "random", fixed=False), epochs=iso_token),
    )


def lines(frame: pd.DataFrame) -> pd.DataFrame:
    """LT and RC, sparse and dense, and the dense run: one row a model, keep rate and seed."""
    tested = frame[frame["arm"].isin(["LT", "RC"])]
    wide = tested.pivot_table(["accuracy", "accuracy_sparse"], ["model", "keep_rate", "seed"], "arm", sort=False)
    names = {"accuracy": "dense", "accuracy_sparse": "sparse"}
    wide.columns = pd.Index([f"{arm} {names[metric]}" for metric, arm in wide.columns])
    dense = frame[frame["arm"] == "dense"].set_index(["model", "seed"])["accuracy"]
    sparsity = tested.groupby(["model", "keep_rate"])["patch_sparsity"].first()
    wide = wide.join(dense.rename("dense"), on=["model", "seed"])
    return wide.join(sparsity, on=["model", "keep_rate"]).reset_index()


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed; a gap is the mean over models and keep rates."""
    rows = lines(frame).set_index("seed")
    best_random, worst_ticket = rows[["RC dense", "RC sparse"]].max(axis=1), rows[["LT dense", "LT sparse"]].min(axis=1)
    others = rows[["LT dense", "RC dense", "RC sparse"]].max(axis=1)
    lost = rows["dense"] - rows["LT sparse"]
    last = rows["keep_rate"] == min(KEEP_RATES)
    small = (rows["model"] == "DeiT-S") & (rows["keep_rate"] == 0.9)
    tiny = (rows["model"] == "DeiT-T") & rows["keep_rate"].isin([0.9, 0.85])
    values = {
        "figure3-small-matches": lost[small],
        "figure3-tiny-near": lost[tiny],
        "figure3-sparse-gap": rows["LT sparse"] - rows["RC sparse"],
        "figure3-dense-gap": rows["LT dense"] - rows["RC dense"],
        "figure3-above": worst_ticket - best_random,
        "figure3-advantage": (rows["LT sparse"] - others)[last],
    }
    return {name: value.groupby("seed").mean() for name, value in values.items()}


def rehearsed(arms: list[Arm]) -> list[Arm]:
    """Dense, LT and RC of the smaller network at the lowest keep rate."""
    return [a for a in arms if a.labels["model"] == "DeiT-T" and a.labels["keep_rate"] in (1.0, min(KEEP_RATES))]


ARTEFACT = Artefact(
    "figure3",
    "Patch tickets in DeiT",
    "paper A, Figure 3",
    grid,
    claim_values,
    options=("keep_rates", "tickets", "finetune_epochs", "epochs"),
    rehearsed=rehearsed,
)
