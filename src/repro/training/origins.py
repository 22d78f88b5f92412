"""Weights that other runs leave: where they are kept, and networks made of them."""

from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from repro import paths
from repro.config import Pretrained, Published, Rewind, Run, TrainRun
from repro.models import build_model
from repro.training.checkpoint import load_tensors
from repro.training.precision import place

FINAL_FILE = "final.safetensors"
MASK_PREFIX = "mask/"  # of the tensors in that file which are a mask and no weights
FolderOf = Callable[[Run], Path]  # where a finished run keeps its files
Origin = TrainRun | Rewind | Pretrained


class NoWeights(RuntimeError):
    """Published weights that are not here, or that do not fit the network; the message names the mend."""


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


def published_file(start: Published) -> Path:
    """Where the user puts published weights."""
    return paths.data() / "weights" / f"{start.name}.safetensors"


def find_published(start: Published) -> Path:
    """The file of published weights. Raises NoWeights where the user has not put it there."""
    file = published_file(start)
    if not file.is_file():
        raise NoWeights(
            f"no weights {file}; fetch them with `hf download timm/{start.name} model.safetensors` and put them there"
        )
    return file


def load_published(model: nn.Module, start: Published) -> None:
    """Load published weights into a network, whose head stays as it was drawn. Raises NoWeights."""
    file = find_published(start)
    own = model.state_dict()
    found = {n: t for n, t in safetensors.torch.load_file(file).items() if not n.startswith("head.")}
    wrong = [n for n in own if not n.startswith("head.") and (n not in found or found[n].shape != own[n].shape)]
    if wrong:
        raise NoWeights(f"{file} does not fit this network: it has no {wrong[0]} of shape {tuple(own[wrong[0]].shape)}")
    model.load_state_dict(found, strict=False)
