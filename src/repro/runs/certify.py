"""Repeat recorded runs under today's code, and keep two versions of it as equivalent where all came out alike.

Of every procedure and kind of network the quickest stale record is repeated, with all it needs, in a store of its own.
Only records of this processor and these versions can be compared to the last bit; a version of the code is equivalent
only where every kind that it recorded here came out equal.
"""

import datetime
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from repro import config, paths, procedures
from repro.runs import schedule, store
from repro.runs.code import code_digest
from repro.runs.freshness import STALE, Equivalence, add_equivalence, freshness
from repro.runs.provenance import Provenance, provenance
from repro.runs.record import Record

Recorded = tuple[Any, Record]  # a run and a committed record of it
Version = tuple[str, str]  # procedure and digest of the code that recorded


def certify(recorded: Iterable[Recorded]) -> Iterator[str]:
    """Repeat what stands for the stale records among these; keep what is shown, and say it, a line a version."""
    known = {record.key: (run, record) for run, record in recorded}
    repeated: dict[Version, list[Record]] = {}
    for record in chosen(known):
        repeated.setdefault(version_of(record), []).append(record)
    if not repeated:
        yield "no stale record was made on this processor with these versions; nothing can be compared"
        return
    tasks = [(known[r.key][0], r.seed) for group in repeated.values() for r in group]
    new = {record.key: record for record in carry_out_anew(tasks)}
    for (procedure, old), group in repeated.items():
        names = ", ".join(f"{r.name} seed {r.seed}" for r in group)
        if differing := [r.name for r in group if not same_outcome(r, new[r.key])]:
            yield f"{procedure} {old}: NOT equal, {', '.join(differing)} came out otherwise; of {names}"
            continue
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        shown = tuple(f"{r.name} seed {r.seed}" for r in group)
        digest = code_digest(procedures.entry(procedure))
        add_equivalence(Equivalence(procedure, old, digest, shown, group[0].provenance.device, today))
        yield f"{procedure} {old}: equal to the last bit to {digest}, shown by {names}"


def chosen(known: dict[tuple[str, int], Recorded]) -> list[Record]:
    """The quickest comparable stale record of every version and kind of network."""
    best: dict[tuple[Version, str], Record] = {}
    comparable = [(run, r) for run, r in known.values() if freshness(r) == STALE and is_comparable(r.provenance)]
    for run, record in sorted(comparable, key=lambda one: seconds_of(one, known)):
        best.setdefault((version_of(record), kind_of(run)), record)
    return list(best.values())


def is_comparable(made: Provenance) -> bool:
    """Whether a record was made on this processor with these versions, by committed code."""
    here = provenance(procedures.entry("train"))
    return not made.dirty and (made.device, made.versions) == (here.device, here.versions)


def version_of(record: Record) -> Version:
    """Procedure and code of a record."""
    return record.name.partition("-")[0], record.provenance.code


def kind_of(run: Any) -> str:
    """The network that a run trains, or those of the runs it needs."""
    return run.model.name if hasattr(run, "model") else " ".join(sorted({kind_of(p) for p in config.parents(run)}))


def seconds_of(one: Recorded, known: dict[tuple[str, int], Recorded]) -> float:
    """Seconds that a run and all it needs took."""
    run, record = one
    chain = [known.get((config.name(needed), seed)) for needed, seed in store.with_parents([(run, record.seed)])]
    return sum(found[1].timing["seconds"] for found in chain if found)


def carry_out_anew(tasks: list[tuple[Any, int]]) -> list[Record]:
    """Records of tasks, made in an empty store that is deleted."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"REPRO_DATA": str(paths.data()), "REPRO_HOME": folder}
        try:
            return schedule.get_or_compute(tasks, use_committed=False)
        finally:
            os.environ.clear()
            os.environ |= before


def same_outcome(old: Record, new: Record) -> bool:
    """Whether all that two records say came out is equal; not what a record of an older schema never noted."""
    if old.carried:
        new = replace(new, origin=old.origin and new.origin, tickets=old.tickets and new.tickets)
    return outcome(new) == outcome(old)


def outcome(record: Record) -> Record:
    """What must be equal of two records: all but times, origin and names from an older schema."""
    history = [{k: v for k, v in entry.items() if k != "seconds"} for entry in record.history]
    nobody = Provenance("", False, "", {}, "", "")
    return replace(record, history=history, timing={}, provenance=nobody, carried={}, inputs={})
