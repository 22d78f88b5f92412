"""Instant Soup Pruning as published, and the variant of paper B whose accuracy collapses.

Instant Soup (Jaiswal et al. 2023): short weak trainings of the current network give one mask each; a weight survives
if any of them keeps it; the network, which keeps its own weights, goes on with the merged mask. Paper B's ISSP merges
masks "across sparsities" with a "denoised mask" from a training on a tenth of the data. Masks of the same weights are
nested, so the union of what they keep is just the least sparse and the intersection the sparsest: we carry out both
readings, and a vote. Changed from the published code: the number of rounds is fixed before the run, every round's
pruning rate follows from the target, every training has an optimiser of its own, and accuracy is the last epoch's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pandas as pd

from repro import config
from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.lotus import QUOTED, SCOPE, SIZES, Size, before, finetuned, one_shot, with_epochs
from repro.config import ConfigError, Merge, MergedTicket, Pretrained, Training, TrainRun, WeightTicket

HIGH = 0.7  # the sparsity at which variants of the soup are compared
HALF = 0.5  # what ISSP reaches, or loses, about: the paper's summary says both
SWEEP = (0.1, 0.3, 0.5, 0.7, 0.9)  # sparsities that ISSP merges
ROUNDS = 3
MAIN_SHARE = 0.5  # of an epoch that the network itself trains between two merges
PUBLISHED_WARM_UP = 500 / 39  # in lengths of a weak training: 500 steps where it has 39


@dataclass(frozen=True)
class Soup:
    """One way to cook."""

    merge: Merge = "union"
    share: float = 0.0  # of an epoch that a weak training sees, 0 for the preset's
    warm_up: float = 0.1  # in lengths of a weak training


SOUPS = {
    "ISP": Soup(),
    "ISP, warm-up as published": Soup(warm_up=PUBLISHED_WARM_UP),
    "ISP, intersection": Soup("intersection"),
    "ISP, vote": Soup("vote"),
    "ISP, denoisers on all images": Soup(share=1.0),
}


def grid(preset: str, *, budget: float | None = None) -> list[Arm]:
    """One-shot, IMP and ISP at two sparsities, other soups at the higher one, and the readings of ISSP."""
    size = with_budget(preset, budget)
    arms = [Arm({"arm": "unpruned", "target": 0.0}, finetuned(size))]
    for target in (QUOTED, HIGH):
        arms.append(Arm({"arm": "one-shot", "target": target}, finetuned(size, ticket=one_shot(size, target))))
        arms.append(Arm({"arm": "IMP", "target": target}, imp(size, target)))
        soups = SOUPS if target == HIGH else {"ISP": SOUPS["ISP"]}
        arms += [Arm({"arm": name, "target": target}, cook(size, target, soup)) for name, soup in soups.items()]
    sparsest = max(SWEEP)
    arms.append(Arm({"arm": "one-shot", "target": sparsest}, finetuned(size, ticket=one_shot(size, sparsest))))
    return arms + [Arm({"arm": name, "target": float("nan")}, run) for name, run in issp(size)]


def with_budget(preset: str, budget: float | None) -> Size:
    """The sizes of a preset, with the epochs of a soup for its trainings. Raises ConfigError where they are too few."""
    size = SIZES[preset]
    epochs, spent = size.soup_epochs if budget is None else budget, before_last(size)
    if epochs <= spent:
        raise ConfigError(f"a soup takes {spent:g} epochs before its last training; got budget={epochs:g}")
    return with_epochs(preset, epochs)


def before_last(size: Size) -> float:
    """Epochs that a soup takes before its last training, weak ones counted at the preset's share."""
    return (ROUNDS + 1) * MAIN_SHARE + ROUNDS * size.denoisers * size.share


def imp(size: Size, target: float) -> TrainRun:
    """Pruned in three steps of the same rate, an epoch after each but the last, which has the rest; never rewound."""
    run, rate = size.pretrained, prune_rate(target)
    lengths = [1.0] * (ROUNDS - 1) + [size.training.epochs - (ROUNDS - 1)]
    for number, epochs in enumerate(lengths, start=1):
        ticket = WeightTicket(run, round(1 - (1 - rate) ** number, 6), scope=SCOPE)
        training = replace(size.training, epochs=epochs)
        run = finetuned(size, start=Pretrained(run), ticket=ticket, training=training, order=number - 1)
    return run


def prune_rate(target: float) -> float:
    """Share of the weights left that each of three rounds removes to reach a sparsity."""
    return round(1 - (1 - target) ** (1 / ROUNDS), 6)


def cook(size: Size, target: float, soup: Soup) -> TrainRun:
    """Weak trainings and merges in three rounds, the gap to the target closed at once, and training for what is left.

    In all as many epochs as a fine-tuning has, weak ones counted at the preset's share.
    """
    share, ticket, run, orders = soup.share or size.share, None, size.pretrained, iter(range(1, 1000))
    for number in range(ROUNDS + 1):
        run = finetuned(
            size,
            start=Pretrained(run),
            ticket=ticket,
            training=constant(size.training, MAIN_SHARE, 0.1 * MAIN_SHARE if number == 0 else 0.0),
            order=next(orders),
            curve=False,
        )
        if number < ROUNDS:
            recipe = constant(size.training, share, soup.warm_up * share)
            short = replace(run, data=replace(size.data, test_images=size.weak_tests), start=Pretrained(run))
            weak = [replace(short, training=recipe, order=next(orders)) for _ in range(size.denoisers)]
            ticket = MergedTicket(
                tuple(WeightTicket(w, prune_rate(target), SCOPE, "remaining") for w in weak), soup.merge
            )
    final = replace(size.training, epochs=round(size.training.epochs - before_last(size), 6))
    return finetuned(size, start=Pretrained(run), ticket=WeightTicket(run, target, SCOPE), training=final)


def constant(training: Training, epochs: float, warm_up: float) -> Training:
    """The recipe at its full rate, for part of an epoch."""
    return replace(
        training,
        epochs=epochs,
        warmup_epochs=round(warm_up, 6),
        schedule="multistep",
        milestones=(),
        snapshot_epochs=(),
    )


def issp(size: Size) -> Iterator[tuple[str, TrainRun]]:
    """Masks of the pretrained and of a denoised network at several sparsities, merged in each way, then fine-tuned."""
    images = size.data.train_images
    tenth = replace(size.data, train_images=round(size.share * images))
    for said, data in (("denoised on a tenth", tenth), ("denoised on all images", size.data)):
        denoised = finetuned(size, data=data, order=1, curve=False)
        sources = (size.pretrained, denoised)
        parts = tuple(WeightTicket(source, s, SCOPE) for source in sources for s in SWEEP)
        merges: tuple[Merge, ...] = ("union", "vote", "intersection") if data == tenth else ("intersection",)
        for merge in merges:
            yield f"ISSP, {merge}, {said}", finetuned(size, ticket=MergedTicket(parts, merge))


def steps_of(run: TrainRun, pretrained: TrainRun) -> list[TrainRun]:
    """The trainings of the network itself after its pretraining, first to last."""
    steps = [run]
    while isinstance(steps[0].start, Pretrained) and steps[0].start.source != pretrained:
        steps.insert(0, steps[0].start.source)
    return steps


def epochs_spent(run: TrainRun, size: Size) -> float:
    """Epochs over the images of fine-tuning, all trainings behind a run counted but the pretraining."""
    seen, waiting = set[TrainRun](), [run]
    while waiting:
        step = waiting.pop()
        if step != size.pretrained and step not in seen:
            seen.add(step)
            waiting += config.parents(step)
    return sum(step.training.epochs * step.data.train_images for step in seen) / size.data.train_images


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a run: arm, target, seed, sparsity reached, accuracy before and after fine-tuning."""
    return frame.assign(before=before(frame))[["arm", "target", "seed", "sparsity", "before", "accuracy", "run"]]


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed."""
    rows = summary(frame)

    def pick(arm: str) -> pd.DataFrame:
        return rows[rows["arm"] == arm].set_index("seed")

    whole, collapsed = pick("unpruned"), pick("ISSP, intersection, denoised on a tenth")
    return {
        "lotus-soup-level": collapsed["accuracy"] - HALF,
        "lotus-soup-drop": whole["accuracy"] - collapsed["accuracy"] - HALF,
        "lotus-soup-collapse": whole["accuracy"] - collapsed["accuracy"],
        "lotus-soup-collapse-untrained": whole["before"] - collapsed["before"],
        "lotus-soup-collapse-union": whole["accuracy"] - pick("ISSP, union, denoised on a tenth")["accuracy"],
        "lotus-soup-tenth": pick("ISSP, intersection, denoised on all images")["accuracy"] - collapsed["accuracy"],
    }


def rehearsed(arms: Iterable[Arm]) -> list[Arm]:
    """The collapse, which brings a denoised network along."""
    return [arm for arm in arms if arm.labels["arm"] == "ISSP, union, denoised on a tenth"]


ARTEFACT = Artefact(
    "lotus-soup",
    "Instant Soup Pruning and its collapse",
    "paper B, key finding 3",
    grid,
    claim_values,
    rehearsed=rehearsed,
)
