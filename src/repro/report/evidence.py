"""What was really run behind a claim, in plain words, from the records and the configs in them and from nothing else.

So no page can name a larger network, more images or a longer training than its numbers come from.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from repro import config
from repro.artefacts.base import Results, is_same_everywhere
from repro.config import Data, Model, PerceptronRun, Texts, TextTraining, Training
from repro.report.networks import describe_model, stands_for
from repro.runs.freshness import STALE, freshness
from repro.runs.record import Record

Pair = tuple[config.Run, Record]
DATA = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet": "ImageNet-1K",
    "digit-scans": "digit scans",
    "digit-scenes": "digit scenes",
    "ag-news": "AG News",
    "ag-news-10k": "AG News",
    "glosses": "ImageNet-21k's glosses",
    "ImageNet-X": "ImageNet-1K",
}


def what_was_run(results: Results, networks: Sequence[str] = ()) -> str:
    """Network, data, epochs, dense accuracy, preset, devices and whether today's code made it.

    `networks` are labels of the frame's column `model`, which holds the paper's networks, or `network`, which holds
    ours; none stands for all. Nothing where none of them was run.
    """
    frame = results.frame
    column = next((name for name in ("model", "network") if name in frame), "")
    runs = {config.name(arm.run): arm.run for arm in results.arms}
    said, used = [], []
    for label, rows in frame.groupby(column, sort=False) if column else [("", frame)]:
        if networks and label not in networks:
            continue
        keys = set(zip(rows["run"], rows["seed"], strict=True))
        pairs = [(runs[r.name], r) for r in results.records if r.key in keys]
        place = f"{stands_for(results, str(label))}: " if column == "model" else ""
        said.append(place + describe_runs(results, pairs))
        used += [record for _, record in pairs]
    if not used:
        return ""
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in (*said, describe_origin(results, used)))


def describe_runs(results: Results, pairs: list[Pair]) -> str:
    """What runs are, each kind in its own way."""
    kinds: dict[Callable[[Results, list[Pair]], str], list[Pair]] = {}
    for run, record in pairs:
        kinds.setdefault(DESCRIBED[record.name.partition("-")[0]], []).append((run, record))
    return "; ".join(describe(results, found) for describe, found in kinds.items())


def describe_origin(results: Results, records: list[Record]) -> str:
    """At which preset, on which devices and by today's code or another version records were made."""
    preset = "the same at every preset" if is_same_everywhere(results.artefact) else f"preset {results.preset}"
    devices = sorted({r.provenance.device.replace("(R)", "").removesuffix(" Processor") for r in records})
    stale = sum(freshness(record) == STALE for record in records)
    age = "fresh" if not stale else "stale" if stale == len(records) else f"{stale} of {len(records)} runs stale"
    return f"{preset}, {' and '.join(devices)}, {age}"


def describe_trainings(results: Results, pairs: list[Pair]) -> str:
    """Network, images, epochs and dense accuracy; of runs that train nothing, those of the networks they look at."""
    trained = [pair for run, record in pairs for pair in trainings_of(results, run, record)]
    dense = [(run, r) for run, r in trained if not {"ticket", "patches"} & r.config.keys()]
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for run, record in dense or trained:
        model, data = part(Model, record.config, "model"), part(Data, record.config, "data")
        key = (describe_model(model), describe_start(results, run, record), describe_images(data))
        groups.setdefault(key, []).append(record)
    return "; ".join(
        f"{model}; {start}{describe_epochs(found)} on {images}"
        + (f"; the dense network reaches {describe_accuracy(found)}" if dense else "")
        for (model, start, images), found in groups.items()
    )


def trainings_of(results: Results, run: config.Run, record: Record) -> list[Pair]:
    """A training with its record, or those that a run of another kind looks at."""
    if isinstance(run, config.TrainRun):
        return [(run, record)]
    found = [(parent, results.find(parent, record.seed)) for parent in config.parents(run)]
    return [(parent, r) for parent, r in found if r and isinstance(parent, config.TrainRun)]


def describe_start(results: Results, run: config.Run, record: Record) -> str:
    """What a network had learned before this training; nothing for one that started afresh."""
    start = record.config.get("start") or {}
    if start.get("type") == "Published":
        return f"weights {start['name']} of timm, then "
    if start.get("type") != "Pretrained":
        return ""
    source = next(parent for parent in config.parents(run) if config.name(parent) == start["source"])
    before = results.find(source, record.seed)
    if before is None:
        return f"pretrained as {start['source']}, then "
    images = describe_images(part(Data, before.config, "data"))
    return f"{describe_start(results, source, before)}{describe_epochs([before])} on {images}, then "


def describe_epochs(records: Iterable[Record]) -> str:
    """Lengths of trainings."""
    return f"{numbers(part(Training, r.config, 'training').epochs for r in records)} epochs"


def describe_images(data: Any) -> str:
    """Which images a training sees."""
    name = DATA[data.name] if data.classes is None else f"some classes of {DATA[data.name]}"
    if data.one_in > 1:
        return f"one training image in {data.one_in} of {name}"
    other = "other " if data.skipped_images else ""
    return f"{f'{data.train_images:,}' if data.train_images else 'all'} {other}training images of {name}"


def describe_accuracy(records: list[Record]) -> str:
    """Accuracy of a run, mean over seeds; of several runs the lowest and the highest such mean."""
    accuracies = pd.Series([r.metrics["accuracy"] for r in records]).groupby([r.name for r in records]).mean()
    return span(accuracies)


def describe_texts(results: Results, pairs: list[Pair]) -> str:
    """Configurations on texts, and how good each is on all of them."""
    full = [record for _, record in pairs if not {"ticket", "half"} & record.config.keys()]
    trainings = [t for r in full for t in r.config.get("trainings", map(config.canonical, config.TABLE_12))]
    widths, epochs = (
        numbers(getattr(filled(TextTraining, t), name) for t in trainings) for name in ("width", "epochs")
    )
    names = [name for name in full[0].metrics if name.startswith("accuracy_")]
    means = pd.DataFrame([record.metrics for record in full])[names].mean()
    texts = f"{numbers(r.metrics['texts'] for r in full)} texts of {DATA[part(Texts, full[0].config, 'texts').name]}"
    listed = ", ".join(name.removeprefix("accuracy_") for name in names)
    return (
        f"bag of words, width {widths}, configurations {listed}; {epochs} epochs on subsets and on all {texts}; "
        f"on all {span(means)}"
    )


def describe_perceptrons(results: Results, pairs: list[Pair]) -> str:
    """Sizes of a simulation."""
    runs = [filled(PerceptronRun, record.config) for _, record in pairs]
    weights, examples, draws = (
        numbers(getattr(run, name) for run in runs) for name in ("dimensions", "examples_per_weight", "draws")
    )
    return f"simulated perceptrons, {weights} weights, {examples} examples a weight, {draws} draws a seed"


def describe_choices(results: Results, pairs: list[Pair]) -> str:
    """What lists of classes were measured by."""
    models = sorted({m.partition("_")[2] for _, r in pairs for m in r.metrics if m.startswith("accuracy_")})
    measured = f"published accuracies of {', '.join(models)}" if models else "how plain each class is to raters"
    return f"nothing trained: lists of ImageNet's classes; {measured}"


def describe_chains(results: Results, pairs: list[Pair]) -> str:
    """Whose accuracies in each class were compared."""
    configs = [record.config for _, record in pairs]
    models = sorted({m for c in configs for field in ("models", "first", "second") for m in c.get(field, ())})
    digits = configs[0]["source"] == "digit pairs"
    said = "classifiers of digit pairs" if digits else "nothing trained: published accuracies in each ImageNet class"
    return f"{said}; {', '.join(models)}"


def describe_audits(results: Results, pairs: list[Pair]) -> str:
    """How many printed numbers were recomputed."""
    counts = [f"{record.metrics['checked']:.0f} of paper {record.config['paper']}" for _, record in pairs]
    return f"nothing trained: printed numbers recomputed, {', '.join(counts)}"


DESCRIBED = {  # by procedure
    "train": describe_trainings,
    "select": describe_trainings,
    "show": describe_trainings,
    "classify": describe_texts,
    "simulate": describe_perceptrons,
    "choose": describe_choices,
    "rank": describe_chains,
    "transfer": describe_chains,
    "audit": describe_audits,
}


def part(kind: Any, said: dict[str, Any], name: str) -> SimpleNamespace:
    """A part of a recorded config, such as its model, with the defaults that records leave out."""
    return filled(kind, said.get(name, {}))


def filled(kind: Any, said: dict[str, Any]) -> SimpleNamespace:
    """A recorded config with the defaults of its class, which records leave out."""
    return SimpleNamespace(**{field.name: field.default for field in dataclasses.fields(kind)} | said)


def numbers(values: Iterable[float]) -> str:
    """Distinct numbers in rising order; of more than two the first and the last."""
    found = [f"{value:,.10g}" for value in sorted(set(values))]
    return " and ".join(found) if len(found) < 3 else f"{found[0]} to {found[-1]}"


def span(shares: pd.Series) -> str:
    """One accuracy in percent, or the lowest and the highest of several."""
    low, high = f"{100 * shares.min():.1f}", f"{100 * shares.max():.1f}"
    return f"{low} %" if low == high else f"{low} to {high} %"
