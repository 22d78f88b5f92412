"""Records that were made under an older schema: carried over with their new names, and nothing else changed."""

import json
import subprocess

import pytest

from repro.paths import CHECKOUT, RESULTS
from repro.runs import committed

UNSAID = {"history": [], "precision": "not recorded"}  # what stands for a field that the old record lacks
BEFORE = "206ec63"  # the last commit of schema 1
KEPT = ("metrics", "timing", "data", "precision", "weights", "tickets", "history", "seed")
SHOWN = ("rows", "fitted", "limits", "bins", "classes", "order", "overall", "tied", "winning", "winning_with_ties")
SHOWN += (
    "examples",
    "mean_colour",
    "patches",
    "rate_drops",
    "selection",
    "kept",
    "tree",
    "groups",
    "embedding",
    "images",
)
FILES = sorted(file.name for file in RESULTS.glob("*.jsonl"))


def records_before(name):
    """The lines of a file as they were, by name and seed."""
    command = ["git", "show", f"{BEFORE}:book/results/{name}"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"commit {BEFORE} is not in this checkout's history, or had no {name}: {done.stderr.strip()}")
    return {(r["name"], r["seed"]): r for r in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", FILES)
def test_every_value_of_a_carried_record_is_what_it_was(name, monkeypatch):
    before = records_before(name)
    carried = [r for r in committed.read_file(RESULTS / name).values() if r.carried]
    for record in carried:
        old = before[record.carried["name"], record.seed]
        own = {field: getattr(record, field) for field in KEPT}
        assert own == {field: old.get(field, UNSAID.get(field, "")) for field in KEPT}
        assert record.details == {field: old[field] for field in SHOWN if field in old}
        made = {field: getattr(record.provenance, field) for field in ("commit", "dirty", "versions", "device", "date")}
        assert made | {"code": record.carried["code"]} == old["provenance"]
    assert len({(r.carried["name"], r.seed) for r in carried}) == len(carried)
