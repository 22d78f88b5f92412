"""What a run takes of a machine: as its procedure declares, until the first run of its size is measured.

The measurement is kept in the store, a small file a size, so that it is made once. It is that of a process which had
carried out nothing before, since memory that was freed stays with a process. The decision a reader may doubt: up to
four runs share a GPU where its memory, the only thing measured, has room for them.
"""

import contextlib
import hashlib
import json
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro import config, paths, procedures
from repro.disk import StoreFull, write_bytes
from repro.runs.record import Record

SIZED_BY = ("data", "texts", "model", "training", "selector")  # fields of a run that say how much it takes
SHARES = (1, 2, 4)  # how many runs may share a GPU
MARGIN, CONTEXT_MB = 1.2, 1000  # over what was measured; of GPU memory besides, for CUDA itself
DECODERS = 8  # processes that read and decode images for a run on ImageNet


@dataclass(frozen=True)
class Needs:
    """What a run takes."""

    cores: int
    gpu: float  # share of one, where there is one
    memory_mb: int
    seconds: float | None = None  # None where no run of its size was timed


class Fresh:
    """Whether this process has carried out no run yet."""

    is_fresh = True


def find_needs(run: Any) -> Needs:
    """What a run takes."""
    declared, found = procedures.find(run), read(file_of(run))
    cores = 1 + DECODERS if getattr(getattr(run, "data", None), "name", "") == "imagenet" else 1
    memory_mb = round(MARGIN * found["memory_mb"]) if found else declared.memory_mb
    return Needs(cores, min(declared.gpu, gpu_share(found)), memory_mb, found.get("seconds"))


def gpu_share(found: Mapping[str, float]) -> float:
    """The smallest share of a GPU in whose memory a run of this measurement has room."""
    if not found.get("gpu_total_mb"):
        return 1.0
    needed = MARGIN * found["gpu_memory_mb"] + CONTEXT_MB
    return 1 / max(count for count in SHARES if count == 1 or count * needed <= found["gpu_total_mb"])


def measure(run: Any, record: Record) -> None:
    """Keep what this process took for its first run, unless another of the same size was measured, if it can be."""
    was_fresh, Fresh.is_fresh = Fresh.is_fresh, False
    if not was_fresh or file_of(run).exists():
        return
    import torch

    found: dict[str, float] = {"memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    if "seconds" in record.timing:
        found["seconds"] = record.timing["seconds"]
    if torch.cuda.is_initialized():
        found["gpu_memory_mb"] = torch.cuda.max_memory_reserved() // 2**20
        found["gpu_total_mb"] = torch.cuda.get_device_properties(0).total_memory // 2**20
    with contextlib.suppress(StoreFull, OSError):
        write_bytes(file_of(run), json.dumps(found).encode())


def read(file: Path) -> dict[str, float]:
    """A measurement; nothing where none was made, or where its file is damaged."""
    try:
        found = {name: float(value) for name, value in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    return found if "memory_mb" in found else {}


def file_of(run: Any) -> Path:
    """Where the measurement of runs of this size is kept."""
    size = {name: value for name, value in config.canonical(run).items() if name in SIZED_BY}
    if isinstance(size.get("training"), dict):
        size["training"].pop("snapshot_epochs", None)  # keeping weights takes no time
    digest = hashlib.sha256(json.dumps(size, sort_keys=True).encode()).hexdigest()
    return paths.measured() / f"{run.procedure}-{digest[:12]}.json"
