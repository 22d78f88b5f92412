"""Finished runs of other machines taken into the own store: records alone, or folders of a store with their files.

What can be checked is: the checksum of a record and of each file beside it, that its name is that of its config, that
it was made on the data that are here and from the files of the runs it needs, where those are here. Nothing is
overwritten but a record of uncommitted code by one of committed code, and that one is set aside. What cannot be checked
is whether a record tells the truth: take in what you trust.
"""

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from repro import config, lease, paths
from repro.disk import read_bytes, write_bytes
from repro.procedures import RECORD_FILE
from repro.runs import record as records
from repro.runs import store
from repro.runs.attempt import FAILURE_FILE
from repro.runs.committed import why_worse
from repro.runs.freshness import STALE, freshness
from repro.runs.offers import Checked, Offer, Refused, check
from repro.runs.record import Record

TAKEN, KEPT, REFUSED = "taken", "here already", "refused"


@dataclass(frozen=True)
class Outcome:
    """What became of one offered run."""

    what: str  # TAKEN, KEPT or REFUSED
    name: str  # of the run with its seed, or of the file where that cannot be told
    said: str

    def __str__(self) -> str:
        return f"{self.what:12} {self.name}: {self.said}"


def take_in(offers: Iterable[Offer], runs: Mapping[str, Any]) -> Iterator[Outcome]:
    """What becomes of each offer, those that others need before these; `runs` are those known here, by name."""
    checked = []
    for offer in offers:
        try:
            checked.append(check(offer))
        except Refused as error:
            yield Outcome(REFUSED, offer.where, str(error))
    for one in in_order(checked):
        try:
            yield take_one(one, runs.get(one.record.name))
        except Refused as error:
            yield Outcome(REFUSED, one.name, f"{error} ({one.offer.where})")


def in_order(checked: Iterable[Checked]) -> list[Checked]:
    """Runs after those that they need."""
    by_name: dict[str, list[Checked]] = defaultdict(list)
    for one in checked:
        by_name[one.record.name].append(one)
    graph = {name: {n for one in group for n in one.needs if n in by_name} for name, group in by_name.items()}
    return [one for name in TopologicalSorter(graph).static_order() for one in by_name[name]]


def take_one(one: Checked, run: Any | None) -> Outcome:
    """Take a run, with its files, unless what is here is as good. Raises Refused."""
    record, files = one.record, one.offer.files
    home = paths.run_folder(record.name, record.seed)
    with in_hand(home):
        here = store.find_named(record.name, record.seed)
        if here == record and all((home / file.name).exists() for file in files):
            return Outcome(KEPT, one.name, "the same record")
        if here and here != record:
            check_better(here, one)
        if isinstance(run, config.TrainRun):
            check_inputs(record, run)
        if here and here != record:
            set_aside(home)
        write(home, one)
    return Outcome(TAKEN, one.name, "; ".join([record.outcome, *remarks(one)]))


@contextlib.contextmanager
def in_hand(home: Path) -> Iterator[None]:
    """Within it nobody else works on the folder of a run; one that was made for nothing is taken away."""
    home.mkdir(parents=True, exist_ok=True)
    own = lease.take(home / store.LEASE)
    if own is None:
        raise Refused("it is being carried out here; ask again when that is over")
    try:
        with own:
            yield
    finally:
        with contextlib.suppress(OSError):  # it holds something
            home.rmdir()
            home.parent.rmdir()


def check_better(here: Record, one: Checked) -> None:
    """Raise Refused unless a run is better than the one that is here, and brings as much."""
    home = paths.run_folder(here.name, here.seed)
    if worse := why_worse(here, one.record):
        raise Refused(f"your store has a better record of it: {worse.replace('committed record', 'one here')}")
    if not why_worse(one.record, here):
        raise Refused(f"your store has a record of it as good, {here.outcome}; to have this one, move {home} away")
    if any(home.glob("*.safetensors")) and not one.offer.files:
        raise Refused(f"your store has its weights, and this is a record alone; to have it, move {home} away")


def check_inputs(record: Record, run: config.TrainRun) -> None:
    """Raise Refused where a training began from other files than those of the runs it needs that are here."""
    from repro.procedures.origins import NoWeights, inputs_of
    from repro.training.checkpoint import DamagedFile

    try:
        here = inputs_of(run, lambda parent: store.folder(parent, record.seed))
    except (DamagedFile, NoWeights, OSError):
        return  # not here, so nothing to compare with
    if other := sorted(what for what in record.inputs if record.inputs[what] != here.get(what)):
        raise Refused(
            f"it began from another {other[0]} than is here; take in the runs it needs from the same place, or move "
            "yours away first"
        )


def set_aside(home: Path) -> None:
    """Move what a folder holds, but for the lease, to a folder beside it, and nothing is lost."""
    number = 1
    while (aside := home.with_name(f"{home.name}.replaced-{number}")).exists():
        number += 1
    aside.mkdir()
    for file in list(home.iterdir()):
        if not file.name.startswith(f"{store.LEASE}."):
            file.rename(aside / file.name)


def write(home: Path, one: Checked) -> None:
    """Fill the folder of a run, its record last, so that one that is cut off leaves no finished run."""
    from repro.training.loop import STATE_FILE

    for file in one.offer.files:
        write_bytes(home / file.name, read_bytes(file))
    write_bytes(home / store.CONFIG_FILE, json.dumps(one.record.config, indent=1).encode())
    write_bytes(home / RECORD_FILE, records.write(one.record, indent=1).encode())
    for name in (STATE_FILE, store.STARTED_FILE, FAILURE_FILE):
        (home / name).unlink(missing_ok=True)


def remarks(one: Checked) -> Iterator[str]:
    """What a user should know of a run that was taken."""
    record, files = one.record, one.offer.files
    yield f"with {', '.join(file.name for file in files)}" if files else "the record alone"
    if record.provenance.dirty:
        yield "made by code that was not committed"
    elif freshness(record) == STALE:
        yield STALE
    if record.origin == "other":
        yield "on data that are not those published"
    if not one.has_data:
        yield "its data are not here to compare"
