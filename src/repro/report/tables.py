"""What every page shows: how far to trust it, its dense network, settings and verdicts; and what tables are made of."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from repro import config, paths, published
from repro.artefacts.base import Results, is_same_everywhere
from repro.report import claims
from repro.report.evidence import describe_images
from repro.report.networks import describe_model
from repro.stats.verdicts import estimate

# Fields of config.Model that a network of ours takes; a timm model takes its shape from its name.
MODEL_FIELDS = {
    "resnet20": ("name", "classes", "width"),
    **dict.fromkeys(
        ("vit", "swin", "lvvit"),
        ("name", "classes", "width", "depth", "heads", "patch_size", "image_size", "drop_path"),
    ),
}
MODEL_FIELDS["lvvit"] += ("stem_kernel",)
ZERO = {  # what a setting of zero means, where it is not nought
    "train_images": "all",
    "test_images": "all",
    "skipped_images": "none",
    "clip_norm": "off",
    "ema_decay": "off",
}
NO_EVIDENCE = "demo: shows the method, not evidence"
SAME = "**The same at every preset: this page is evidence at any.**"


class Table:
    """Cells of text that show as HTML in a notebook, as LaTeX in a PDF and as text elsewhere."""

    def __init__(self, rows: Iterable[dict[str, str]]) -> None:
        self.frame = pd.DataFrame(list(rows)).fillna("")

    def _repr_html_(self) -> str:
        html = self.frame.to_html(index=False, border=0, classes="repro-table", justify="left")
        return html.replace("<th>", '<th scope="col">')

    def _repr_latex_(self) -> str:
        return self.frame.to_latex(index=False, escape=True)

    def __repr__(self) -> str:
        return self.frame.to_string(index=False)


class Note:
    """A sentence set apart, as Markdown in a notebook."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_markdown_(self) -> str:
        return f"> {self.text}"

    def __repr__(self) -> str:
        return self.text


def percent(share: float, signed: bool = False) -> str:
    """A share as percent with one decimal; nothing for not a number."""
    if math.isnan(share):
        return ""
    return f"{100 * share:+.1f}" if signed else f"{100 * share:.1f}"


def with_interval(values: pd.Series, signed: bool = False) -> str:
    """Mean of one value a seed and its 95 % interval; one seed has none."""
    found = estimate(list(values))
    mean = percent(found.mean, signed)
    return f"{mean} [{percent(found.low, signed)}, {percent(found.high, signed)}]" if found.n > 1 else mean


def banner(results: Results) -> Note:
    """How far the numbers of this page can be trusted, by preset and number of seeds."""
    n = len(results.seeds)
    seeds = f"{n} seeds, intervals are Student's t at 95 %" if n > 1 else "one seed (n = 1), so no interval"
    if results.artefact.exact:
        seeds = "nothing here is drawn at random, so there is no interval over seeds"
    weight = {
        "demo": f"**{NO_EVIDENCE}.**",
        "pocket": "**pocket: evidence at pocket scale.**",
        "gpu": "**gpu: evidence at CIFAR scale.**",
        "paper": "**paper: the published recipe.**",
    }
    weighed = SAME if is_same_everywhere(results.artefact) else weight[results.preset]
    return Note(f"{weighed} {seeds[0].upper()}{seeds[1:]}.")


def describe_dense(results: Results) -> Note:
    """How good the unpruned network is, and what it had to learn from."""
    run = first_training(results)
    found = {(r.name, r.seed): r for r in results.records}
    accuracies = pd.Series([found[config.name(run), seed].metrics["accuracy"] for seed in results.seeds])
    file = paths.PUBLISHED / f"{results.artefact.id}.csv"
    paper = published.read_table(results.artefact.id).filter(["lth", "pretrain"]).iloc[0, 0] if file.exists() else None
    return Note(
        f"The dense network ({describe_model(run.model)}) reaches {with_interval(accuracies)} % "
        f"after {run.training.epochs:g} epochs on {describe_images(run.data)} (n = {len(accuracies)})."
        + (f" The paper's reaches {percent(paper)} %." if paper else "")
    )


def settings(results: Results) -> Table:
    """Every setting of the dense run, defaults included, and how the last rewound ticket was found."""
    dense = first_training(results)
    shape = model_fields(dense.model)
    found = [
        (part, name, getattr(getattr(dense, part), name))
        for part in ("data", "model", "training")
        for name in (field.name for field in dataclasses.fields(getattr(dense, part)))
        if part != "model" or name in shape
    ]
    found += patch_settings([arm.run for arm in results.arms])
    found += rewind_settings([arm.run for arm in results.arms])
    idle = idle_settings(dense)
    return Table(
        {
            "part": part,
            "setting": name.replace("_", " "),
            "value": said(value) if value or name not in ZERO else ZERO[name],
        }
        for part, name, value in found
        if value is not None and name not in idle
    )


def idle_settings(run: config.TrainRun) -> set[str]:
    """Settings that change nothing as the others stand: which images are drawn where all are kept, and the like."""
    drawn = {"one_in", "draw"} if run.data.one_in == 1 else set()
    return drawn | (set() if run.training.schedule == "multistep" else {"milestones"})


def said(value: Any) -> str:
    """A setting as text; a whole number without a point."""
    if isinstance(value, tuple):
        return ", ".join(map(said, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def rewind_settings(runs: list[config.Run]) -> list[tuple[str, str, Any]]:
    """How the last rewound weight ticket of an artefact was found; nothing where it has none."""
    trained = [(run, run.ticket, run.start) for run in runs if isinstance(run, config.TrainRun)]
    for run, ticket, start in reversed(trained):
        if isinstance(ticket, config.WeightTicket) and isinstance(start, config.Rewind):
            found = [("ticket", name, getattr(ticket, name)) for name in ("scope", "layout", "counted_over")]
            found += [("ticket", "prunings before the last mask", prunings(run))]
            return [*found, ("ticket", "rewound to epoch", start.epoch)]
    return []


def patch_settings(runs: list[config.Run]) -> list[tuple[str, str, Any]]:
    """How the first patch ticket of an artefact was found; nothing where it has none."""
    tickets = [run.patches for run in runs if isinstance(run, config.TrainRun) and run.patches]
    if not tickets:
        return []
    selector, said = tickets[0].source.selector, "as it was trained"
    if isinstance(selector, config.TrainRun) and isinstance(selector.start, config.Pretrained):
        said = f"fine-tuned for {selector.training.epochs:g} epochs"
    return [("ticket", "selector", said), ("ticket", "fixed per image", tickets[0].fixed)]


def model_fields(model: config.Model) -> tuple[str, ...]:
    """Fields of a config that a network is made of."""
    return MODEL_FIELDS.get(model.name, ("name", "classes", "drop_path"))


def first_training(results: Results) -> config.TrainRun:
    """The first training of an artefact, which is its dense one, or the selector of a figure that only shows."""
    run = results.arms[0].run
    return run if isinstance(run, config.TrainRun) else config.parents(run)[0]


def prunings(run: config.TrainRun) -> int:
    """How many times weights were pruned, each after a training, on the way to a run's mask."""
    return 1 + prunings(run.ticket.source) if isinstance(run.ticket, config.WeightTicket) else 0


def verdicts(results: Results) -> Table:
    """Every claim of a page: the paper's value, ours, the verdict and what was run, here and in recorded evidence."""
    return Table(claims.rows(results))
