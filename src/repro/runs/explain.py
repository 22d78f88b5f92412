"""Why a record counts as stale, and why a run would be carried out again."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from repro import config, paths, procedures
from repro.runs import code, committed, store
from repro.runs.freshness import STALE, freshness
from repro.runs.graph import Name, Task, identity, parents, plan, words
from repro.runs.record import Record


def explain(wanted: Iterable[Task]) -> Iterator[str]:
    """Lines about tasks and all they need: records, what has changed since, and what `repro run` would do and why."""
    wanted = list(wanted)
    tasks = plan(wanted, store.find_local)[0]
    shown = store.with_parents(wanted)
    needed_by = {identity(parent): identity(task) for task in reversed(tasks.values()) for parent in parents(task)}
    asked = set(map(identity, wanted))
    for task in shown:
        name = identity(task)
        yield from explain_records(*task)
        yield "  " + why(task, name in tasks, None if name in asked else needed_by.get(name))
        if name in tasks:
            yield from (f"    after {p[0]}" for p in map(identity, parents(task)) if p in tasks)
    if len(shown) > 1:
        yield f"`repro run` would carry out {len(tasks)} of {len(shown)} runs"


def explain_records(run: Any, seed: int) -> Iterator[str]:
    """Lines about the records of one task."""
    own, found = store.find_local(run, seed), committed.find_committed(run, seed)
    yield f"{config.name(run)} seed {seed}"
    yield f"  own store: {own.outcome if own else why_missing(run, seed)}"
    yield f"  book/results: {found.outcome if found else 'no record'}"
    for record in {r.provenance.code: r for r in (found, own) if r}.values():
        yield from explain_code(record)


def why(task: Task, is_planned: bool, child: Name | None) -> str:
    """Whether `repro run` would carry a task out and why; `child` needs it, where nobody asked for it."""
    has_record = store.find_local(*task) is not None
    if not is_planned:
        return "nothing to do" if has_record else "not needed: what needs it is done"
    because = "its files are not here and whole" if has_record else "it has no record of its own"
    return f"`repro run` would carry it out: {because}" + (f", and {words(child)} needs it" if child else "")


def why_missing(run: Any, seed: int) -> str:
    """What stands where the record of a run would be."""
    home = store.folder(run, seed)
    if damaged := sorted(home.glob("*.damaged-*")):
        return f"no record; {damaged[-1].name} was set aside"
    return "interrupted, it goes on from its checkpoint" if any(home.glob("state.*")) else "never carried out"


def explain_code(record: Record) -> Iterator[str]:
    """Whether a record is fresh, and the files that say something else than at its commit."""
    state, made = freshness(record), record.provenance
    yield f"  {state}: code {made.code}, commit {made.commit}{' with changes that were not committed' * made.dirty}"
    if state == STALE:
        changed = changed_files(record)
        said = ", ".join(changed) if changed else "no file but those of its uncommitted changes"
        yield f"    changed since: {said if changed is not None else 'its commit is not in this checkout'}"


def changed_files(record: Record) -> list[str] | None:
    """Files behind a record's procedure that no file of its commit equals; None where the commit is not here."""
    entry = procedures.entry(record.name.partition("-")[0])
    with tempfile.TemporaryDirectory() as folder:
        if not unpack_commit(record.provenance.commit, Path(folder)):
            return None
        then = {code.file_digest(file) for file in Path(folder).rglob("*.py")}
    return [name for name, digest in code.file_digests(entry).items() if digest not in then]


def unpack_commit(commit: str, folder: Path) -> bool:
    """Write the package as it was at a commit; False where git does not know it."""
    command = ["git", "archive", commit, "src/repro"]
    try:
        done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, check=False)
    except OSError:
        return False
    if done.returncode:
        return False
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return True
