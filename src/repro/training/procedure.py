"""What a `TrainRun` does: draw or rewind the weights, cut the ticket, train, evaluate, keep the weights."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from repro.config import Rewind, TrainRun, WeightTicket
from repro.data import load_dataset
from repro.data.loader import derive_seed
from repro.models import build_model
from repro.tickets import weights
from repro.training.checkpoint import load_tensors, save_tensors
from repro.training.loop import Fit, evaluate, snapshot_file
from repro.training.precision import pick_device, place, set_up_kernels

FINAL_FILE = "final.safetensors"
MASK_PREFIX = "mask/"


def train(run: TrainRun, seed: int, folder: Path, folder_of: Callable[[TrainRun], Path]) -> dict[str, Any]:
    """Carry out a run; returns metrics, history, timing and the checksums of data and weights.

    `folder` receives checkpoints and final weights; `folder_of` names the folder of a finished run it needs.
    """
    set_up_kernels()
    device = pick_device()
    dataset = load_dataset(run.data)
    model = place(initial_model(run, seed, folder_of, device), device)
    mask = cut_ticket(run.ticket, model, folder_of) if run.ticket else {}
    config = run.training
    fit = Fit(
        model,
        dataset.train_loader(config.batch_size, config.augment, seed, device),
        config,
        first_epoch=run.start.epoch if run.start else 0,
        zero_masked=weights.mask_applier(model, mask),
        folder=folder,
    )
    fit.run()
    metrics = evaluate(fit.averaged, dataset.test_batches(device), fit.precision)
    if mask:
        metrics["sparsity"] = weights.sparsity(mask)
        metrics["sparsity_over_model"] = weights.sparsity_over_model(mask, model)
    kept = fit.averaged.state_dict() | {MASK_PREFIX + name: m for name, m in mask.items()}
    trained = (fit.last_step - fit.first_step) * config.batch_size
    return {
        "metrics": metrics,
        "history": fit.history,
        "timing": {
            "seconds": round(fit.seconds, 2),
            "images_per_second": round(trained / max(fit.seconds, 1e-9), 1),
            "threads": torch.get_num_threads(),
            "peak_memory_mb": round(peak_memory(device) / 2**20),
        },
        "weights": save_tensors(folder / FINAL_FILE, kept),
        "data": dataset.checksum(),
        "precision": fit.precision,
    }


def initial_model(
    run: TrainRun, seed: int, folder_of: Callable[[TrainRun], Path], device: torch.device
) -> torch.nn.Module:
    """The network with the weights a run starts from: a draw of its own, or those of an epoch of another run."""
    torch.manual_seed(derive_seed(seed, "initialisation", run.draw))
    model = build_model(run.model, fused_attention=device.type == "cuda")
    if run.start:
        model.load_state_dict(rewound_weights(run.start, folder_of))
    return model


def rewound_weights(start: Rewind, folder_of: Callable[[TrainRun], Path]) -> dict[str, torch.Tensor]:
    """Weights and buffers of the source after `start.epoch` epochs, to the bit."""
    return load_tensors(folder_of(start.source) / snapshot_file(start.epoch))[0]


def cut_ticket(ticket: WeightTicket, model: torch.nn.Module, folder_of: Callable[[TrainRun], Path]) -> weights.Mask:
    """The mask by magnitude of the source's final weights, within the mask the source was trained on."""
    tensors = load_tensors(folder_of(ticket.source) / FINAL_FILE)[0]
    names = weights.prunable_names(dict(model.named_parameters()), ticket.scope)
    within = {n.removeprefix(MASK_PREFIX): m for n, m in tensors.items() if n.startswith(MASK_PREFIX)}
    share = ticket.sparsity
    if ticket.counted_over == "model":
        share = weights.scope_sparsity(share, model, ticket.scope)
    chosen = {name: tensors[name] for name in names}
    return weights.magnitude_mask(chosen, share, within=within or None, layout=ticket.layout)


def peak_memory(device: torch.device) -> int:
    """Most memory held so far, in bytes: of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
