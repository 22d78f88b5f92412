"""Many runs in the order they need each other, placed by a backend.

The store is the truth: a run is done when its record is there, and a driver that was killed is started again and plans
from what it finds. A run that fails is reported at the end while what does not need it goes on; one whose process was
lost is tried again, because it goes on from its checkpoint.
"""

import importlib.util
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path

from repro import config
from repro.machine import free_memory_mb, usable_cores
from repro.runs import committed, store
from repro.runs.attempt import explain, note_failure
from repro.runs.backends import Backend, Ended
from repro.runs.graph import LookUp, Name, Task, Walk, identity, plan, words
from repro.runs.order import Order
from repro.runs.progress import Progress, kind
from repro.runs.record import Record
from repro.runs.workers import OutOfMemory, WorkerLost

TRIES = 3  # of a run whose process is lost, without a new checkpoint in between or for want of memory
POLL_SECONDS = 1.0  # between two looks at what other processes do
TRAIN, WORKERS = "REPRO_TRAIN", "REPRO_WORKERS"
BACKENDS = ("local", "ray")


class RunFailed(RuntimeError):
    """Runs that did not finish; the message names each, its cause and what was not carried out because of it."""


class BackendMissing(RuntimeError):
    """A backend whose package is not installed."""


def missing(wanted: Iterable[Task], use_committed: bool = True) -> list[Task]:
    """Tasks to carry out, parents first, so that each wanted one has a record."""
    return list(plan(wanted, finder(use_committed))[0].values())


def finder(use_committed: bool, first: Path | None = None) -> LookUp:
    """How records are looked up for one walk, in which the committed files are read once."""
    if not use_committed:
        return store.find_local
    known = cache(partial(committed.committed, first))
    return lambda run, seed: store.find_local(run, seed) or known().get((config.name(run), seed))


def get_or_compute(
    wanted: Iterable[Task],
    *,
    use_committed: bool = True,
    first: Path | None = None,
    find_backend: Callable[[], Backend] | None = None,
) -> list[Record]:
    """Records of the wanted tasks, in their order; what is missing is carried out, on this machine or as is chosen.

    Committed records count as there unless `use_committed` is false, as it is where a user asks to reproduce; those of
    the file `first` go before those of others. `find_backend` is only called where there is something to carry out.
    Raises RunFailed, or RunMissing where `REPRO_TRAIN=never` forbids what would have to be carried out.
    """
    wanted = list(wanted)
    tasks, found = plan(wanted, finder(use_committed, first))
    if tasks and not may_train():
        raise store.RunMissing(f"{len(tasks)} runs are not in book/results, and {TRAIN}=never forbids training")
    if tasks:
        backend = (find_backend or local_backend)()
        carry_out(tasks, backend, seconds_by_kind(found.values()), len(found))
    return [found.get(identity(task)) or read_back(task) for task in wanted]


def read_back(task: Task) -> Record:
    """The record of a task that was carried out. Raises RunMissing, naming it."""
    if record := store.find_local(*task):
        return record
    raise store.RunMissing(
        f"{words(identity(task))} was carried out and its record is not in {store.folder(*task)}; run the same command "
        "again, and report it where it stays so"
    )


def may_train() -> bool:
    """Whether `REPRO_TRAIN` lets runs be carried out. Raises ConfigError for a value that says neither."""
    chosen = os.environ.get(TRAIN, "auto").lower()
    if chosen not in ("auto", "never"):
        raise config.ConfigError(f"{TRAIN} must be auto or never, or unset; got {os.environ[TRAIN]!r}")
    return chosen == "auto"


def seconds_by_kind(records: Iterable[Record]) -> dict[str, list[float]]:
    """What finished runs took, by their procedure."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if "seconds" in record.timing:
            found[kind(record.key)].append(record.timing["seconds"])
    return found


def chosen_workers() -> int | None:
    """`REPRO_WORKERS`, None where it is not set. Raises ConfigError."""
    chosen = os.environ.get(WORKERS)
    if chosen is None:
        return None
    if not (chosen.isascii() and chosen.isdigit() and int(chosen) > 0):
        raise config.ConfigError(f"{WORKERS} must be a whole number from 1 on, or unset; got {chosen!r}")
    return int(chosen)


def local_backend() -> Backend:
    """This machine, with `REPRO_WORKERS` processes, else one a core or GPU; a single one without a GPU is this one."""
    from repro.runs.backends.gpus import visible_gpus
    from repro.runs.backends.here import Here
    from repro.runs.backends.local import Local

    chosen, gpus = chosen_workers(), visible_gpus()
    workers = chosen or max(usable_cores(), len(gpus))
    return Here() if workers == 1 and not gpus else Local(workers, gpus, free_memory_mb())


def find_backend(name: str, address: str | None) -> Callable[[], Backend]:
    """What makes the backend of a name. Raises ConfigError, or BackendMissing where it is not installed."""
    if name not in BACKENDS:
        raise config.ConfigError(f"unknown backend {name!r}: choose one of {', '.join(BACKENDS)}")
    if name == "local":
        if address:
            raise config.ConfigError(f"--address {address} is for --backend ray; the local backend has none")
        return local_backend
    if importlib.util.find_spec("ray") is None:
        raise BackendMissing("the backend ray needs Ray, which is not installed: `pip install 'ray>=2.60,<3'`")
    return partial(ray_backend, address or os.environ.get("RAY_ADDRESS"))


def ray_backend(address: str | None) -> Backend:
    """The Ray cluster at an address, or one of our own on this machine. Raises NoCluster."""
    from repro.runs.backends.ray import connect

    return connect(address, chosen_workers())


def carry_out(
    tasks: dict[Name, Task], backend: Backend, seconds: Mapping[str, list[float]] | None = None, cached: int = 0
) -> None:
    """Carry tasks out. Raises RunFailed at the end where one failed; what was finished stays finished.

    `seconds` is what runs of a kind are known to take, `cached` how many more were asked for and are there.
    """
    walk = Walk(tasks)
    Driver(walk, backend, Progress(walk, seconds or {}, cached)).run()
    if walk.failed:
        raise RunFailed(walk.report())


class Driver:
    """Takes a walk through its tasks with a backend."""

    def __init__(self, walk: Walk, backend: Backend, progress: Progress) -> None:
        self._walk, self._backend, self._progress = walk, backend, progress
        self._order = Order(walk)
        self._tries: Counter[Name] = Counter()  # since the last one that left another checkpoint
        self._states: dict[Name, int | None] = {}  # when the checkpoint was written that a lost run left
        self._elsewhere: dict[Name, Task] = {}  # that other processes carry out

    def run(self) -> None:
        """Carry out every task that can be; whatever ends this, nothing is left running."""
        try:
            self._order.learn()
            for task in self._walk.first():
                self._submit(task)
            while not self._walk.is_over:
                self._progress.update(map(identity, self._backend.running()))
                for ended in self._backend.wait(POLL_SECONDS):
                    self._take(ended)
                if self._order.learn():
                    self._backend.reorder(self._order.chain)
                self._look_elsewhere()
        finally:
            self._backend.cancel()
            self._progress.close()

    def _submit(self, task: Task) -> None:
        self._backend.submit(task, self._order.chain(task))

    def _take(self, ended: Ended) -> None:
        """Act on what came of a task."""
        name = identity(ended.task)
        if isinstance(ended.error, store.UnderWay):
            self._progress.say(f"{ended.error}; waiting")
            self._elsewhere[name] = ended.task
        elif isinstance(ended.error, WorkerLost):
            self._try_again(name, ended)
        elif ended.error:
            self._fail(name, explain(ended.error))
        elif record := store.find_local(*ended.task):
            ready = self._walk.finish(name)
            self._progress.note_done(name, ended.seconds, record.outcome)
            for task in ready:
                self._submit(task)
        else:
            self._fail(name, f"it ended without a record in {store.folder(*ended.task)}")

    def _try_again(self, name: Name, ended: Ended) -> None:
        before, self._states[name] = self._states.get(name), store.checkpoint_time(*ended.task)
        got_on = self._states[name] != before and not isinstance(ended.error, OutOfMemory)
        self._tries[name] = 1 if got_on else self._tries[name] + 1
        if self._tries[name] < TRIES:
            self._progress.say(f"{words(name)}: its process was {ended.error}; it goes on in another")
            self._submit(ended.task)
            return
        reason = (
            f"its process was {ended.error}, {TRIES} times in a row, perhaps for want of memory. Run the same command "
            f"again, it resumes; {WORKERS}=1 needs the least memory"
        )
        note_failure(ended.task, reason)
        self._fail(name, reason)

    def _fail(self, name: Name, reason: str) -> None:
        self._walk.fail(name, reason)
        self._progress.note_failed(name, reason)

    def _look_elsewhere(self) -> None:
        """Ask again for runs that other processes are through with, or gave up."""
        for name, task in list(self._elsewhere.items()):
            if not store.is_under_way(store.folder(*task)):
                self._submit(self._elsewhere.pop(name))
