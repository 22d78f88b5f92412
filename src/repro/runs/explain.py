"""Why a record counts as stale, and why a run would be carried out again."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from repro import config, paths, procedures
from repro.runs import code, committed, store
from repro.runs.freshness import STALE, freshness
from repro.runs.record import Record


def explain(run: Any, seed: int) -> Iterator[str]:
    """Lines about one run and seed: its records, what has changed since, and what would be carried out."""
    own, found = store.find_local(run, seed), committed.find_committed(run, seed)
    yield f"{config.name(run)} seed {seed}"
    yield f"  own store: {own.outcome if own else why_missing(run, seed)}"
    yield f"  book/results: {found.outcome if found else 'no record'}"
    for record in {r.provenance.code: r for r in (found, own) if r}.values():
        yield from explain_code(record)
    if own is None:
        lacking = [p for p in config.parents(run) if not store.is_whole(p, seed)]
        yield "  `repro run` would carry it out" + "".join(f"\n    after {config.name(p)}" for p in lacking)


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
