"""How runs on images shrink for a rehearsal: eight images of two classes, two epochs, a ViT-Base of three blocks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from repro.config import ChooseRun, Data, Model, Training

CLASSES, IMAGES, BATCH, EPOCHS = 2, 8, 8, 2  # one step an epoch
LARGE, BLOCKS = 768, 3  # a ViT as wide as this keeps so many of its blocks


def shrink_data(data: Data) -> Data:
    """All images of two generated classes, or of two that a run chose where one did; a few scenes of small data."""
    if data.name != "imagenet":
        return Data("digit-scenes", IMAGES, IMAGES, classes=tuple(range(CLASSES)))
    chosen = isinstance(data.classes, ChooseRun)
    return Data("imagenet", classes=ChooseRun("RS", count=CLASSES) if chosen else tuple(range(CLASSES)))


def shrink_training(training: Training) -> Training:
    """The same recipe for two epochs."""
    kept = tuple(min(epoch, EPOCHS) for epoch in training.snapshot_epochs)
    epochs = min(training.epochs, EPOCHS)
    return replace(training, epochs=epochs, batch_size=BATCH, warmup_epochs=0.0, snapshot_epochs=kept)


def shrink_model(model: Model) -> Model:
    """The same network for two classes; one that is large loses blocks."""
    depth = min(model.depth, BLOCKS) if model.width >= LARGE else model.depth
    return replace(model, classes=CLASSES, depth=depth)


IMAGE_SHRINKS: dict[type, Callable[[Any], Any]] = {Data: shrink_data, Training: shrink_training, Model: shrink_model}
