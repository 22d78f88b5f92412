"""A Ray cluster as the place where runs are carried out.

Ray retries nothing, because whoever drives the runs does, from the store. No more is handed over than twice what the
cluster holds: enough for an autoscaler to see what is wanted. A process with a GPU ends with its task, so short runs
share one. What a task can see of GPUs is always said, since Ray hides none from one that asked for none.
"""

import contextlib
import logging
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import exceptions

from repro import procedures
from repro.machine import usable_cores
from repro.runs.backends import Ended, Waiting
from repro.runs.backends.flights import Flight, carry, environment
from repro.runs.backends.gpus import VISIBLE
from repro.runs.code import code_digest
from repro.runs.graph import Name, Task, identity
from repro.runs.needs import find_needs
from repro.runs.workers import OutOfMemory, WorkerLost

AHEAD = 2.0  # times what the cluster holds is handed over at most
LOOK_SECONDS = 5.0  # between two looks at what the cluster holds
SHORT, BATCH = 60.0, 300.0  # seconds: runs on a GPU that share a process, and how long they may take together
OBJECTS = 100 * 2**20  # bytes for objects of a cluster of our own, which holds none
LOST = {
    exceptions.WorkerCrashedError: "lost",
    exceptions.NodeDiedError: "lost with its machine",
    exceptions.LocalRayletDiedError: "lost with its machine",
    exceptions.ObjectLostError: "lost with its machine",
}
SETTINGS = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0"}  # nothing is sent to anyone


class NoCluster(RuntimeError):
    """A cluster that does not answer, or that cannot be used."""


@dataclass
class Machines:
    """What the machines of a cluster have together, and the most that one has, by Ray's names."""

    total: Counter[str] = field(default_factory=Counter)
    most: dict[str, float] = field(default_factory=dict)


class Cluster:
    """A Ray cluster; every task carries its own directions, so machines may come and go."""

    def __init__(self) -> None:
        self._waiting, self._flights = Waiting(), dict[Any, Flight]()
        self._used, self._killed = Counter[str](), Counter[Name]()
        self._machines, self._looked = Machines(), -math.inf
        self._has_gpus = False  # or had some: a run that is to have one is not carried out without meanwhile
        self._said = False  # that there are none now
        hidden = {"env_vars": {VISIBLE: ""}}
        self._on_cpu = ray.remote(max_retries=0, num_returns="streaming", runtime_env=hidden)(carry)
        self._on_gpu = ray.remote(max_retries=0, num_returns="streaming", max_calls=1)(carry)

    def submit(self, task: Task, chain: float = 0.0) -> None:
        """Take a task."""
        self._waiting.add(task, chain)

    def reorder(self, chain: Callable[[Task], float]) -> None:
        """Line tasks that wait up anew."""
        self._waiting.reorder(chain)

    def wait(self, seconds: float) -> list[Ended]:
        """Hand over what the cluster has room for; returns what ended, after so many seconds at the latest."""
        self._hand_over()
        if not self._flights:
            time.sleep(seconds)
            return []
        ray.wait(list(self._flights), timeout=seconds)
        ready = ray.wait(list(self._flights), num_returns=len(self._flights), timeout=0)[0]
        return [ended for stream in ready if (ended := self._hear(stream))]

    def running(self) -> list[Task]:
        """Tasks that have begun."""
        return [flight.current for flight in self._flights.values() if flight.is_running]

    def cancel(self) -> None:
        """End every task and leave the cluster."""
        self._waiting.clear()
        for stream in self._flights:
            with contextlib.suppress(exceptions.RayError, ValueError):
                ray.cancel(stream, force=True)
        self._flights.clear()
        ray.shutdown()

    def _hand_over(self) -> None:
        flights: list[Flight] = []
        self._look()
        self._waiting.take(lambda task: self._board(task, flights))
        for flight in flights:
            remote = self._on_gpu if flight.shape["GPU"] else self._on_cpu
            asked = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
            options = {name: flight.shape[resource] for name, resource in asked.items()}
            said = [(identity(task), code_digest(procedures.entry(task[0].procedure)), task) for task in flight.tasks]
            self._flights[remote.options(**options).remote(said)] = flight

    def _board(self, task: Task, flights: list[Flight]) -> bool:
        """Whether a task has a place in one of these flights, or in a new one that is added to them."""
        shape, seconds = self._shape(task)
        last = flights[-1] if flights else None
        slots = max(1.0, self._machines.total["GPU"] // shape["GPU"]) if shape["GPU"] else 1.0
        most = math.ceil(len(self._waiting) / slots)
        if last and last.shape == shape and last.seconds + seconds <= BATCH and len(last.tasks) < most:
            last.tasks.append(task)
            last.seconds += seconds
            return True
        if self._used and any(self._used[name] + shape[name] > AHEAD * self._machines.total[name] for name in shape):
            return False
        self._used.update(shape)
        flights.append(Flight(shape, [task], seconds))
        return True

    def _shape(self, task: Task) -> tuple[Mapping[str, float], float]:
        """What a run asks for, at most what some machine has, and the seconds it takes if it shares a process."""
        needs, most = find_needs(task[0]), self._machines.most
        memory = 2**20 * needs.memory_mb * 2 ** self._killed[identity(task)]
        gpu = needs.gpu if self._has_gpus else 0.0
        shape = {
            "CPU": min(needs.cores, max(1, most.get("CPU", 1))),
            "GPU": gpu,
            "memory": min(memory, int(most.get("memory", memory))),
        }
        is_short = bool(gpu) and needs.seconds is not None and needs.seconds < SHORT
        return shape, needs.seconds if is_short and needs.seconds else math.inf

    def _look(self) -> None:
        """Learn what the cluster holds, now and then; says so where runs wait for a GPU to come back."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked, self._machines = time.monotonic(), Machines()
        for node in filter(lambda node: node["Alive"], ray.nodes()):
            for name, amount in node["Resources"].items():
                self._machines.total[name] += amount
                self._machines.most[name] = max(amount, self._machines.most.get(name, 0))
        had_gpus, has_gpus = self._has_gpus, self._machines.total["GPU"] > 0
        self._has_gpus = had_gpus or has_gpus
        if had_gpus and not has_gpus and not self._said:
            print("repro: no machine of the cluster has a GPU any more; waiting for one", file=sys.stderr, flush=True)
        self._said = had_gpus and not has_gpus

    def _hear(self, stream: Any) -> Ended | None:
        """Take the next word of a task; what ended by it, if anything did."""
        flight = self._flights[stream]
        task, seconds = flight.current, time.monotonic() - flight.start if flight.is_running else 0.0
        try:
            error = ray.get(next(stream))
        except (exceptions.RayError, StopIteration) as lost:
            self._land(stream)
            for left in flight.tasks[flight.heard // 2 + 1 :]:
                self._waiting.add(left, math.inf)  # as soon as they would have been
            return Ended(task, self._why(task, lost), seconds)
        flight.heard += 1
        if flight.is_running:
            flight.start = time.monotonic()
            return None
        if flight.heard == 2 * len(flight.tasks):
            self._land(stream)
        return Ended(task, error, seconds)

    def _land(self, stream: Any) -> None:
        self._used.subtract(self._flights.pop(stream).shape)
        self._used = +self._used

    def _why(self, task: Task, error: Exception) -> Exception:
        """What became of a task, as the driver knows it; after a lack of memory it asks for twice as much."""
        if isinstance(error, exceptions.OutOfMemoryError):
            self._killed[identity(task)] += 1
            return OutOfMemory("ended because its machine had no memory left")
        said = next((said for kind, said in LOST.items() if isinstance(error, kind)), None)
        if said or isinstance(error, StopIteration):
            return WorkerLost(said or "lost")
        return error.cause if isinstance(error, exceptions.RayTaskError) else error


def connect(address: str | None, cores: int | None = None) -> Cluster:
    """The cluster at an address, or a new one here with so many cores, else all but one. Raises NoCluster."""
    os.environ |= SETTINGS
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECTS}
    own["num_cpus"] = cores or max(1, usable_cores() - 1)
    said: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address or "local", runtime_env={"env_vars": environment()}, **said, **({} if address else own))
    except Exception as error:  # Ray raises all kinds, `Exception` itself included
        where = f"no Ray cluster can be used at {address}" if address else "Ray cannot be started here"
        raise NoCluster(f"{where}: {' '.join(str(error).split())[:300]}") from error
    if signal.getsignal(signal.SIGTERM) is not before:
        signal.signal(signal.SIGTERM, before)
    return Cluster()
