"""The record of a finished run: what was carried out, what came out, and where it came from.

One reader and one writer. On disk it is JSON with a checksum of its own; a record that is not what was written is
never read.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from repro.config import SCHEMA, canonical
from repro.config import name as name_of
from repro.runs.provenance import Provenance


@dataclass(frozen=True)
class Record:
    """A run and a seed with their outcome."""

    name: str  # of the run, such as train-0f3a12b4c5d6
    seed: int
    config: dict[str, Any]  # fields that differ from their default; nested runs stand as their names
    metrics: dict[str, float]
    timing: dict[str, float]  # seconds, images_per_second, threads, peak_memory_mb
    data: str  # checksum of what was trained and tested on, or what stands for it
    precision: str  # bf16, fp32, fp64 or none
    provenance: Provenance
    schema: int = SCHEMA
    origin: str = ""  # whose content the data have: package, published, known, other or unchecked
    inputs: dict[str, str] = field(default_factory=dict)  # checksums of other runs' and publishers' files it began from
    weights: str = ""  # checksum of the final weights
    tickets: str = ""  # checksum of the patches selected
    history: list[dict[str, float]] = field(default_factory=list)  # an entry an epoch
    details: dict[str, Any] = field(default_factory=dict)  # what else the procedure leaves for pages
    carried: dict[str, str] = field(default_factory=dict)  # name and code it was recorded under by an older schema

    @property
    def key(self) -> tuple[str, int]:
        """Name and seed."""
        return self.name, self.seed

    @property
    def outcome(self) -> str:
        """The first metric, in words."""
        name, value = next(iter(self.metrics.items()))
        return f"{name.replace('_', ' ')} {value:.3f}"


OPTIONAL = (
    "origin",
    "inputs",
    "weights",
    "tickets",
    "history",
    "details",
    "carried",
)  # fields left out where they are empty


def of_run(run: Any, seed: int, result: Mapping[str, Any], made_by: Provenance) -> Record:
    """The record of a run from what its procedure returned; what has no field of its own goes into the details."""
    own = {f.name for f in dataclasses.fields(Record)}
    known = {name: value for name, value in result.items() if name in own}
    more = {name: value for name, value in result.items() if name not in own}
    return Record(name_of(run), seed, canonical(run), provenance=made_by, details=more, **known)


def write(record: Record, indent: int | None = None) -> str:
    """A record as JSON with its checksum. Raises ValueError where it holds what is not a number."""
    body = {name: value for name, value in dataclasses.asdict(record).items() if value or name not in OPTIONAL}
    return json.dumps(body | {"checksum": checksum(body)}, sort_keys=True, indent=indent, allow_nan=False)


def read(text: str) -> Record:
    """A record from its JSON. Raises ValueError where it is not what was written."""
    body = json.loads(text)
    if not isinstance(body, dict) or body.pop("checksum", None) != checksum(body):
        raise ValueError("the record does not match its checksum")
    try:
        return Record(**body | {"provenance": Provenance(**body["provenance"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"the record has other fields than this version writes: {error}") from error


def checksum(body: Mapping[str, Any]) -> str:
    """SHA-256 of a record's fields, first 12 hex digits."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
