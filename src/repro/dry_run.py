"""A rehearsal of a preset that cannot be run here: the real code and recipe, tiny generated data, two steps a run."""

import dataclasses
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.torch import save_file

from repro import config
from repro.artefacts.base import Artefact
from repro.data import content, text
from repro.runs import store

CLASSES, IMAGES, BATCH = 2, 8, 8  # of the generated folder; one step an epoch
LARGE, BLOCKS = 768, 3  # a ViT as wide as this keeps so many of its blocks
SHORT = {"epochs": 2, "rewind_epoch": 1, "finetune_epochs": 1}  # options of the artefacts that have them


def rehearse(artefact: Artefact, preset: str) -> str:
    """Carry out the runs of a preset that use every part of its recipe, shrunk; returns a line to print."""
    config.check_preset(preset)
    short = {name: value for name, value in SHORT.items() if name in artefact.options}
    chosen = [arm.run for arm in artefact.rehearsed(artefact.grid(preset, **short))]
    with tempfile.TemporaryDirectory() as folder:
        before = dict(os.environ)
        os.environ |= {"REPRO_HOME": folder, "REPRO_DATA": folder, content.ALLOW: "1"}
        try:
            generate_images(Path(folder) / "imagenet")
            generate_news(Path(folder) / text.FOLDER)
            shrunk = [shrink(run) for run in chosen]
            for run in shrunk:
                generate_weights(run)
            records = [carry_out(run) for run in shrunk]
        finally:
            os.environ.clear()
            os.environ |= before
    said = [f"loss {r['history'][-1]['train_loss']:.2f}" if "history" in r else store.outcome(r) for r in records]
    return f"{artefact.id}, preset {preset}: {len(records)} runs rehearsed, with {', '.join(said)}"


def carry_out(run: config.Run) -> store.Record:
    """A run after its parents, in this process."""
    for parent in config.parents(run):
        carry_out(parent)
    return store.compute(run, 0)


def generate_weights(run: config.Run) -> None:
    """Files for the published weights that a run or its parents start from: a fresh draw, without a head."""
    from repro.models import build_model
    from repro.training.origins import published_file

    for parent in config.parents(run):
        generate_weights(parent)
    if isinstance(run, config.TrainRun) and isinstance(run.start, config.Published):
        drawn = build_model(run.model).state_dict()
        published_file(run.start).parent.mkdir(exist_ok=True)
        save_file({name: t for name, t in drawn.items() if not name.startswith("head.")}, published_file(run.start))


def shrink(value: Any) -> Any:
    """The same config, nested ones included, with a batch of 8, eight images and two classes; ViT-Base of 3 blocks."""
    if isinstance(value, config.Data):
        return value if value.name == "imagenet" else config.Data("digit-scenes", IMAGES, IMAGES)
    if isinstance(value, config.Training):
        epochs = min(value.epochs, SHORT["epochs"])
        kept = tuple(min(epoch, SHORT["epochs"]) for epoch in value.snapshot_epochs)
        return replace(value, epochs=epochs, batch_size=BATCH, warmup_epochs=0, snapshot_epochs=kept)
    if isinstance(value, config.Model):
        depth = min(value.depth, BLOCKS) if value.width >= LARGE else value.depth
        return replace(value, classes=CLASSES if value.classes == 1000 else value.classes, depth=depth)
    if isinstance(value, config.TextTraining):
        return replace(value, epochs=SHORT["epochs"], batch_size=BATCH)
    if isinstance(value, config.PerceptronRun):
        return replace(value, draws=1, dimensions=20)
    if isinstance(value, tuple):
        return tuple(shrink(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: shrink(getattr(value, f.name)) for f in dataclasses.fields(value)})
    return value


def generate_images(folder: Path) -> None:
    """An image folder in ImageNet's layout: noise, 256x256."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(IMAGES):
            file = folder / split / f"n{number % CLASSES:08}" / f"{number}.JPEG"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (256, 256, 3), np.uint8)).save(file)


def generate_news(folder: Path) -> None:
    """AG News in its published layout: 80 training texts and 8 for testing, a word a class."""
    folder.mkdir(parents=True)
    for file, count in ((text.TRAIN_FILE, 80), (text.TEST_FILE, 8)):
        rows = (f'"{n % 4 + 1}","{text.NEWS_CLASSES[n % 4]}","text {n}"\n' for n in range(count))
        (folder / file).write_text("".join(rows))
