"""Weights that other runs leave: where they are kept, and networks made of them."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from repro.config import Pretrained, Rewind, Run, TrainRun
from repro.models import build_model
from repro.training.checkpoint import load_tensors
from repro.training.precision import place

FINAL_FILE = "final.safetensors"
MASK_PREFIX = "mask/"  # of the tensors in that file which are a mask and no weights
FolderOf = Callable[[Run], Path]  # where a finished run keeps its files
Origin = TrainRun | Rewind | Pretrained


def snapshot_file(epoch: int) -> str:
    """Name of the file that keeps the weights after `epoch` epochs."""
    return f"epoch-{epoch}.safetensors"


def weights_file(origin: Origin, folder_of: FolderOf) -> Path:
    """Where the weights are kept that a run ended with, or had after an epoch."""
    if isinstance(origin, Rewind):
        return folder_of(origin.source) / snapshot_file(origin.epoch)
    return folder_of(origin.source if isinstance(origin, Pretrained) else origin) / FINAL_FILE


def weights_of(origin: Origin, folder_of: FolderOf) -> dict[str, Tensor]:
    """Those weights and buffers, to the bit. Raises DamagedFile."""
    tensors = load_tensors(weights_file(origin, folder_of))[0]
    return {name: t for name, t in tensors.items() if not name.startswith(MASK_PREFIX)}


def trained_model(origin: TrainRun | Rewind, folder_of: FolderOf, device: torch.device) -> nn.Module:
    """The network of a finished run, in evaluation mode."""
    config = (origin.source if isinstance(origin, Rewind) else origin).model
    model = build_model(config, fused_attention=device.type == "cuda")
    model.load_state_dict(weights_of(origin, folder_of))
    return place(model, device).eval()
