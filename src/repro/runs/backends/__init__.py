"""Where runs are carried out.

A backend is told which runs to carry out, never given weights: what a run reads and leaves lies in the store, and a run
is done when its record is there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from repro.runs.graph import Task


@dataclass(frozen=True)
class Ended:
    """A task that a backend is through with."""

    task: Task
    error: Exception | None = None  # UnderWay where another process does it, WorkerLost where it may be tried again
    seconds: float = 0.0  # from its start


class Backend(Protocol):
    """Carries tasks out whose parents are done, as many at a time as it has room for."""

    def submit(self, task: Task) -> None:
        """Take a task."""

    def wait(self, seconds: float) -> list[Ended]:
        """Start what there is room for; returns what ended, after so many seconds at the latest where it can."""

    def running(self) -> Iterable[Task]:
        """Tasks that have been started, not those that wait for room."""

    def cancel(self) -> None:
        """Give up every task and all that is held for them; each can be resumed."""
