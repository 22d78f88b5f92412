"""Records that were committed to `book/results`, a file an artefact and preset, a line a record.

They answer where the own store has none, so that a page can be shown without training. A file is renewed as a whole
and by one process at a time; what is replaced is named, and nothing is replaced by what says less.
"""

import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from repro import config, lease, paths
from repro.disk import write_bytes
from repro.runs import record as records
from repro.runs import store
from repro.runs.record import Record


class DamagedRecord(RuntimeError):
    """A committed record that is not what was written."""


class WorseRecord(RuntimeError):
    """A record that would replace a better one; nothing was written."""


def find(run: Any, seed: int, first: Path | None = None) -> Record | None:
    """The record of a run: the own one, else the committed one, that of the file `first` if it has one, else None."""
    return store.find_local(run, seed) or find_committed(run, seed, first)


def find_committed(run: Any, seed: int, first: Path | None = None) -> Record | None:
    """The record in `book/results`: that of the file `first` if it has one."""
    return committed(first).get((config.name(run), seed))


def committed(first: Path | None = None) -> dict[tuple[str, int], Record]:
    """Records in `book/results`, by name and seed; those of the file `first` before those of others.

    A run that two artefacts share may have been carried out for each, on machines that round differently: what was
    trained on its weights lies in the same file. Raises DamagedRecord, naming the line.
    """
    found: dict[tuple[str, int], Record] = {}
    for file in sorted(paths.RESULTS.glob("*.jsonl"), key=lambda file: (file == first, file)):
        found |= read_file(file)
    return found


def read_file(file: Path) -> dict[tuple[str, int], Record]:
    """The records of a file; none where there is no file. Raises DamagedRecord, also for two lines of one run."""
    return _read_file(file, file.stat().st_mtime_ns) if file.exists() else {}


@functools.lru_cache(maxsize=64)
def _read_file(file: Path, changed: int) -> dict[tuple[str, int], Record]:
    found: dict[tuple[str, int], Record] = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            record = records.read(line)
            if record.key in found:
                raise ValueError(f"a second record of {record.name} seed {record.seed}")
        except ValueError as error:
            raise DamagedRecord(f"{file.name}, line {number}: {error}; restore it with `git checkout`") from error
        found[record.key] = record
    return found


def record_runs(tasks: Iterable[tuple[Any, int]], file: Path, replace: bool = False) -> tuple[Counter[str], int]:
    """Add the records of tasks and of their parents to a file; returns what was done how often, and how many it holds.

    Raises RunMissing where a run has no record, and WorseRecord where one would replace a better one unless `replace`.
    """
    paths.home().mkdir(parents=True, exist_ok=True)
    with lease.hold(paths.home() / f"{file.name}.lease"):
        paths.sweep(file.parent)
        lines = dict(read_file(file))
        done: Counter[str] = Counter()
        for run, seed in store.with_parents(tasks):
            new = find(run, seed, file)
            if new is None:
                raise store.RunMissing(f"{config.name(run)} seed {seed} is not done; carry it out with `repro run`")
            done[change(lines.get(new.key), new, replace)] += 1
            lines[new.key] = new
        write_bytes(file, "".join(records.write(r) + "\n" for r in lines.values()).encode())
    return done, len(lines)


def change(old: Record | None, new: Record, replace: bool) -> str:
    """What becomes of a line, in words. Raises WorseRecord."""
    if old is None:
        return "added"
    if old == new:
        return "as they were"
    if (worse := why_worse(old, new)) and not replace:
        raise WorseRecord(
            f"{new.name} seed {new.seed}: {worse}. Nothing was written; commit first or mend the data and run it "
            "again with --refresh, or replace it all the same with `repro record --replace`"
        )
    if old.provenance.code != new.provenance.code:
        return "replaced, made by other code"
    return "replaced, made by the same code at another time"


def why_worse(old: Record, new: Record) -> str:
    """Why a record says less than the committed one; nothing where it does not."""
    if new.provenance.dirty and not old.provenance.dirty:
        return "it was made by code that is not committed, the committed record by code that is"
    if new.data != old.data:
        return f"it was made on other data (checksum {new.data}) than the committed record ({old.data})"
    return ""
