"""This process as the place where runs are carried out, one after the other, alone or as the first of several."""

import time
from collections import deque

from repro.lease import UnderWay
from repro.runs.attempt import attempt
from repro.runs.backends import Ended
from repro.runs.graph import Task
from repro.runs.workers import keep_freed_memory


class Here:
    """A backend without a process of its own: a kill of this process ends everything at once."""

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()
        keep_freed_memory()

    def submit(self, task: Task) -> None:
        """Take a task."""
        self._waiting.append(task)

    def wait(self, seconds: float) -> list[Ended]:
        """Carry the first task out, however long it takes."""
        if not self._waiting:
            time.sleep(seconds)
            return []
        task, start, failed = self._waiting.popleft(), time.monotonic(), None
        try:
            attempt(task)
        except Exception as error:
            failed = error
        return [Ended(task, failed, time.monotonic() - start)]

    def running(self) -> list[Task]:
        """The task that the next `wait` carries out."""
        return list(self._waiting)[:1]

    def cancel(self) -> None:
        """Forget what was not begun."""
        self._waiting.clear()


class First(Here):
    """The first of the processes that torchrun started: what fails ends the command, for others may be in the midst."""

    def wait(self, seconds: float) -> list[Ended]:
        """Carry the first task out, however long it takes. Raises what made it fail."""
        found = super().wait(seconds)
        for ended in found:
            if ended.error and not isinstance(ended.error, UnderWay):
                raise ended.error
        return found
