"""What runs begin from: weights that other runs leave or publishers give, what they were, and networks made of them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from repro import paths
from repro.config import MergedTicket, Model, Pretrained, PretrainRun, Published, Rewind, Run, TrainRun, name, parents
from repro.data.loader import derive_seed
from repro.models import build_model
from repro.procedures import RECORD_FILE
from repro.training.checkpoint import load_tensors, optimizer_file, snapshot_file, stored_checksum
from repro.training.precision import place
from repro.training.ticket_store import TICKETS_FILE

FINAL_FILE = "final.safetensors"
MASK_PREFIX = "mask/"  # of the tensors in that file which are a mask and no weights
FolderOf = Callable[[Run], Path]  # where a finished run keeps its files
Origin = TrainRun | PretrainRun | Rewind | Pretrained


class NoWeights(RuntimeError):
    """Weights that are not here, do not fit the network or are not numbers; the message names the mend."""


class OtherData(RuntimeError):
    """A run was made on other data than are here now under the same name."""


def weights_file(origin: Origin, folder_of: FolderOf) -> Path:
    """Where the weights are kept that a run ended with, or had after an epoch."""
    if isinstance(origin, Rewind):
        return folder_of(origin.source) / snapshot_file(origin.epoch)
    return folder_of(origin.source if isinstance(origin, Pretrained) else origin) / FINAL_FILE


def held_file(run: TrainRun, folder_of: FolderOf) -> Path | None:
    """Where what a training's optimiser begins with is kept; None for a fresh one."""
    if not (isinstance(run.start, Rewind) and run.start.optimizer):
        return None
    return folder_of(run.start.source) / optimizer_file(run.start.epoch)


def load_origin(model: nn.Module, origin: Origin, folder_of: FolderOf) -> None:
    """Load those weights and buffers, to the bit. Raises DamagedFile or NoWeights."""
    file = weights_file(origin, folder_of)
    tensors = {n: t for n, t in load_tensors(file)[0].items() if not n.startswith(MASK_PREFIX)}
    check_weights(tensors, model, file)
    model.load_state_dict(tensors)


def check_weights(tensors: Mapping[str, Tensor], model: nn.Module, file: Path) -> None:
    """Raise NoWeights where a file gives a network anything but finite floating-point numbers for its weights."""
    for key, own in model.state_dict().items():
        if (tensor := tensors.get(key)) is None or not own.is_floating_point():
            continue
        if not tensor.is_floating_point():
            what = f"{key} as {tensor.dtype}, and weights are floating-point numbers"
        elif not tensor.isfinite().all():
            what = f"values in {key} that are infinite or not numbers"
        else:
            continue
        raise NoWeights(f"{file} holds {what}; fetch it again, or train what left it at a lower learning_rate")


def load_backbone(model: nn.Module, source: PretrainRun | TrainRun, folder_of: FolderOf) -> None:
    """Load what a run learnt into a network of its kind, whose own head, where it has one, stays as it was drawn.

    Raises DamagedFile or NoWeights.
    """
    file = weights_file(source, folder_of)
    tensors = load_tensors(file)[0]
    head = {id(weight) for weight in model.get_classifier().parameters()}  # type: ignore[operator]
    own = {n: t for n, t in model.state_dict(keep_vars=True).items() if id(t) not in head}
    if wrong := [n for n, t in own.items() if n not in tensors or tensors[n].shape != t.shape]:
        raise NoWeights(f"{file} does not fit this network: it has no {wrong[0]} of shape {tuple(own[wrong[0]].shape)}")
    found = {n: tensors[n] for n in own}
    check_weights(found, model, file)
    model.load_state_dict(found, strict=False)


def trained_model(origin: TrainRun | Rewind, folder_of: FolderOf, device: torch.device) -> nn.Module:
    """The network of a finished run, in evaluation mode."""
    config = (origin.source if isinstance(origin, Rewind) else origin).model
    model = build_model(config, fused_attention=device.type == "cuda")
    load_origin(model, origin, folder_of)
    return place(model, device).eval()


def draw_model(config: Model, seed: int, device: torch.device, draw: int = 0) -> nn.Module:
    """A network as it is drawn for a seed: draw 0 is the original one."""
    torch.manual_seed(derive_seed(seed, "initialisation", draw))
    return build_model(config, fused_attention=device.type == "cuda")


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
    try:
        found = {n: t for n, t in safetensors.torch.load_file(file).items() if not n.startswith("head.")}
    except safetensors.SafetensorError as error:
        raise NoWeights(f"{file} cannot be read, fetch it again: {error}") from error
    wrong = [n for n in own if not n.startswith("head.") and (n not in found or found[n].shape != own[n].shape)]
    if wrong:
        raise NoWeights(f"{file} does not fit this network: it has no {wrong[0]} of shape {tuple(own[wrong[0]].shape)}")
    check_weights(found, model, file)
    model.load_state_dict(found, strict=False)


def inputs_of(run: TrainRun, folder_of: FolderOf) -> dict[str, str]:
    """SHA-256 of what a training begins from, by what it is to it; of a publisher's file as it was fetched."""
    files: dict[str, Path] = {}
    if run.start and not isinstance(run.start, Published):
        files["start"] = weights_file(run.start, folder_of)
    if held := held_file(run, folder_of):
        files["optimizer"] = held
    parts = run.ticket.parts if isinstance(run.ticket, MergedTicket) else (run.ticket,) if run.ticket else ()
    for number, part in enumerate(parts, start=1):
        files["ticket" if len(parts) == 1 else f"ticket {number}"] = weights_file(part.source, folder_of)
    if run.patches:
        files["patches"] = folder_of(run.patches.source) / TICKETS_FILE
        files["selector"] = weights_file(run.patches.source.selector, folder_of)
    if run.annotator:
        files["annotator"] = weights_file(run.annotator, folder_of)
    found = {what: stored_checksum(file) for what, file in files.items()}
    if isinstance(run.start, Published):
        with find_published(run.start).open("rb") as stream:
            found["start"] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def check_same_data(run: Any, seed: int, checksum: str, folder_of: FolderOf) -> None:
    """Raise OtherData unless the runs that a run needs were made on the same data, where they name the same."""
    for parent in parents(run):
        file = folder_of(parent) / RECORD_FILE
        if getattr(parent, "data", None) != run.data or not file.exists():
            continue
        if (other := json.loads(file.read_text())["data"]) != checksum:
            raise OtherData(
                f"{name(parent)} was made on {run.data.name} with the checksum {other}, here it has {checksum}; "
                f"`repro compute {name(parent)} --seed {seed} --refresh` makes it again on what is here"
            )
