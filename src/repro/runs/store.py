"""The own store of runs: a folder a run and seed, under `REPRO_HOME`.

A folder holds a checkpoint while the run trains and `record.json` when it is done. The record carries its own checksum
and that of the weights, so a damaged file is found, named, set aside and made again, never read; a record that stands
in another run's folder counts as damaged. What began a run is written down when it begins: a checkpoint is taken up
only by the same code, versions and device, and the finished record names those.
"""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from repro import config, lease, paths, procedures
from repro.disk import read_bytes, write_bytes
from repro.lease import UnderWay
from repro.procedures import RECORD_FILE
from repro.runs import record as records
from repro.runs import together
from repro.runs.provenance import Provenance, provenance
from repro.runs.record import Record

CONFIG_FILE, STARTED_FILE, LEASE = "config.json", "started.json", "lease"
ASIDE = ".aside"  # added to the name of a folder that is to be made again


class RunMissing(RuntimeError):
    """A run that is asked for has no record."""


class StoreReadOnly(RuntimeError):
    """A store that cannot be written to; nothing was changed."""


def folder(run: Any, seed: int) -> Path:
    """Where a run keeps its files."""
    return paths.run_folder(config.name(run), seed)


def find_local(run: Any, seed: int) -> Record | None:
    """The record in the own store; a damaged one, or one of another run, is set aside and counts as none."""
    return find_named(config.name(run), seed)


def find_named(name: str, seed: int) -> Record | None:
    """The same of the run of a name."""
    file = paths.run_folder(name, seed) / RECORD_FILE
    try:
        return read_owned(file, name, seed)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        from repro.training.checkpoint import set_aside

        set_aside(file, error)
        return None


def read_owned(file: Path, name: str, seed: int) -> Record:
    """The record of a file in the folder of a run. Raises ValueError where it is damaged or another run's, or OSError.

    It is read twice before that is said: on a shared file system a first look may be out of date.
    """
    try:
        return check_owner(records.read(read_bytes(file).decode()), name, seed)
    except (ValueError, OSError):
        return check_owner(records.read(read_bytes(file).decode()), name, seed)


def check_owner(record: Record, name: str, seed: int) -> Record:
    """The record. Raises ValueError where it is of another run than the folder it lies in."""
    if record.key != (name, seed):
        raise ValueError(f"the folder of {name} seed {seed} holds the record of {record.name} seed {record.seed}")
    return record


def state_of(home: Path) -> str:
    """What a run's folder says of it, in words."""
    file = home / RECORD_FILE
    if not file.exists():
        return "under way or interrupted"
    try:
        return read_owned(file, home.parent.name, int(home.name.removeprefix("seed"))).outcome
    except (ValueError, OSError):
        return "damaged record; the next run that needs it makes it again"


def with_parents(tasks: Iterable[tuple[Any, int]]) -> list[tuple[Any, int]]:
    """Tasks after all they need, each once."""
    found: dict[tuple[str, int], tuple[Any, int]] = {}

    def add(run: Any, seed: int) -> None:
        if (key := (config.name(run), seed)) not in found:
            for parent in config.parents(run):
                add(parent, seed)
            found[key] = (run, seed)

    for task in tasks:
        add(*task)
    return list(found.values())


@contextlib.contextmanager
def making_again(tasks: Iterable[tuple[Any, int]]) -> Iterator[None]:
    """Set the folders of tasks aside while they are carried out again; one that is not finished gets its old one back.

    Raises StoreReadOnly, or what reading their data raises, before anything is touched.
    """
    tasks = [task for task in tasks if find_local(*task)]
    for run in {config.name(run): run for run, _ in tasks}.values():
        procedures.find(run).check(run)
    homes = [folder(*task) for task in tasks]
    for home in homes:
        check_writable(home)
    for home in homes:
        home.rename(aside(home))
    try:
        yield
    finally:
        for home in filter(lambda home: aside(home).exists(), homes):
            shutil.rmtree(home, ignore_errors=True)
            aside(home).rename(home)


def aside(home: Path) -> Path:
    """Where the folder of a run stands while it is made again."""
    return home.with_name(home.name + ASIDE)


def check_writable(home: Path) -> None:
    """Raise StoreReadOnly where a run's folder cannot be changed."""
    probe = home.parent / ".writable"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StoreReadOnly(
            f"cannot write to {home.parent}: {error.strerror}. Make it writable, or point REPRO_HOME at another store"
        ) from error


def compute(run: Any, seed: int) -> Record:
    """Carry out a run whose parents are done, unless its record exists. Raises UnderWay where another process does."""
    home = folder(run, seed)
    home.mkdir(parents=True, exist_ok=True)
    own = lease.take(home / LEASE)
    if own is None:
        raise UnderWay(f"{config.name(run)} seed {seed} is under way in another process")
    with own:
        paths.sweep(home)
        return find_local(run, seed) or _carry_out(run, seed, home)


def is_under_way(home: Path) -> bool:
    """Whether a process is carrying out the run of a folder."""
    try:
        return lease.is_held(home / LEASE)
    except OSError:  # a store that cannot be written to
        return False


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
    from repro.training.loop import STATE_FILE

    made_by = begin(home, home / STATE_FILE, provenance(procedures.entry(run.procedure)))
    write_bytes(home / CONFIG_FILE, json.dumps(config.canonical(run), indent=1).encode())
    result = together.carry_out(run, seed, home)
    record = records.of_run(run, seed, result, made_by)
    write_bytes(home / RECORD_FILE, records.write(record, indent=1).encode())
    for name in (STATE_FILE, STARTED_FILE):
        (home / name).unlink(missing_ok=True)
    shutil.rmtree(aside(home), ignore_errors=True)
    return record


def begin(home: Path, state: Path, now: Provenance) -> Provenance:
    """Who makes a run: what began it, where its checkpoint can be taken up, else what carries it out now.

    A checkpoint that is damaged, or was left by other code, versions or device, is set aside first.
    """
    from repro.training.checkpoint import DamagedFile, load_tensors, set_aside

    if state.exists():
        try:
            load_tensors(state)
            began = Provenance(**json.loads((home / STARTED_FILE).read_text()))
            if began.same_maker(now):
                return began
            set_aside(state, "the checkpoint was left by other code, other versions or another device")
        except (DamagedFile, OSError, ValueError, TypeError) as error:
            set_aside(state, error)
    write_bytes(home / STARTED_FILE, json.dumps(dataclasses.asdict(now)).encode())
    return now
