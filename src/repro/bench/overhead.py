"""What a run costs beside what it computes, on each backend with a single worker.

Runs that take next to nothing follow each other, so what is measured is all there is around a run: handing it over,
its folder, lock and record, and noting that it is done. From the first end to the last, so the start of processes and
of Ray is no part of it.
"""

import importlib.util
import tempfile
import time
from typing import Any

from repro.config import PerceptronRun
from repro.runs import schedule, store
from repro.runs.backends import Backend, Ended
from repro.runs.backends.local import Local
from repro.runs.graph import Task, Walk, plan
from repro.runs.progress import Progress
from repro.runs.rehearsal import homes_at

RUN = PerceptronRun(dimensions=3, examples_per_weight=1.0, draws=1)
COUNT = 100
LIMITS = {"local": 0.1, "ray": 1.0}  # seconds


class Watched:
    """A backend whose ends are timed."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self.ends = backend, list[float]()
        self.submit, self.reorder = backend.submit, backend.reorder
        self.running, self.cancel = backend.running, backend.cancel

    def wait(self, seconds: float) -> list[Ended]:
        """What ended, noted with the time."""
        ended = self._backend.wait(seconds)
        self.ends += [time.perf_counter()] * len(ended)
        return ended


class Silent(Progress):
    """Says nothing of finished runs."""

    def _note(self, text: str) -> None:
        pass


def measure_overhead(count: int = COUNT) -> list[dict[str, Any]]:
    """Measure and print a row for each backend that is installed."""
    rows = []
    for name, limit in LIMITS.items():
        if importlib.util.find_spec("ray") or name == "local":
            rows.append({"backend": name, "seconds": round(overhead(name, count), 4), "limit": limit})
            print(describe_overhead(rows[-1]))
    return rows


def overhead(name: str, count: int) -> float:
    """Seconds a run beside what it computes."""
    with tempfile.TemporaryDirectory() as folder, homes_at(folder):
        tasks: list[Task] = [(RUN, seed) for seed in range(count)]
        watched, walk = Watched(single(name)), Walk(plan(tasks, store.find_local)[0])
        schedule.Driver(walk, watched, Silent(walk, {})).run()
        spent = [schedule.read_back(task).timing["seconds"] for task in tasks]
    return (watched.ends[-1] - watched.ends[0] - sum(spent[1:])) / (count - 1)


def single(name: str) -> Backend:
    """A backend with one worker."""
    if name == "local":
        return Local(1)
    from repro.runs.backends.ray import connect

    return connect(None, cores=1)


def describe_overhead(row: dict[str, Any]) -> str:
    """A row as text."""
    word = "reached" if row["seconds"] <= row["limit"] else "MISSED"
    return f"overhead a run, {row['backend']}: {1000 * row['seconds']:.0f} ms, at most {1000 * row['limit']:.0f} {word}"
