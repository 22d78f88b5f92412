"""What a `TrainRun` does: draw or rewind the weights, cut or find the ticket, train, evaluate, keep the weights."""

from pathlib import Path
from typing import Any

import torch

from repro.config import ConfigError, MergedTicket, Published, Rewind, TrainRun, WeightTicket
from repro.data import AnyDataset
from repro.data.loader import Loader, derive_seed
from repro.models import build_model
from repro.models.patched import MEAN_COLOUR, PatchNetwork
from repro.procedures import Procedure
from repro.procedures.origins import (
    FINAL_FILE,
    MASK_PREFIX,
    FolderOf,
    check_same_data,
    check_weights,
    find_published,
    held_file,
    inputs_of,
    load_origin,
    load_published,
    trained_model,
    weights_file,
)
from repro.procedures.selection import find_tickets, make_source
from repro.procedures.shrinking import IMAGE_SHRINKS
from repro.procedures.subsets import check_data, open_data
from repro.tickets import weights
from repro.training.checkpoint import load_tensors, optimizer_file, save_tensors, snapshot_file
from repro.training.cost import timing
from repro.training.exam import Exam
from repro.training.loop import Fit
from repro.training.objective import Classification, Objective, TokenLabelling
from repro.training.precision import pick_device, place, set_up_kernels
from repro.training.ranks import find_ranks
from repro.training.ticket_store import TicketStore


def train(run: TrainRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Carry out a run; returns metrics, history, timing and the checksums of data and weights.

    `folder` receives checkpoints and final weights; `folder_of` names the folder of a finished run it needs.
    """
    set_up_kernels(device := pick_device())
    dataset = open_data(run.data, folder_of, run.model)
    check_same_data(run, seed, data := dataset.checksum(), folder_of)
    inputs = inputs_of(run, folder_of)
    tickets = find_tickets(run.patches.source, seed, data, folder_of, device) if run.patches else None
    network = place(make_network(run, initial_model(run, seed, folder_of, device), dataset, tickets), device)
    mask = find_mask(run.ticket, network.inner, folder_of) if run.ticket else {}
    described = describe_mask(mask, network.inner)
    exam = Exam(dataset, tickets, run.training.precision, device)
    loader = make_loader(run, seed, dataset, device)
    fit = Fit(
        network,
        loader,
        run.training,
        objective=make_objective(run, seed, loader, tickets, folder_of),
        first_epoch=run.start.epoch if isinstance(run.start, Rewind) else 0,
        zero_masked=weights.mask_applier(network.inner, mask),
        held=held_file(run, folder_of),
        folder=folder,
        stamp={"data": data, **inputs},
        test=exam.test if run.curve else None,
    )
    fit.run()
    kept = fit.averaged.inner.state_dict() | {MASK_PREFIX + name: m for name, m in mask.items()}
    return {
        "metrics": exam.test(fit.averaged) | described | exam.test_random(fit.averaged, seed),
        "history": fit.history,
        "timing": timing(fit.seconds, (fit.last_step - fit.first_step) * loader.batch_size, device) | fit.ranks.counts,
        "weights": save_tensors(folder / FINAL_FILE, kept),
        "inputs": inputs,
        "data": data,
        "origin": dataset.origin,
        "precision": fit.precision,
    }


def describe_mask(mask: weights.Mask, model: torch.nn.Module) -> dict[str, float]:
    """Of a mask, both sparsities and its overlap with the weights a training begins with; nothing without one."""
    if not mask:
        return {}
    return {
        "sparsity": weights.sparsity(mask),
        "sparsity_over_model": weights.sparsity_over_model(mask, model),
        "overlap": weights.overlap(mask, model),
    }


def make_loader(run: TrainRun, seed: int, dataset: AnyDataset, device: torch.device) -> Loader:
    """Training batches in the run's order."""
    order = derive_seed(seed, "order", run.order) if run.order else seed
    ranks = find_ranks()
    return dataset.train_loader(
        run.training.batch_size, run.training.augment, order, device, rank=ranks.rank, world=ranks.world
    )


def initial_model(run: TrainRun, seed: int, folder_of: FolderOf, device: torch.device) -> torch.nn.Module:
    """The network with the weights a run starts from: a draw of its own, or those of another run."""
    torch.manual_seed(derive_seed(seed, "initialisation", run.draw))
    model = build_model(run.model, fused_attention=device.type == "cuda")
    if isinstance(run.start, Published):
        load_published(model, run.start)
    elif run.start:
        load_origin(model, run.start, folder_of)
    return model


def make_network(
    run: TrainRun, model: torch.nn.Module, dataset: AnyDataset, tickets: TicketStore | None
) -> PatchNetwork:
    """The run's network as it takes images and ids; painted patches are the mean colour, or black."""
    if not (run.patches and tickets):
        return PatchNetwork(model, run.model.keep_rate)
    mean, std = dataset.statistics()
    colour = -mean / std if run.patches.fill == "black" else MEAN_COLOUR
    return PatchNetwork(model, run.model.keep_rate, tickets.patches, colour=colour, blank=run.patches.blank)


def make_objective(
    run: TrainRun, seed: int, loader: Loader, tickets: TicketStore | None, folder_of: FolderOf
) -> Objective:
    """What the run minimises. Raises ConfigError where LV-ViT lacks an annotator or another network has one."""
    source = make_source(run.patches, seed, tickets, folder_of, loader.device) if run.patches and tickets else None
    if (run.model.name == "lvvit") != bool(run.annotator):
        raise ConfigError("lvvit needs an annotator, and no other network takes one")
    if run.annotator:
        patches = (run.model.image_size // run.model.patch_size) ** 2
        annotator = trained_model(run.annotator, folder_of, loader.device)
        return TokenLabelling(run.training, seed, annotator, patches, source)
    return Classification(run.training, loader.classes, seed, source)


def find_mask(ticket: WeightTicket | MergedTicket, model: torch.nn.Module, folder_of: FolderOf) -> weights.Mask:
    """The mask of a ticket, merged where it has parts."""
    if isinstance(ticket, MergedTicket):
        return weights.merge_masks([cut_ticket(part, model, folder_of) for part in ticket.parts], ticket.merge)
    return cut_ticket(ticket, model, folder_of)


def cut_ticket(ticket: WeightTicket, model: torch.nn.Module, folder_of: FolderOf) -> weights.Mask:
    """The mask by magnitude of the source's final weights, within the mask the source was trained on."""
    tensors = load_tensors(file := weights_file(ticket.source, folder_of))[0]
    names = weights.prunable_names(dict(model.named_parameters()), ticket.scope)
    within = {n.removeprefix(MASK_PREFIX): m for n, m in tensors.items() if n.startswith(MASK_PREFIX)}
    share = ticket.sparsity
    if ticket.counted_over == "model":
        share = weights.scope_sparsity(share, model, ticket.scope)
    if ticket.counted_over == "remaining" and within:
        share = 1 - (1 - share) * (1 - weights.sparsity(within))
    chosen = {name: tensors[name] for name in names}
    check_weights(chosen, model, file)
    return weights.magnitude_mask(chosen, share, within=within or None, layout=ticket.layout)


def kept_files(run: TrainRun) -> list[str]:
    """Final weights, and weights and optimiser states kept for rewinding."""
    epochs = run.training.snapshot_epochs
    return [FINAL_FILE, *map(snapshot_file, epochs), *map(optimizer_file, filter(None, epochs))]


def check(run: TrainRun) -> None:
    """Raise where the data, or the weights of a publisher, are not here."""
    check_data(run.data)
    if isinstance(run.start, Published):
        find_published(run.start)


PROCEDURE = Procedure(TrainRun, train, kept_files, check, gpu=1.0, memory_mb=2500, shared=True, shrinks=IMAGE_SHRINKS)
