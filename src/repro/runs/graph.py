"""The graph of runs: what has to be carried out, and in which order. Knows nothing of where it is carried out."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from repro import config
from repro.runs import store
from repro.runs.record import Record

Task = tuple[Any, int]  # a run and a seed
Name = tuple[str, int]  # a run's name and the seed
LookUp = Callable[[Any, int], Record | None]


def identity(task: Task) -> Name:
    """Name and seed of a task; far quicker to compare than a config that nests its history."""
    return config.name(task[0]), task[1]


def words(name: Name) -> str:
    """A task as it is shown."""
    return f"{name[0]} seed {name[1]}"


def parents(task: Task) -> list[Task]:
    """Tasks that a task needs, nearest first."""
    return [(run, task[1]) for run in config.parents(task[0])]


def plan(wanted: Iterable[Task], look_up: LookUp) -> tuple[dict[Name, Task], dict[Name, Record]]:
    """What to carry out so that each wanted task has a record, parents first; and the records that are there.

    A parent is carried out too where its files are not here and whole; each is looked at once.
    """
    tasks: dict[Name, Task] = {}
    found: dict[Name, Record] = {}
    whole: dict[Name, bool] = {}

    def add(name: Name, task: Task) -> None:
        if name in tasks:
            return
        for parent in parents(task):
            if (known := identity(parent)) not in whole:
                whole[known] = store.is_whole(*parent)
            if not whole[known]:
                add(known, parent)
        tasks[name] = task

    for task in wanted:
        if (name := identity(task)) in found or name in tasks:
            continue
        if record := look_up(*task):
            found[name] = record
        else:
            add(name, task)
    return tasks, {name: record for name, record in found.items() if name not in tasks}


@dataclass
class Walk:
    """Tasks under way through their graph, parents first: each is handed out once, when all it needs is done."""

    tasks: dict[Name, Task]
    done: set[Name] = field(default_factory=set)
    failed: dict[Name, str] = field(default_factory=dict)  # with the reason
    blocked: dict[Name, Name] = field(default_factory=dict)  # with the failed one that it needs

    def __post_init__(self) -> None:
        self._open: dict[Name, set[Name]] = {}  # what a task still waits for
        self._children: dict[Name, list[Name]] = defaultdict(list)
        for name, task in self.tasks.items():
            self._open[name] = {identity(parent) for parent in parents(task)} & self.tasks.keys()
            for parent in self._open[name]:
                self._children[parent].append(name)

    @property
    def is_over(self) -> bool:
        """Whether every task is done, failed or blocked by one that failed."""
        return len(self.done) + len(self.failed) + len(self.blocked) == len(self.tasks)

    def first(self) -> list[Task]:
        """Tasks that need no other."""
        return [self.tasks[name] for name, needs in self._open.items() if not needs]

    def finish(self, name: Name) -> list[Task]:
        """Note a task as done; returns those that waited for it last."""
        self.done.add(name)
        ready = []
        for child in self._children[name]:
            self._open[child].discard(name)
            if not self._open[child] and child not in self.blocked:
                ready.append(self.tasks[child])
        return ready

    def fail(self, name: Name, reason: str) -> None:
        """Note a task as failed, and all that need it as blocked."""
        self.failed[name] = reason
        waiting = list(self._children[name])
        while waiting:
            if (child := waiting.pop()) not in self.blocked:
                self.blocked[child] = name
                waiting += self._children[child]

    def children(self, name: Name) -> list[Name]:
        """Tasks that need a task itself."""
        return self._children[name]

    def is_pending(self, name: Name) -> bool:
        """Whether a task waits for others that it needs."""
        return bool(self._open[name])

    def left(self) -> list[Name]:
        """Tasks that are neither done nor given up."""
        return [name for name in self.tasks if not (name in self.done or name in self.failed or name in self.blocked)]

    def report(self) -> str:
        """Every failed task with its reason, and what was not carried out because of it."""
        lines = [f"{len(self.failed)} of {len(self.tasks)} runs failed:"] if len(self.failed) > 1 else []
        for reason in dict.fromkeys(self.failed.values()):
            same = [name for name, why in self.failed.items() if why == reason]
            lines.append(f"{', '.join(map(words, same))}: {reason}")
            if held := [name for name, cause in self.blocked.items() if cause in same]:
                lines.append(f"  so these were not carried out: {', '.join(map(words, held))}")
        return "\n".join(lines)
