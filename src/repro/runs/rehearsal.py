"""A rehearsal of runs that cannot be carried out here: real code and recipe, tiny generated data, two steps a run."""

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import save_file

from repro import config, procedures
from repro.data import classes, content, text
from repro.data.memory import nothing_remembered
from repro.procedures.shrinking import CLASSES, IMAGES
from repro.runs import store
from repro.runs.record import Record
from repro.runs.together import alone

HOMES = ("REPRO_HOME", "REPRO_DATA")
IMAGES_A_CLASS, FEATURES = 50, 16  # that accuracies are counted on; dimensions of a class's mean feature


def rehearse(runs: Iterable[config.Run]) -> list[Record]:
    """Carry out runs, shrunk, in a store of their own that is deleted; returns their records."""
    with tempfile.TemporaryDirectory() as folder, homes_at(folder), nothing_remembered(), alone():
        generate_images(Path(folder) / "imagenet")
        generate_classes(Path(folder) / "imagenet")
        generate_news(Path(folder) / text.FOLDER)
        shrunk = [shrink(run) for run in runs]
        for run in shrunk:
            generate_weights(run)
        return [carry_out(run) for run in shrunk]


@contextmanager
def homes_at(folder: str) -> Iterator[None]:
    """Within it store and data lie in a folder; afterwards they are where they were."""
    stand_ins = dict.fromkeys(HOMES, folder) | {content.ALLOW: "1"}  # generated data are not those published
    before = {name: os.environ[name] for name in stand_ins if name in os.environ}
    os.environ |= stand_ins
    try:
        yield
    finally:
        for name in stand_ins:
            del os.environ[name]
        os.environ |= before


def carry_out(run: config.Run) -> Record:
    """A run after its parents, in this process."""
    for parent in config.parents(run):
        carry_out(parent)
    return store.compute(run, 0)


def generate_weights(run: config.Run) -> None:
    """Files for the published weights that a run or its parents start from: a fresh draw, without a head."""
    from repro.models import build_model
    from repro.procedures.origins import published_file

    for parent in config.parents(run):
        generate_weights(parent)
    if isinstance(run, config.TrainRun) and isinstance(run.start, config.Published):
        drawn = build_model(run.model).state_dict()
        published_file(run.start).parent.mkdir(exist_ok=True)
        save_file({name: t for name, t in drawn.items() if not name.startswith("head.")}, published_file(run.start))


def shrink(run: config.Run) -> config.Run:
    """The same run, and those it needs, as small as their procedures make them."""
    return _shrink(run, {})


def _shrink(value: Any, shrinks: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_shrink(item, shrinks) for item in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    if hasattr(value, "procedure"):
        shrinks = procedures.find(value).shrinks
    if type(value) in shrinks:
        return shrinks[type(value)](value)
    fields = {f.name: _shrink(getattr(value, f.name), shrinks) for f in dataclasses.fields(value)}
    return dataclasses.replace(value, **fields)


def generate_images(folder: Path) -> None:
    """An image folder in ImageNet's layout: each of its classes has some of a few images of noise, 256x256."""
    rng, made = np.random.default_rng(0), [folder / "noise" / f"{number}.JPEG" for number in range(IMAGES)]
    (folder / "noise").mkdir(parents=True)
    for file in made:
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), np.uint8)).save(file)
    shares = [made[first::CLASSES] for first in range(CLASSES)]
    for split in ("train", "val"):
        for number, wnid in enumerate(classes.class_ids()):
            (folder / split / wnid).mkdir(parents=True)
            for file in shares[number % CLASSES]:
                (folder / split / wnid / file.name).hardlink_to(file)


def generate_classes(folder: Path) -> None:
    """What is read of ImageNet's classes: accuracies of ImageNet-X's models, the first the best, and mean features."""
    rng = np.random.default_rng(0)
    chances = np.linspace(0.8, 0.65, len(classes.MODELS))[:, None]
    accuracies = rng.binomial(IMAGES_A_CLASS, chances, (len(classes.MODELS), classes.CLASSES)) / IMAGES_A_CLASS
    ids = np.array(classes.class_ids())
    np.savez(folder / classes.ACCURACY_FILE, syn=ids, **dict(zip(classes.MODELS, accuracies, strict=True)))
    np.save(folder / classes.FEATURE_FILE, rng.standard_normal((classes.CLASSES, FEATURES)))


def generate_news(folder: Path) -> None:
    """AG News in its published layout, whole and small: 80 training texts and 8 for testing, a word a class."""
    folder.mkdir(parents=True)
    for file, count in ((text.TRAIN_FILE, 80), (text.SMALL_TRAIN_FILE, 80), (text.TEST_FILE, 8)):
        rows = (f'"{n % 4 + 1}","{text.NEWS_CLASSES[n % 4]}","text {n}"\n' for n in range(count))
        (folder / file).write_text("".join(rows))
