"""One run carried out in this process, wherever that is: on one thread, with its failure noted where it can be found.

A run takes one thread, so that its result does not depend on how many are carried out side by side. Why a run failed
stands in its folder until it is tried again, for `repro status` and for whoever wants the traceback.
"""

import contextlib
import json
import os
import traceback
from pathlib import Path

from threadpoolctl import threadpool_limits

from repro.disk import DiskError, write_bytes
from repro.runs import store
from repro.runs.graph import Task

FAILURE_FILE = "failed.json"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read by libraries when they are loaded
EXPLAINED = (ValueError, FloatingPointError)  # errors whose text was written for the user, like those of this package


def attempt(task: Task) -> None:
    """Carry a task out whose parents are done. Raises UnderWay where another process does, or what made it fail."""
    use_one_thread()
    try:
        (store.folder(*task) / FAILURE_FILE).unlink(missing_ok=True)
        store.compute(*task)
    except store.UnderWay:
        raise
    except Exception as error:
        note_failure(task, explain(error), traceback.format_exc())
        raise


def use_one_thread() -> None:
    """Have torch, and every library for matrices that is loaded or will be, compute on one thread in this process."""
    import torch

    os.environ |= dict.fromkeys(THREADS, "1")
    threadpool_limits(1)
    torch.set_num_threads(1)


def explain(error: Exception) -> str:
    """Why a run failed, in words."""
    own = type(error).__module__.partition(".")[0] == "repro"
    return str(error) if own or isinstance(error, EXPLAINED) else f"{type(error).__name__}: {error}"


def note_failure(task: Task, reason: str, trace: str = "") -> None:
    """Leave in a run's folder why it failed, if that can be written."""
    with contextlib.suppress(DiskError, OSError):
        said = {"reason": reason, "traceback": trace}
        write_bytes(store.folder(*task) / FAILURE_FILE, json.dumps(said, indent=1).encode())


def failure_in(home: Path) -> str | None:
    """Why the run of a folder failed when it was last tried; None where it did not."""
    try:
        return str(json.loads((home / FAILURE_FILE).read_text())["reason"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
