"""What a `SelectRun` and a `ShowRun` do: choose the patches of every image once, and of a few for a figure."""

import base64
import dataclasses
import io
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from repro.config import PatchTicket, SelectRun, ShowRun, name
from repro.data import AnyDataset, load_dataset
from repro.data.loader import derive_seed
from repro.models import annotate
from repro.models.vit import forward_patches, score_patches, select_patches
from repro.tickets.patches import keep_highest, random_ids
from repro.tickets.stages import real_sparsity, round_up
from repro.training.checkpoint import stored_checksum
from repro.training.cost import timing
from repro.training.loop import evaluate
from repro.training.origins import FolderOf, trained_model, weights_file
from repro.training.precision import autocast, pick_device, set_up_kernels, usable_precision
from repro.training.sources import AtWork, Centre, Chance, PatchSource, Stored, fixed_chance
from repro.training.ticket_store import TICKETS_FILE, TicketStore, id_type, open_tickets, write_tickets

SHOWN_PIXELS = 112  # about the width of an example in a record


class Selector:
    """A trained ViT that keeps patches, in stages or by a score: no gradient, bf16 where the device has it."""

    def __init__(self, run: SelectRun | ShowRun, folder_of: FolderOf, device: torch.device) -> None:
        self.model, self.keep_rate, self.device = trained_model(run.selector, folder_of, device), run.keep_rate, device
        self.score = run.score if isinstance(run, SelectRun) else None
        self.patches: int = self.model.patch_embed.num_patches  # type: ignore[assignment, union-attr]
        self.precision = usable_precision("bf16", device)

    @torch.no_grad()
    def stages(self, images: Tensor) -> list[Tensor]:
        """Ids kept after each stage, (batch, kept) each, of normalised images."""
        with autocast(self.precision, self.device):
            if self.score:
                scores = score_patches(self.model, images, self.score)  # type: ignore[arg-type]
                return [keep_highest(scores, round_up(self.keep_rate * self.patches))]
            return select_patches(self.model, images, self.keep_rate)  # type: ignore[arg-type]

    def __call__(self, images: Tensor) -> Tensor:
        """Ids kept, (batch, kept)."""
        return self.stages(images)[-1]


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


def made_from(run: SelectRun, dataset: AnyDataset, folder_of: FolderOf) -> dict[str, Any]:
    """What tickets depend on, for the header of their file."""
    weights = stored_checksum(weights_file(run.selector, folder_of))
    found = {"selector": weights, "keep_rate": run.keep_rate, "data": dataset.checksum()}
    return found | ({"score": dataclasses.asdict(run.score)} if run.score else {})


def find_tickets(run: SelectRun, seed: int, dataset: AnyDataset, folder_of: FolderOf) -> TicketStore:
    """The tickets a finished selection left. Raises DamagedFile or MismatchedTickets, which name the mend."""
    mend = f"repro compute {name(run)} --seed {seed} --refresh"
    return open_tickets(folder_of(run) / TICKETS_FILE, made_from(run, dataset, folder_of), mend)


def make_source(
    ticket: PatchTicket, seed: int, tickets: TicketStore, folder_of: FolderOf, device: torch.device
) -> PatchSource:
    """Where the patches of a training step come from."""
    patches, (images, count) = tickets.patches, tickets.train.shape
    if ticket.choice == "centre":
        return Centre(patches, count)
    if ticket.choice == "random":
        return fixed_chance(images, patches, count, seed) if ticket.fixed else Chance(patches, count, seed)
    return Stored(tickets.train, patches) if ticket.fixed else AtWork(Selector(ticket.source, folder_of, device))


def with_ids(batches: Iterable[tuple[Tensor, Tensor]], ids: np.ndarray) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Batches of images and labels, in order, with the ids (images, count) of each."""
    done = 0
    for images, labels in batches:
        chosen = torch.from_numpy(ids[done : done + len(labels)].astype(np.int64))
        yield images, labels, chosen.to(images.device)
        done += len(labels)


def show(run: ShowRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Pictures of the first test images, the ids that the selector keeps of each and that chance would keep.

    With an annotator also the class it sees in every patch. All of it goes into the record, so that a figure needs
    neither weights nor data.
    """
    set_up_kernels()
    device, start = pick_device(), time.monotonic()
    dataset, selector = load_dataset(run.data), Selector(run, folder_of, device)
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
        for example, (share, number) in zip(examples, zip(*seen.max(dim=2), strict=True), strict=True):
            example["patch_labels"] = [dataset.classes[n] for n in number.tolist()]
            example["patch_shares"] = [round(s, 3) for s in share.tolist()]
    return {
        "metrics": {"patch_sparsity": real_sparsity(selector.patches, run.keep_rate)},
        "patches": selector.patches,
        "mean_colour": mean.flatten().tolist(),
        "examples": examples,
        "timing": timing(time.monotonic() - start, len(images), device),
        "data": dataset.checksum(),
        "precision": selector.precision,
    }


def as_png(image: Tensor) -> str:
    """An image (3, height, width) of pixel values as base64 text of a PNG file; 224 pixels are halved."""
    picture = Image.fromarray(image.permute(1, 2, 0).cpu().numpy().astype(np.uint8))
    stream = io.BytesIO()
    picture.reduce(max(1, picture.width // SHOWN_PIXELS)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
