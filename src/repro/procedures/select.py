"""A `SelectRun`: choose the patches of every image of a data set once, into a ticket store (paper A, section 3.4)."""

import time
from pathlib import Path
from typing import Any

import torch

from repro.config import SelectRun
from repro.models.patched import PatchNetwork
from repro.procedures import Procedure
from repro.procedures.origins import FolderOf, check_same_data
from repro.procedures.selection import Selector, made_from
from repro.procedures.shrinking import IMAGE_SHRINKS
from repro.procedures.subsets import check_data, open_data
from repro.training.cost import timing
from repro.training.exam import with_ids
from repro.training.loop import evaluate
from repro.training.precision import pick_device, set_up_kernels
from repro.training.ticket_store import TICKETS_FILE, id_type, write_tickets


def select(run: SelectRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Select the patches of every image of both splits, un-augmented, into a ticket store in `folder`.

    `accuracy_sparse` is what the selecting network itself, not trained any further, makes of its own tickets.
    """
    set_up_kernels(device := pick_device())
    start = time.monotonic()
    dataset, selector = open_data(run.data, folder_of), Selector(run, folder_of, device)
    check_same_data(run, seed, data := dataset.checksum(), folder_of)
    made = made_from(run, data, folder_of, device)
    train, test = (
        torch.cat([selector(images).to(id_type(selector.patches)).cpu() for images, _ in batches])
        for batches in (dataset.plain_batches(device), dataset.test_batches(device))
    )
    written = write_tickets(folder / TICKETS_FILE, train, test, selector.patches, made)
    cost = timing(time.monotonic() - start, len(train) + len(test), device)
    tested = with_ids(dataset.test_batches(device), test.numpy())
    own = evaluate(PatchNetwork(selector.model), tested, selector.precision)
    return {
        "metrics": {"patch_sparsity": 1 - train.shape[1] / selector.patches, "accuracy_sparse": own["accuracy"]},
        "timing": cost,
        "tickets": written,
        "inputs": {"selector": made["selector"]},
        "data": data,
        "origin": dataset.origin,
        "precision": selector.precision,
    }


PROCEDURE = Procedure(
    SelectRun,
    select,
    lambda run: [TICKETS_FILE],
    check=lambda run: check_data(run.data),
    needs_parents=True,
    gpu=1.0,
    memory_mb=2500,
    shrinks=IMAGE_SHRINKS,
)
