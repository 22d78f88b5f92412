"""A `SelectRun`: choose the patches of every image of a data set once, into a ticket store (paper A, section 3.4)."""

import time
from pathlib import Path
from typing import Any

import torch

from repro.config import SelectRun
from repro.data import load_dataset
from repro.models.vit import forward_patches
from repro.procedures import Procedure
from repro.procedures.shrinking import IMAGE_SHRINKS
from repro.training.cost import timing
from repro.training.loop import evaluate
from repro.training.origins import FolderOf
from repro.training.precision import pick_device, set_up_kernels
from repro.training.selection import Selector, made_from, with_ids
from repro.training.ticket_store import TICKETS_FILE, id_type, write_tickets


def select(run: SelectRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Select the patches of every image of both splits, un-augmented, into a ticket store in `folder`.

    `accuracy_sparse` is what the selecting network itself, not trained any further, makes of its own tickets.
    """
    set_up_kernels()
    device, start = pick_device(), time.monotonic()
    dataset, selector = load_dataset(run.data), Selector(run, folder_of, device)
    train, test = (
        torch.cat([selector(images).to(id_type(selector.patches)).cpu() for images, _ in batches])
        for batches in (dataset.plain_batches(device), dataset.test_batches(device))
    )
    written = write_tickets(folder / TICKETS_FILE, train, test, selector.patches, made_from(run, dataset, folder_of))
    cost = timing(time.monotonic() - start, len(train) + len(test), device)
    own = evaluate(
        selector.model, with_ids(dataset.test_batches(device), test.numpy()), selector.precision, forward_patches
    )
    return {
        "metrics": {"patch_sparsity": 1 - train.shape[1] / selector.patches, "accuracy_sparse": own["accuracy"]},
        "timing": cost,
        "tickets": written,
        "data": dataset.checksum(),
        "precision": selector.precision,
    }


PROCEDURE = Procedure(
    SelectRun,
    select,
    lambda run: [TICKETS_FILE],
    check=lambda run: load_dataset(run.data),
    needs_parents=True,
    gpu=1.0,
    memory_mb=2500,
    shrinks=IMAGE_SHRINKS,
)
