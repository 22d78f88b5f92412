"""Which of the runs that could begin begins first: the one behind which the longest chain of others waits.

A chain is as long as its runs were measured to take, by their size; one that was never measured counts as the mean of
those that were. That is learnt anew whenever twice as many runs are done.
"""

from statistics import fmean

from repro.runs import needs
from repro.runs.graph import Task, Walk, identity


class Order:
    """How long the chain from each task of a walk on is."""

    def __init__(self, walk: Walk) -> None:
        self._walk, self._next = walk, 0
        self._files = {name: needs.file_of(task[0]) for name, task in walk.tasks.items()}
        self._chains = dict.fromkeys(walk.tasks, 1.0)

    def chain(self, task: Task) -> float:
        """Seconds from the start of a task to the end of all that wait for it, were there a worker for each."""
        return self._chains[identity(task)]

    def learn(self) -> bool:
        """Look at what was measured, if it is time to; whether it was."""
        if len(self._walk.done) < self._next:
            return False
        self._next = max(1, 2 * len(self._walk.done))
        read = {file: needs.read(file).get("seconds") for file in set(self._files.values())}
        usual = fmean([seconds for seconds in read.values() if seconds] or [1.0])
        for name in reversed(self._walk.tasks):  # children before parents
            behind = max((self._chains[child] for child in self._walk.children(name)), default=0.0)
            self._chains[name] = behind + (read[self._files[name]] or usual)
        return True
