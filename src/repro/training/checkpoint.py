"""Tensors on disk: safetensors files with a checksum, written whole or not at all.

A file is written beside its place, flushed and then moved there, so that a killed process leaves the old file or the
new one. What is read is checked against the SHA-256 it was written with.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from repro.disk import reopening, write_bytes
from repro.machine import is_first

HEADER = "repro"  # entry of a safetensors header that holds checksum and meta


class DamagedFile(RuntimeError):
    """A file of the store that does not match its checksum or cannot be parsed."""


def snapshot_file(epoch: int) -> str:
    """Name of the file that keeps the weights after `epoch` epochs."""
    return f"epoch-{epoch}.safetensors"


def optimizer_file(epoch: int) -> str:
    """Name of the file that keeps what the optimiser held after `epoch` epochs."""
    return f"optimizer-{epoch}.safetensors"


def set_aside(file: Path, why: Exception | str, what: str = "damaged") -> None:
    """Rename a file that is damaged, or what else it is, so that it is never read again, and say so."""
    number = 1
    while (aside := file.with_name(f"{file.name}.{what}-{number}")).exists():
        number += 1
    file.rename(aside)
    print(f"repro: {why}; set aside as {aside.name}, it is made again", file=sys.stderr)


def compare_stamps(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """What differs between what a file was made from and what is here, in words; nothing where they are the same."""
    names = [name for name in {**new, **old} if old.get(name) != new.get(name)]
    return "; ".join(f"{name} {old.get(name, 'unknown')}, here it is {new.get(name, 'none')}" for name in names)


def save_tensors(file: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any] | None = None) -> str:
    """Write tensors and a JSON-ready mapping; returns the checksum of the tensors.

    Of several processes that train one network the first alone writes.
    """
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    digest = checksum(plain)
    if not is_first():
        return digest
    # One entry, because the order of several is not the same from one writing to the next.
    header = json.dumps({"checksum": digest, "meta": meta or {}}, sort_keys=True)
    write_bytes(file, save(plain, metadata={HEADER: header}))
    return digest


def load_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and mapping of a file. Raises DamagedFile where it is not what was written, or StaleFile."""
    try:
        tensors, header = reopening(file, lambda: _read(file))
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(f"{file} cannot be read: {error}") from error
    if checksum(tensors) != header.get("checksum"):
        raise DamagedFile(f"{file} does not match its checksum")
    return tensors, header["meta"]


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safetensors.safe_open(file, framework="pt") as stream:
        header = json.loads((stream.metadata() or {}).get(HEADER, "{}"))
        return {name: stream.get_tensor(name) for name in stream.keys()}, header  # noqa: SIM118


def stored_checksum(file: Path) -> str:
    """The checksum a file was written with, without reading its tensors. Raises DamagedFile."""
    try:
        with safetensors.safe_open(file, framework="pt") as stream:
            return str(json.loads((stream.metadata() or {})[HEADER])["checksum"])
    except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
        raise DamagedFile(f"{file} cannot be read: {error}") from error


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of tensors on the CPU, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
