"""This machine as the place where runs are carried out, side by side in processes of their own.

A process is started when a task is there for it, and never more than cores, GPUs and memory allow. A run that trains
has a share of a GPU where there is one, all of it until a run of its size was measured; the others see none. A GPU is
claimed when a run needs it and let go when none does, so that two commands on one machine take turns. Where every GPU
is taken, runs wait for one.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait

from filelock import FileLock

from repro.runs.attempt import attempt
from repro.runs.backends import Ended, Waiting
from repro.runs.backends.gpus import VISIBLE, Gpu
from repro.runs.graph import Task
from repro.runs.needs import find_needs
from repro.runs.workers import Worker, WorkerLost


@dataclass
class Place:
    """A worker process with what it takes, and the task it has."""

    worker: Worker
    gpu: Gpu | None
    memory_mb: int = 0  # most that a task of it may have taken: freed memory stays with the process
    task: Task | None = None
    share: float = 0.0  # of the GPU, while it has a task
    start: float = 0.0


class Local:
    """Processes of this machine, at most `limit`, on these GPUs, within this memory where it is known."""

    def __init__(self, limit: int, gpus: Sequence[Gpu] = (), memory_mb: int | None = None) -> None:
        self._limit, self._gpus, self._memory_mb = limit, gpus, memory_mb
        self._waiting = Waiting()
        self._places: list[Place] = []
        self._claims: dict[Gpu, FileLock] = {}
        self._said: set[str] = set()

    def submit(self, task: Task, chain: float = 0.0) -> None:
        """Take a task."""
        self._waiting.add(task, chain)

    def reorder(self, chain: Callable[[Task], float]) -> None:
        """Line tasks that wait up anew."""
        self._waiting.reorder(chain)

    def wait(self, seconds: float) -> list[Ended]:
        """Start what there is room for; returns what ended, after so many seconds at the latest."""
        self._waiting.take(self._start)
        self._let_go()
        busy = {place.worker.connection: place for place in self._busy()}
        return [self._end(busy[ready]) for ready in wait(list(busy), seconds)]  # type: ignore[index]

    def running(self) -> list[Task]:
        """Tasks that a process has."""
        return [place.task for place in self._busy() if place.task]

    def cancel(self) -> None:
        """End every process and release the GPUs."""
        self._waiting.clear()
        for place in list(self._places):
            self._drop(place)
        self._let_go()

    def _busy(self) -> list[Place]:
        return [place for place in self._places if place.task]

    def _start(self, task: Task) -> bool:
        """Give a task to a process, if there is room."""
        if len(self._busy()) >= self._limit:
            return False
        needs = find_needs(task[0])
        share = needs.gpu if self._gpus else 0.0
        gpu = self._gpu_with(share) if share else None
        if share and gpu is None:
            self._say("gpus", "every GPU is in use by another process; waiting for one")
            return False
        place = next((p for p in self._places if not p.task and p.gpu == gpu), None)
        if not self._make_room(place, needs.memory_mb):
            return False
        place = place or self._open(gpu)
        place.memory_mb = max(place.memory_mb, needs.memory_mb)
        try:
            place.worker.call(attempt, task)
        except WorkerLost:  # killed while it had nothing to do
            self._drop(place)
            return self._start(task)
        place.task, place.share, place.start = task, share, time.monotonic()
        return True

    def _open(self, gpu: Gpu | None) -> Place:
        """A new process."""
        place = Place(Worker(gpu.environment if gpu else {VISIBLE: ""}), gpu)
        self._places.append(place)
        return place

    def _gpu_with(self, share: float) -> Gpu | None:
        """A GPU with so much of it free: one that is held already, else one that no other process has."""
        for gpu in self._claims:
            if sum(place.share for place in self._busy() if place.gpu == gpu) + share <= 1:
                return gpu
        for gpu in self._gpus:
            if gpu not in self._claims and (lock := gpu.claim()):
                self._claims[gpu] = lock
                return gpu
        return None

    def _make_room(self, place: Place | None, memory_mb: int) -> bool:
        """Whether a process may take so much, in `place` or as a new one; ends idle ones that are in the way."""
        others = [p for p in self._places if p is not place]
        while others and (len(others) >= self._limit or self._is_too_much(others, memory_mb)):
            idle = next((p for p in others if not p.task), None)
            if idle is None:
                self._say(
                    "memory",
                    f"the {self._memory_mb:,} MB that are free allow {len(others)} at a time of what takes up to "
                    f"{memory_mb:,} MB",
                )
                return False
            self._drop(idle)
            others.remove(idle)
        return True

    def _is_too_much(self, others: list[Place], memory_mb: int) -> bool:
        if self._memory_mb is None:
            return False
        return sum(place.memory_mb for place in others) + memory_mb > self._memory_mb

    def _end(self, place: Place) -> Ended:
        """What came of the task of a process."""
        assert place.task is not None  # `wait` asks those that have one
        task, seconds = place.task, time.monotonic() - place.start
        place.task, place.share = None, 0.0
        try:
            place.worker.answer()
        except WorkerLost as error:
            self._drop(place)
            return Ended(task, error, seconds)
        except Exception as error:
            return Ended(task, error, seconds)
        return Ended(task, None, seconds)

    def _let_go(self) -> None:
        """End processes that hold a GPU without a task, and release the GPUs that none holds."""
        for place in [p for p in self._places if p.gpu and not p.task]:
            self._drop(place)
        for gpu in self._claims.keys() - {place.gpu for place in self._places}:
            self._claims.pop(gpu).release()

    def _drop(self, place: Place) -> None:
        place.worker.end()
        self._places.remove(place)

    def _say(self, topic: str, text: str) -> None:
        """Tell the user what limits the number of processes, once a topic."""
        if topic not in self._said:
            self._said.add(topic)
            print(f"repro: {text}", file=sys.stderr, flush=True)
