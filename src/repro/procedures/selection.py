"""Selecting patches: the network that selects, and where a training finds the patches of its images."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from repro.config import PatchTicket, SelectRun, ShowRun, name
from repro.models.vit import score_patches, select_patches
from repro.procedures.origins import FolderOf, trained_model, weights_file
from repro.tickets.patches import keep_highest
from repro.tickets.stages import round_up
from repro.training.checkpoint import stored_checksum
from repro.training.precision import autocast, usable_precision
from repro.training.sources import AtWork, Centre, Chance, PatchSource, Stored, fixed_chance
from repro.training.ticket_store import TICKETS_FILE, TicketStore, open_tickets


class Selector:
    """A trained ViT that keeps patches, in stages or by a score: no gradient, bf16 where the device has it."""

    def __init__(self, run: SelectRun | ShowRun, folder_of: FolderOf, device: torch.device) -> None:
        self.model, self.keep_rate, self.device = trained_model(run.selector, folder_of, device), run.keep_rate, device
        self.score = run.score if isinstance(run, SelectRun) else None
        self.patches: int = self.model.patch_embed.num_patches  # type: ignore[assignment, union-attr]
        self.precision = selecting_precision(device)

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


def made_from(run: SelectRun, data: str, folder_of: FolderOf, device: torch.device) -> dict[str, Any]:
    """What tickets depend on, for the header of their file; `data` is a checksum."""
    weights = stored_checksum(weights_file(run.selector, folder_of))
    found = {"selector": weights, "keep_rate": run.keep_rate, "data": data, "precision": selecting_precision(device)}
    return found | ({"score": dataclasses.asdict(run.score)} if run.score else {})


def selecting_precision(device: torch.device) -> str:
    """The precision that patches are selected in."""
    return usable_precision("bf16", device)


def find_tickets(run: SelectRun, seed: int, data: str, folder_of: FolderOf, device: torch.device) -> TicketStore:
    """The tickets a finished selection left. Raises DamagedFile or MismatchedTickets, which name the mend."""
    mend = f"repro compute {name(run)} --seed {seed} --refresh"
    return open_tickets(folder_of(run) / TICKETS_FILE, made_from(run, data, folder_of, device), mend)


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
