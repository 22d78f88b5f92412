"""Figure 3 of paper A: accuracy against patch sparsity for DeiT-Small and DeiT-Tiny, tickets against random choice.

Each student trains from its own initialisation on the patches that a trained network of the same shape keeps (LT), or
on a fresh random subset of the same size (RC), and is evaluated on whole test images (dense) and on the selector's
patches (sparse). Tickets are fixed per image, as the paper defines them; the authors' code selects anew on every
augmented batch, which is the option `tickets="online"` and one of the controls. The controls are ours: they stand at
one keep rate, on the last network of a preset.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.patches import (
    CONTROL_RATE,
    KEEP_RATES,
    SIZES,
    Size,
    dense_run,
    lines,
    on_patches,
    selector,
)
from repro.artefacts.shared.recipes import lasting
from repro.config import PatchTicket, Rewind, SelectRun, TrainRun, is_fixed


def grid(
    preset: str,
    *,
    keep_rates: tuple[float, ...] = KEEP_RATES,
    tickets: str = "stored",
    finetune_epochs: float | None = None,
    epochs: float | None = None,
) -> list[Arm]:
    """Dense, LT and RC of every model at every keep rate, and the controls."""
    size = SIZES[preset]
    training = lasting(size.training, epochs)
    finetune = size.finetune_epochs if finetune_epochs is None else finetune_epochs
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


def controls(size: Size, dense: TrainRun, source: SelectRun, tickets: str) -> Iterator[tuple[str, TrainRun]]:
    """What the paper lacks: other ways to choose as many patches, by name."""
    early = dense.training.snapshot_epochs[1]
    other = "online" if is_fixed(tickets) else "stored"
    small = dense_run(size.data, size.small_selector, dense.training, early)
    iso_token = round(dense.training.epochs / source.keep_rate**3, 0 if dense.training.epochs >= 1 else 2)
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
        f"RC for {iso_token:g} epochs (iso-token)",
        on_patches(dense, PatchTicket(source, "random", fixed=False), epochs=iso_token),
    )


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed; a gap is the mean over models and keep rates unless it names one."""
    rows = lines(frame).set_index("seed")
    best_random, worst_ticket = rows[["RC dense", "RC sparse"]].max(axis=1), rows[["LT dense", "LT sparse"]].min(axis=1)
    others = rows[["LT dense", "RC dense", "RC sparse"]].max(axis=1)
    lost, small, tiny = rows["dense"] - rows["LT sparse"], rows["model"] == "DeiT-S", rows["model"] == "DeiT-T"
    rate, sparse, dense = rows["keep_rate"], rows["LT sparse"] - rows["RC sparse"], rows["LT dense"] - rows["RC dense"]
    values = {
        "figure3-small-matches": lost[small & (rate == KEEP_RATES[0])],
        "figure3-small-near": lost[small & (rate == KEEP_RATES[1])],
        "figure3-tiny-near": lost[tiny & rate.isin(KEEP_RATES[:2])],
        "figure3-sparse-gap": sparse,
        "figure3-own-gap": rows["LT sparse"] - rows["RC random"],
        "figure3-above": worst_ticket - best_random,
        "figure3-advantage": (rows["LT sparse"] - others)[rate == KEEP_RATES[-1]],
    } | {f"figure3-dense-gap-{100 * k:.0f}": dense[rate == k] for k in KEEP_RATES}
    found = {name: value.groupby("seed").mean() for name, value in values.items()}
    return found | {f"figure3-{name}-trend": trend(gap, rate) for name, gap in (("sparse", sparse), ("dense", dense))}


def trend(gap: pd.Series, rate: pd.Series) -> pd.Series:
    """How much larger a gap is at the lowest keep rate of the figure than at the highest, one value a seed."""
    last, first = (gap[rate == k].groupby("seed").mean() for k in (KEEP_RATES[-1], KEEP_RATES[0]))
    return (last - first).dropna()


def rehearsed(arms: list[Arm]) -> list[Arm]:
    """Dense, LT and RC of the smaller network at the lowest keep rate."""
    return [a for a in arms if a.labels["model"] == "DeiT-T" and a.labels["keep_rate"] in (1.0, min(KEEP_RATES))]


ARTEFACT = Artefact(
    "figure3",
    "Patch tickets in DeiT",
    "paper A, Figure 3",
    grid,
    claim_values,
    rehearsed=rehearsed,
)
