"""Where tickets and random choice change places: the pair LT and RC of Figure 3 with one condition varied at a time.

Ours, not paper A's. On ImageNet the paper has LT above RC on whole images as well; where training is short and images
are few, Figure 3 here has the opposite order. Three conditions differ, and each is varied from the same pair: length of
training, number of images (in as many steps, with the same selector) and training of the selector. A fourth row lets
selector and students grow together, as in the paper, beside a dense network trained for as long. What each would have
to do if it were the reason is written in `REASONS`, before the runs that are here and not in Figure 3. Known by then
was what Figure 3 has: the pair, LT with other selectors, and RC with as many tokens as the dense network.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.patches import CONTROL_RATE, SIZES, Size, dense_run, on_patches, selector
from repro.artefacts.shared.recipes import lasting
from repro.config import ConfigError, PatchTicket, Rewind, SelectRun, TrainRun

MODEL = "DeiT-T"
LENGTHS = (0.5, 1, 2)  # times the epochs of the preset
TOGETHER: dict[str, tuple[float, ...]] = {"demo": (3, 6), "gpu": (10, 40, 160), "paper": (75, 300)}  # epochs
QUARTER = {"demo": 220, "pocket": 12_500, "gpu": 12_500}  # of the training images; ImageNet is only used whole
REASONS = {
    "training": "longer training brings tickets ahead",
    "images": "more images bring tickets ahead",
    "selector": "a better selector brings tickets ahead",
    "together": "longer training of selector and students brings tickets ahead",
}


def grid(preset: str, *, epochs: float | None = None, together: tuple[float, ...] | None = None) -> list[Arm]:
    """LT and RC under every condition; the pair of Figure 3 itself stands in each of the first three rows of them."""
    size = SIZES[preset]
    dense = dense_run(size.data, size.models[MODEL], lasting(size.training, epochs), size.early_epoch)
    source = SelectRun(selector(dense, CONTROL_RATE, size.finetune_epochs), CONTROL_RATE, size.data)
    pairs = [
        Arm({"varied": varied, "step": step, "condition": condition, "arm": arm}, run)
        for varied, conditions in (
            ("training", lengths(dense, source)),
            ("images", numbers(dense, source, QUARTER.get(preset, 0))),
            ("selector", selectors(dense, source)),
            ("together", grown(size, TOGETHER.get(preset, ()) if together is None else together)),
        )
        for step, (condition, student, chosen) in enumerate(conditions)
        for arm, run in (
            ("LT", on_patches(student, PatchTicket(chosen))),
            ("RC", on_patches(student, PatchTicket(chosen, "random", fixed=False))),
            ("dense", student),
        )
        if arm != "dense" or varied == "together"
    ]
    return [Arm({"varied": "", "step": 0, "condition": "", "arm": "dense"}, dense), *pairs]


Condition = tuple[str, TrainRun, SelectRun]  # its name, the training on all patches it stands for, the selection


def lengths(dense: TrainRun, source: SelectRun) -> Iterator[Condition]:
    """Shorter and longer trainings."""
    for times in LENGTHS:
        training = replace(dense.training, epochs=times * dense.training.epochs, snapshot_epochs=())
        yield f"{training.epochs:g} epochs", replace(dense, training=training), source


def numbers(dense: TrainRun, source: SelectRun, quarter: int) -> Iterator[Condition]:
    """A quarter of the images four times as often, and all; nothing where there is no quarter."""
    if quarter:
        data = replace(dense.data, train_images=quarter)
        once, warmup = dense.training.epochs, dense.training.warmup_epochs
        training = replace(dense.training, epochs=4 * once, warmup_epochs=4 * warmup, snapshot_epochs=())
        yield "a quarter of the images", replace(dense, data=data, training=training), replace(source, data=data)
        yield "all images", dense, source


def selectors(dense: TrainRun, source: SelectRun) -> Iterator[Condition]:
    """A selector that was not trained, one after its first epochs, and one trained to the end."""
    start, early = dense.training.snapshot_epochs
    yield "untrained", dense, replace(source, selector=Rewind(dense, start))
    yield f"{early} of {dense.training.epochs:g} epochs", dense, replace(source, selector=Rewind(dense, early))
    yield "fully trained", dense, source


def grown(size: Size, together: tuple[float, ...]) -> Iterator[Condition]:
    """Selector, students and dense network all trained for as long. Raises ConfigError for a length given twice."""
    if len(set(together)) < len(together):
        raise ConfigError(f"each of together must be there once; got {list(together)}")
    for epochs in together:
        dense = dense_run(size.data, size.models[MODEL], lasting(size.training, epochs), size.early_epoch)
        yield (
            f"all {epochs:g} epochs",
            dense,
            SelectRun(selector(dense, CONTROL_RATE, size.finetune_epochs), CONTROL_RATE, size.data),
        )


def lost(frame: pd.DataFrame) -> pd.DataFrame:
    """Dense − LT tested on tickets, where all are trained for as long: one row a condition and seed."""
    wide = frame[frame["varied"] == "together"].pivot_table(
        ["accuracy", "accuracy_sparse"], ["step", "condition", "seed"], "arm", sort=False
    )
    return (wide["accuracy"]["dense"] - wide["accuracy_sparse"]["LT"]).rename("lost").reset_index()


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """LT − RC tested on whole images (dense) and on tickets (sparse): one row a condition and seed."""
    index = ["varied", "step", "condition", "seed"]
    wide = frame[frame["varied"] != ""].pivot_table(["accuracy", "accuracy_sparse"], index, "arm", sort=False)
    found = {"dense": wide["accuracy"], "sparse": wide["accuracy_sparse"]}
    return pd.DataFrame({kind: pair["LT"] - pair["RC"] for kind, pair in found.items()}).reset_index()


def trends(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """By condition, how much LT gains on RC on whole images from its first value to its last, one a seed."""
    found = {}
    for varied, group in rows.groupby("varied", sort=False):
        by_step = group.pivot_table("dense", "seed", "step")
        found[str(varied)] = by_step.iloc[:, -1] - by_step.iloc[:, 0]
    return found


def rehearsed(arms: list[Arm]) -> list[Arm]:
    """The dense run and its pair."""
    return [arm for arm in arms if (arm.labels["varied"], arm.labels["step"]) in (("", 0), ("training", 1))]


ARTEFACT = Artefact(
    "figure3-turn",
    "Where tickets and random choice change places",
    "paper A, Figure 3, varied",
    grid,
    rehearsed=rehearsed,
)
