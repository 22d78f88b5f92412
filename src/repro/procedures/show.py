"""A `ShowRun`: what a selector, chance and an annotator make of the first test images, for Figures 1 and 2."""

import base64
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from repro.config import ShowRun
from repro.data.loader import derive_seed
from repro.models import annotate
from repro.procedures import Procedure
from repro.procedures.origins import FolderOf, check_same_data, trained_model
from repro.procedures.selection import Selector
from repro.procedures.shrinking import IMAGE_SHRINKS
from repro.procedures.subsets import check_data, open_data
from repro.tickets.patches import random_ids
from repro.tickets.stages import real_sparsity
from repro.training.cost import timing
from repro.training.precision import pick_device, set_up_kernels

SHOWN_PIXELS = 112  # about the width of an example in a record


def show(run: ShowRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Pictures of the first test images, the ids that the selector keeps of each and that chance would keep.

    With an annotator also the class it sees in every patch. All of it goes into the record, so that a figure needs
    neither weights nor data.
    """
    set_up_kernels(device := pick_device())
    start = time.monotonic()
    dataset, selector = open_data(run.data, folder_of), Selector(run, folder_of, device)
    check_same_data(run, seed, data := dataset.checksum(), folder_of)
    images, labels = next(iter(dataset.test_batches(device)))
    images, labels = images[: run.images], labels[: run.images]
    stages = selector.stages(images)
    generator = torch.Generator().manual_seed(derive_seed(seed, "show"))
    chance = random_ids(len(images), selector.patches, stages[-1].shape[1], generator)
    mean, std = (s.to(device)[:, None, None] for s in dataset.statistics())
    examples = [
        {
            "png": as_png((image * std + mean).round().clamp(0, 255)),
            "label": dataset.classes[int(labels[i])],
            "stages": [ids[i].tolist() for ids in stages],
            "random": chance[i].tolist(),
        }
        for i, image in enumerate(images)
    ]
    if run.annotator:
        with torch.no_grad():
            seen = annotate(trained_model(run.annotator, folder_of, device), images, selector.patches)
        add_labels(examples, seen, dataset.classes)
    return {
        "metrics": {"patch_sparsity": real_sparsity(selector.patches, run.keep_rate)},
        "patches": selector.patches,
        "mean_colour": mean.flatten().tolist(),
        "examples": examples,
        "timing": timing(time.monotonic() - start, len(images), device),
        "data": data,
        "origin": dataset.origin,
        "precision": selector.precision,
    }


def add_labels(examples: list[dict[str, Any]], seen: Tensor, classes: Sequence[str]) -> None:
    """Write into each example the class that the annotator sees in every patch, and its share."""
    for example, (share, number) in zip(examples, zip(*seen.max(dim=2), strict=True), strict=True):
        example["patch_labels"] = [classes[n] for n in number.tolist()]
        example["patch_shares"] = [round(s, 3) for s in share.tolist()]


def as_png(image: Tensor) -> str:
    """An image (3, height, width) of pixel values as base64 text of a PNG file; 224 pixels are halved."""
    picture = Image.fromarray(image.permute(1, 2, 0).cpu().numpy().astype(np.uint8))
    stream = io.BytesIO()
    picture.reduce(max(1, picture.width // SHOWN_PIXELS)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


PROCEDURE = Procedure(
    ShowRun, show, check=lambda run: check_data(run.data), gpu=1.0, memory_mb=1500, shrinks=IMAGE_SHRINKS
)
