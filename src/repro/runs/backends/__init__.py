"""Where runs are carried out.

A backend is told which runs to carry out, never given weights: what a run reads and leaves lies in the store, and a run
is done when its record is there.
"""

from bisect import insort
from collections.abc import Callable, Iterable
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

    def submit(self, task: Task, chain: float = 0.0) -> None:
        """Take a task; those with the longest chain of others behind them are started first."""

    def reorder(self, chain: Callable[[Task], float]) -> None:
        """Line tasks that wait for room up anew, by chains that are known better now."""

    def wait(self, seconds: float) -> list[Ended]:
        """Start what there is room for; returns what ended, after so many seconds at the latest where it can."""

    def running(self) -> Iterable[Task]:
        """Tasks that have been started, not those that wait for room."""

    def cancel(self) -> None:
        """Give up every task and all that is held for them; each can be resumed."""


class Waiting:
    """Tasks that wait for room, in the order in which they are to be started."""

    def __init__(self) -> None:
        self._line: list[tuple[float, Task]] = []

    def add(self, task: Task, chain: float) -> None:
        """Line a task up before those with shorter chains, after the others."""
        insort(self._line, (-chain, task), key=lambda one: one[0])

    def reorder(self, chain: Callable[[Task], float]) -> None:
        """Line all of them up anew."""
        self._line = sorted(((-chain(task), task) for _, task in self._line), key=lambda one: one[0])

    def take(self, fits: Callable[[Task], bool]) -> None:
        """Give every task to a function, in order, and keep those that it says did not fit."""
        self._line = [one for one in self._line if not fits(one[1])]

    def pop(self) -> Task:
        """The first task, which waits no more."""
        return self._line.pop(0)[1]

    def first(self) -> list[Task]:
        """The first task, if any."""
        return [task for _, task in self._line[:1]]

    def clear(self) -> None:
        """Forget all of them."""
        self._line.clear()

    def __len__(self) -> int:
        return len(self._line)
