"""Workers that are not there: they take as long as they are told, on a clock of their own, and fail by chance.

A lost run goes on from its last checkpoint. Workers of one machine are lost together, and others stand in their place
after a while. What the driver of the runs computes between two looks at its workers passes on their clock too.
"""

import heapq
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from repro.runs.backends import Ended, Waiting
from repro.runs.graph import Name, Task, identity
from repro.runs.workers import WorkerLost


@dataclass(frozen=True)
class Faults:
    """What goes wrong, and how often."""

    lost: float = 0.02  # of attempts end at a random moment, as their process does
    failing: float = 0.001  # of runs end at a random moment with an error that no other attempt mends
    slow: float = 0.05  # of attempts take longer,
    slowness: float = 1.3  # so many times
    machine_workers: int = 8
    machine_hours: float = 200.0  # of a machine, in the mean, until it is lost
    machine_away: float = 900.0  # seconds until another stands in its place
    start: float = 20.0  # seconds until a process computes
    checkpoint: float = 30.0  # seconds between two
    kill_at: float = 0.5  # the driver is killed, after this share of the least time that all runs can take
    driver_away: float = 60.0  # seconds until it is started again


NEVER = 1e12  # seconds, or hours
NO_FAULTS = Faults(lost=0.0, failing=0.0, slow=0.0, machine_hours=NEVER, start=0.0, kill_at=NEVER)


class Killed(BaseException):
    """The driver of the runs is killed."""


@dataclass
class Attempt:
    """A run on a worker."""

    task: Task
    worker: int
    begun: float
    speed: float
    fate: str  # done, lost or failed, unless its machine or the driver is lost first
    is_over: bool = False


@dataclass
class World:
    """The workers, their clock, and what became of every run."""

    workers: int
    seconds: dict[Name, float]  # that each run takes
    draw: random.Random
    kill_at: float
    leave: Callable[[Task, bool], None]  # what a run leaves on disk: a record, or a checkpoint
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.now = self.own = 0.0
        self.spent, self.counts = defaultdict[str, float](float), Counter[str]()
        self.saved: dict[Name, float] = {}  # seconds of a run that its checkpoint holds
        self.done: set[Name] = set()
        self.busy: dict[int, Attempt] = {}
        self.curve: list[tuple[float, int]] = []
        self._free, self._away = list(range(self.workers)), set[int]()
        self._events: list[tuple[float, int, str, Attempt | int]] = []
        self._number, self._mark = count(), 0.0
        self._doomed = {name for name in self.seconds if self.draw.random() < self.faults.failing}
        self._plan(self.kill_at, "kill", 0)
        for machine in range(-(-self.workers // self.faults.machine_workers)):
            self._plan_loss(machine)

    def begin(self) -> None:
        """A driver begins: from here on its own time counts."""
        self._mark = time.perf_counter()

    def spend(self) -> None:
        """Let what the driver computed since it was last here pass on the clock."""
        elapsed = time.perf_counter() - self._mark
        self.own += elapsed
        self.now += elapsed

    @property
    def has_room(self) -> bool:
        """Whether a worker has nothing to do."""
        return bool(self._free)

    def start(self, task: Task) -> None:
        """Give a run to a worker."""
        self.counts["attempts"] += 1
        faults, name, worker = self.faults, identity(task), self._free.pop()
        speed = 1 / faults.slowness if self.draw.random() < faults.slow else 1.0
        total = faults.start + (self.seconds[name] - self.saved.get(name, 0.0)) / speed
        fate = "lost" if self.draw.random() < faults.lost else "failed" if name in self._doomed else "done"
        self.busy[worker] = attempt = Attempt(task, worker, self.now, speed, fate)
        self._plan(self.now + total * (1.0 if fate == "done" else self.draw.random()), "end", attempt)

    def next(self) -> list[Ended]:
        """Let the next thing happen; returns what ended by it. Raises Killed."""
        at, _, kind, what = heapq.heappop(self._events)
        ended = []
        if isinstance(what, Attempt):
            ended = [] if what.is_over else [self._end(what, what.fate, at)]
        elif kind == "kill":
            self.now = max(self.now, at)
            raise Killed
        elif kind == "loss":
            ended = self._lose_machine(what, at)
        else:
            self._away.discard(what)
            self._free += self._workers_of(what)
            self._plan_loss(what)
        self.now = max(self.now, at)
        self.curve.append((self.now, len(self.busy)))
        self._mark = time.perf_counter()
        return ended

    def lose_all(self) -> None:
        """What runs ends with its driver."""
        for attempt in list(self.busy.values()):
            self._end(attempt, "lost", self.now)

    def _plan(self, at: float, kind: str, what: Attempt | int) -> None:
        heapq.heappush(self._events, (at, next(self._number), kind, what))

    def _plan_loss(self, machine: int) -> None:
        self._plan(self.now + self.draw.expovariate(1 / (3600 * self.faults.machine_hours)), "loss", machine)

    def _workers_of(self, machine: int) -> list[int]:
        first = machine * self.faults.machine_workers
        return list(range(first, min(first + self.faults.machine_workers, self.workers)))

    def _lose_machine(self, machine: int, at: float) -> list[Ended]:
        self.counts["machines lost"] += 1
        self._away.add(machine)
        own = self._workers_of(machine)
        ended = [self._end(self.busy[worker], "lost", at) for worker in own if worker in self.busy]
        self._free = [worker for worker in self._free if worker not in own]
        self.spent["machines away"] += len(own) * self.faults.machine_away
        self._plan(at + self.faults.machine_away, "back", machine)
        return ended

    def _end(self, attempt: Attempt, fate: str, at: float) -> Ended:
        """Account for an attempt, and leave what it leaves."""
        attempt.is_over, faults, name = True, self.faults, identity(attempt.task)
        del self.busy[attempt.worker]
        if attempt.worker // faults.machine_workers not in self._away:
            self._free.append(attempt.worker)
        elapsed = at - attempt.begun
        computed = max(0.0, elapsed - faults.start)
        done = computed * attempt.speed
        self.spent["starts"] += min(elapsed, faults.start)
        self.spent["slow workers"] += computed - done
        if fate == "done":
            self.done.add(name)
            self.leave(attempt.task, True)
            return Ended(attempt.task, None, elapsed)
        if fate == "failed":
            self.counts["attempts failed"] += 1
            self.spent["failed runs"] += done + self.saved.pop(name, 0.0)
            return Ended(attempt.task, ValueError("it was to fail"), elapsed)
        self.counts["lost"] += 1
        kept = done // faults.checkpoint * faults.checkpoint
        self.spent["done again"] += done - kept
        if kept:
            self.saved[name] = self.saved.get(name, 0.0) + kept
            self.leave(attempt.task, False)
        return Ended(attempt.task, WorkerLost("lost"), elapsed)


class SimulatedCluster:
    """The workers of a world as a backend."""

    def __init__(self, world: World) -> None:
        self._world, self._waiting = world, Waiting()

    def submit(self, task: Task, chain: float = 0.0) -> None:
        """Take a task."""
        self._waiting.add(task, chain)

    def reorder(self, chain: Callable[[Task], float]) -> None:
        """Line tasks that wait up anew."""
        self._waiting.reorder(chain)

    def wait(self, seconds: float) -> list[Ended]:
        """Start what there is room for; returns what ended by the next thing that happens."""
        self._world.spend()
        while len(self._waiting) and self._world.has_room:
            self._world.start(self._waiting.pop())
        return self._world.next()

    def running(self) -> list[Task]:
        """Tasks that workers have."""
        return [attempt.task for attempt in self._world.busy.values()]

    def cancel(self) -> None:
        """End every task; each goes on from its checkpoint."""
        self._waiting.clear()
        self._world.lose_all()
