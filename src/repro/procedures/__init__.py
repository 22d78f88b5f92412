"""What is carried out: one module a kind of run, named as the kind is in a run's name.

Each declares itself once, as a `Procedure`. Store, scheduler, rehearsal and provenance ask that declaration and know no
kind by name, so a new kind touches its config and its module.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RECORD_FILE = "record.json"  # in the folder of a finished run
Result = dict[str, Any]  # what a run leaves in its record, metrics first


@dataclass(frozen=True)
class Procedure:
    """How one kind of run is carried out, and what others must know of it."""

    config: type
    carry_out: Callable[..., Result]  # of a run, its seed, its folder, and a function that gives another run's folder
    kept_files: Callable[[Any], list[str]] = lambda run: []  # that other runs read: safetensors in the run's folder
    check: Callable[[Any], object] = lambda run: None  # raises where what a run reads is not here, before anything runs
    needs_parents: bool = False  # its files are checked against those of its parents, so those must be there too
    gpu: float = 0.0  # share of a GPU that it uses where there is one
    memory_mb: int = 1000  # most that a process of it has been seen to take at `pocket`
    shared: bool = False  # whether several processes that torchrun started carry it out together
    shrinks: Mapping[type, Callable[[Any], Any]] = field(default_factory=dict)  # for a rehearsal: each config, smaller


def entry(kind: str) -> str:
    """The module of a kind of run, such as repro.procedures.train."""
    return f"{__name__}.{kind}"


def find(run: Any) -> Procedure:
    """The procedure of a run."""
    found: Procedure = importlib.import_module(entry(run.procedure)).PROCEDURE
    return found
