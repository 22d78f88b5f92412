"""The store of runs: get a record or compute it, once.

A run's folder holds a checkpoint while it trains and `record.json` when it is done. The record carries its own
checksum and that of the weights, so a damaged file is found, named, set aside and made again, never read. Records
that were committed to `book/results` answer where the own store has none, so that a page can be shown without training.
"""

import functools
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from repro import config, paths, procedures
from repro.runs.provenance import provenance

RECORD_FILE = "record.json"
Record = dict[str, Any]


class RunMissing(RuntimeError):
    """A run that is asked for has no record."""


class DamagedRecord(RuntimeError):
    """A committed record that is not what was written."""


def folder(run: Any, seed: int) -> Path:
    """Where a run keeps its files."""
    return paths.run_folder(config.name(run), seed)


def find(run: Any, seed: int, first: Path | None = None) -> Record | None:
    """The record of a run: the own one, else the committed one, that of the file `first` if it has one, else None."""
    return find_local(run, seed) or find_committed(run, seed, first)


def find_local(run: Any, seed: int) -> Record | None:
    """The record in the own store; a damaged one is set aside and counts as none."""
    file = folder(run, seed) / RECORD_FILE
    if not file.exists():
        return None
    try:
        return parse_record(file.read_text())
    except ValueError as error:
        from repro.training.checkpoint import set_aside

        set_aside(file, error)
        return None


def find_committed(run: Any, seed: int, first: Path | None = None) -> Record | None:
    """The record in `book/results`: that of the file `first` if it has one."""
    return committed(first).get((config.name(run), seed))


def state_of(home: Path) -> str:
    """What a run's folder says of it, in words."""
    file = home / RECORD_FILE
    if not file.exists():
        return "under way or interrupted"
    try:
        return outcome(parse_record(file.read_text()))
    except ValueError:
        return "damaged record; the next run that needs it makes it again"


def outcome(record: Record) -> str:
    """The first metric of a record, in words."""
    name, value = next(iter(record["metrics"].items()))
    return f"{name.replace('_', ' ')} {value:.3f}"


def parse_record(line: str) -> Record:
    """A record from its JSON. Raises ValueError where it is not what was written."""
    record = json.loads(line)
    if not isinstance(record, dict) or record.get("checksum") != record_checksum(record):
        raise ValueError("the record does not match its checksum")
    return record


def record_checksum(record: Record) -> str:
    """SHA-256 of a record without its checksum, first 12 hex digits."""
    body = {k: v for k, v in record.items() if k != "checksum"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]


def committed(first: Path | None = None) -> dict[tuple[str, int], Record]:
    """Records in `book/results`, by name and seed; those of the file `first` before those of others.

    A run that two artefacts share may have been carried out for each, on machines that round differently: what was
    trained on its weights lies in the same file. Raises DamagedRecord, naming the line.
    """
    found: dict[tuple[str, int], Record] = {}
    for file in sorted(paths.RESULTS.glob("*.jsonl"), key=lambda file: (file == first, file)):
        found |= _committed_in(file, file.stat().st_mtime_ns)
    return found


@functools.lru_cache(maxsize=64)
def _committed_in(file: Path, changed: int) -> dict[tuple[str, int], Record]:
    found = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            record = parse_record(line)
        except ValueError as error:
            raise DamagedRecord(f"{file.name}, line {number}: {error}; restore it with `git checkout`") from error
        found[record["name"], record["seed"]] = record
    return found


def record(tasks: Iterable[tuple[Any, int]], file: Path) -> tuple[int, int]:
    """Add the own records of tasks and of their parents to a file of committed ones; returns how many, of how many.

    Raises RunMissing where a run has no record.
    """
    lines = {(r["name"], r["seed"]): r for r in map(parse_record, _lines(file))}
    before = dict(lines)
    for run, seed in _with_parents(tasks):
        found = find(run, seed, file)
        if found is None:
            raise RunMissing(f"{config.name(run)} seed {seed} is not done; carry it out with `repro run`")
        lines[found["name"], seed] = found
    content = "".join(json.dumps(r, sort_keys=True) + "\n" for r in lines.values())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return sum(before.get(k) != r for k, r in lines.items()), len(lines)


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _with_parents(tasks: Iterable[tuple[Any, int]]) -> list[tuple[Any, int]]:
    found: dict[tuple[Any, int], None] = {}
    for run, seed in tasks:
        found |= dict.fromkeys(_with_parents((parent, seed) for parent in config.parents(run)))
        found[run, seed] = None
    return list(found)


def forget(tasks: Iterable[tuple[Any, int]]) -> None:
    """Delete the own folders of tasks and of their parents, so that they are carried out again."""
    for run, seed in _with_parents(tasks):
        forget_one(run, seed)


def forget_one(run: Any, seed: int) -> None:
    """Delete the own folder of one run; its parents stay."""
    shutil.rmtree(folder(run, seed), ignore_errors=True)


def compute(run: Any, seed: int) -> Record:
    """Carry out a run whose parents are done, unless its record exists; waits while another process does it."""
    home = folder(run, seed)
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"repro: {config.name(run)} seed {seed} is under way in another process; waiting", file=sys.stderr)
        lock.acquire()
    try:
        return find_local(run, seed) or _carry_out(run, seed, home)
    finally:
        lock.release()


def is_whole(run: Any, seed: int) -> bool:
    """Whether the files that other runs need of a run are here and whole; damaged ones are set aside.

    Where they are checked against those of its parents, as tickets are against their selector's weights, both must be.
    """
    from repro.training.checkpoint import DamagedFile, load_tensors, set_aside

    if find_local(run, seed) is None:
        return False
    procedure = procedures.find(run)
    if procedure.needs_parents and not all(is_whole(parent, seed) for parent in config.parents(run)):
        return False
    for name in procedure.kept_files(run):
        file = folder(run, seed) / name
        try:
            load_tensors(file)
        except DamagedFile as error:
            set_aside(folder(run, seed) / RECORD_FILE, error)
            if file.exists():
                set_aside(file, error)
            return False
    return True


def _carry_out(run: Any, seed: int, home: Path) -> Record:
    from repro.training.checkpoint import write_bytes
    from repro.training.loop import STATE_FILE

    write_bytes(home / "config.json", json.dumps(config.canonical(run), indent=1).encode())
    drop_damaged_state(home / STATE_FILE)
    result = procedures.find(run).carry_out(run, seed, home, lambda parent: folder(parent, seed))
    record = {
        "schema": config.SCHEMA,
        "name": config.name(run),
        "seed": seed,
        "config": config.canonical(run),
        **result,
        "provenance": provenance(procedures.entry(run.procedure)),
    }
    record["checksum"] = record_checksum(record)
    write_bytes(home / RECORD_FILE, json.dumps(record, indent=1).encode())
    (home / STATE_FILE).unlink(missing_ok=True)
    return record


def drop_damaged_state(file: Path) -> None:
    """Set a checkpoint aside that cannot be trusted, so that the run starts afresh."""
    from repro.training.checkpoint import DamagedFile, load_tensors, set_aside

    if file.exists():
        try:
            load_tensors(file)
        except DamagedFile as error:
            set_aside(file, error)
