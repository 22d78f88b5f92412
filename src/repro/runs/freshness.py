"""Whether a record was made by the code that is here: fresh, shown to be equal, or stale.

A digest says that code differs, not that it computes anything else. `repro certify` repeats runs under today's code;
where all came out equal to the last bit, the two digests are kept as equivalent in `book/results/equivalent.json`,
with the names of the runs that show it.
"""

import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from repro import paths, procedures
from repro.disk import write_bytes
from repro.runs.code import code_digest
from repro.runs.record import Record

FRESH, EQUAL, STALE = "fresh", "fresh, verified equal", "made by another version of the code"


@dataclass(frozen=True)
class Equivalence:
    """Two versions of the code behind a procedure that gave the same records."""

    procedure: str
    old: str  # digest in the records
    new: str  # digest of the code that repeated them
    shown_by: tuple[str, ...]  # names and seeds of the runs that were repeated
    device: str
    date: str  # UTC


def freshness(record: Record) -> str:
    """FRESH, EQUAL or STALE."""
    procedure = record.name.partition("-")[0]
    today, made_by = code_digest(procedures.entry(procedure)), record.provenance.code
    if made_by == today:
        return FRESH
    return EQUAL if made_by in equal_to(procedure, today) else STALE


def equal_to(procedure: str, digest: str) -> set[str]:
    """Digests shown to be equivalent to one, directly or through others."""
    pairs = [{e.old, e.new} for e in equivalences() if e.procedure == procedure]
    found = {digest}
    while grown := {d for pair in pairs if pair & found for d in pair} - found:
        found |= grown
    return found


def equivalences() -> tuple[Equivalence, ...]:
    """What `repro certify` has shown so far."""
    file = equivalence_file()
    return _read(file, file.stat().st_mtime_ns) if file.exists() else ()


@functools.lru_cache(maxsize=4)
def _read(file: Path, changed: int) -> tuple[Equivalence, ...]:
    return tuple(Equivalence(**e | {"shown_by": tuple(e["shown_by"])}) for e in json.loads(file.read_text()))


def add_equivalence(found: Equivalence) -> None:
    """Keep what a repetition has shown."""
    lines = [json.dumps(asdict(e), sort_keys=True) for e in (*equivalences(), found)]
    write_bytes(equivalence_file(), ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def equivalence_file() -> Path:
    """Where equivalent versions are kept."""
    return paths.RESULTS / "equivalent.json"
