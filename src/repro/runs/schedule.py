"""Many runs in the order they need each other, several at a time.

On a CPU each worker process trains on one thread: for networks of this size two trainings side by side finish sooner
than two threads on one training, and a result does not depend on how many cores the machine has. On a machine with
GPUs each worker has one of them.
"""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from joblib.externals.loky import ProcessPoolExecutor  # unlike the standard pool it needs no main guard in scripts

from repro import config, paths
from repro.runs import committed, store
from repro.runs.record import Record

Task = tuple[Any, int]  # a run and a seed
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # parameters of glibc's mallopt, from malloc.h
_held: list[FileLock] = []  # locks of this process, held until it ends


class RunFailed(RuntimeError):
    """A run that did not finish; the message names it, the cause and the mend."""


def missing(wanted: Iterable[Task], use_committed: bool = True) -> list[Task]:
    """Tasks to carry out, parents first, so that each wanted one has a record."""
    ordered: dict[Task, None] = {}

    def add(task: Task) -> None:
        if task not in ordered:
            for parent in config.parents(task[0]):
                if not store.is_whole(parent, task[1]):
                    add((parent, task[1]))
            ordered[task] = None

    look_up = committed.find if use_committed else store.find_local
    for task in wanted:
        if look_up(*task) is None:
            add(task)
    return list(ordered)


def get_or_compute(wanted: Iterable[Task], *, use_committed: bool = True, first: Path | None = None) -> list[Record]:
    """Records of the wanted tasks, in their order; what is missing is carried out.

    Committed records count as there unless `use_committed` is false, as it is where a user asks to reproduce; those of
    the file `first` go before those of others.
    Raises RunFailed, or RunMissing where `REPRO_TRAIN=never` forbids what would have to be carried out.
    """
    wanted = list(wanted)
    tasks = missing(wanted, use_committed)
    if tasks and os.environ.get("REPRO_TRAIN") == "never":
        raise store.RunMissing(f"{len(tasks)} runs are not in book/results, and REPRO_TRAIN=never forbids training")
    if tasks:
        carry_out(tasks, default_workers())
    found = (committed.find(*task, first) for task in wanted)
    return [record for record in found if record is not None]


def default_workers() -> int:
    """`REPRO_WORKERS`, else the number of GPUs, else the number of cores this process may use."""
    import torch

    chosen = os.environ.get("REPRO_WORKERS", "")
    if chosen and not (chosen.isdigit() and int(chosen) > 0):
        raise config.ConfigError(f"REPRO_WORKERS must be a whole number from 1 on; got {chosen!r}")
    return int(chosen or 0) or torch.cuda.device_count() or len(os.sched_getaffinity(0))


def carry_out(tasks: list[Task], workers: int) -> None:
    """Carry out tasks, given parents first. Raises RunFailed; what was finished stays finished.

    One worker is this process itself, more are processes of their own.
    """
    done = Progress(len(tasks))
    if workers > 1:
        _carry_out_side_by_side(tasks, workers, done)
        return
    keep_freed_memory()
    for task in tasks:
        try:
            done.note(identity(task), store.compute(*task))
        except Exception as error:
            raise failure(identity(task), error) from error


def _carry_out_side_by_side(tasks: list[Task], workers: int, done: "Progress") -> None:
    waiting = {identity(task): task for task in tasks}
    needs = {name: {identity((p, task[1])) for p in config.parents(task[0])} for name, task in waiting.items()}
    unfinished, running = set(waiting), dict[Future[Record], tuple[str, int]]()
    pool = ProcessPoolExecutor(workers, initializer=start_worker, initargs=(workers,))
    try:
        while unfinished:
            for name in [n for n in waiting if not needs[n] & unfinished]:
                running[pool.submit(store.compute, *waiting.pop(name))] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                try:
                    done.note(name, future.result())
                except Exception as error:
                    raise failure(name, error) from error
                unfinished.remove(name)
    finally:
        pool.shutdown(kill_workers=bool(unfinished))


def identity(task: Task) -> tuple[str, int]:
    """Name and seed of a task; far quicker to compare than a config that nests its history."""
    return config.name(task[0]), task[1]


def failure(task: tuple[str, int], error: Exception) -> RunFailed:
    """What to tell the user when a task failed."""
    name = f"{task[0]} seed {task[1]}"
    if isinstance(error, BrokenProcessPool):
        return RunFailed(
            f"{name}: a worker process was killed, perhaps for want of memory. Run the same command again, it resumes; "
            "REPRO_WORKERS=1 needs the least memory"
        )
    return RunFailed(f"{name}: {error}")


def start_worker(workers: int) -> None:
    """Set a worker process up: its memory, its share of the cores, its GPU."""
    import torch

    keep_freed_memory()
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers))
    if torch.cuda.is_available():
        torch.cuda.set_device(claim_gpu(torch.cuda.device_count()))


def keep_freed_memory() -> None:
    """Have glibc keep the memory a step frees for the next step.

    By default it hands large blocks back to the system, and every step pays thousands of page faults for new ones: of
    a step on one thread 4 % (DeiT-Tiny on tickets) and 8 % (ResNet-20; means of 10 on an AMD EPYC), more on two. Other
    C libraries have no such setting; nothing is done there.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def claim_gpu(count: int) -> int:
    """A GPU that no other worker has, held as long as this process lives; any one where all are taken."""
    paths.home().mkdir(parents=True, exist_ok=True)
    for number in range(count):
        lock = FileLock(paths.home() / f"gpu{number}.lock")
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            _held.append(lock)
            return number
    return os.getpid() % count


class Progress:
    """Says how many runs are done: a bar for a person, a line a run for a log."""

    def __init__(self, total: int) -> None:
        from tqdm.auto import tqdm

        self.total, self.count, self.start = total, 0, time.monotonic()
        self.bar = tqdm(total=total, unit="run") if is_interactive() else None

    def note(self, task: tuple[str, int], record: Record) -> None:
        """Count a finished run."""
        self.count += 1
        text = f"{task[0]} seed {task[1]}: {record.outcome}"
        if self.bar is not None:
            self.bar.set_postfix_str(text)
            self.bar.update()
            if self.count == self.total:
                self.bar.close()
        else:
            elapsed = time.monotonic() - self.start
            print(f"[{self.count}/{self.total}] {elapsed:5.0f} s  {text}", file=sys.stderr, flush=True)


def is_interactive() -> bool:
    """Whether a person watches: a terminal, or a notebook that is not executed headlessly."""
    if "ipykernel" in sys.modules:
        return "PAPERMILL" not in os.environ and "TQDM_DISABLE" not in os.environ
    return sys.stderr.isatty()
