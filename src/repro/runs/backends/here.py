"""This process as the place where runs are carried out, one after the other."""

import time
from collections.abc import Callable

from repro.runs.attempt import attempt
from repro.runs.backends import Ended, Waiting
from repro.runs.graph import Task
from repro.runs.workers import keep_freed_memory


class Here:
    """A backend without a process of its own: a kill of this process ends everything at once."""

    def __init__(self) -> None:
        self._waiting = Waiting()
        keep_freed_memory()

    def submit(self, task: Task, chain: float = 0.0) -> None:
        """Take a task."""
        self._waiting.add(task, chain)

    def reorder(self, chain: Callable[[Task], float]) -> None:
        """Line tasks that wait up anew."""
        self._waiting.reorder(chain)

    def wait(self, seconds: float) -> list[Ended]:
        """Carry the first task out, however long it takes."""
        if not self._waiting:
            time.sleep(seconds)
            return []
        task, start, failed = self._waiting.pop(), time.monotonic(), None
        try:
            attempt(task)
        except Exception as error:
            failed = error
        return [Ended(task, failed, time.monotonic() - start)]

    def running(self) -> list[Task]:
        """The task that the next `wait` carries out."""
        return self._waiting.first()

    def cancel(self) -> None:
        """Forget what was not begun."""
        self._waiting.clear()
