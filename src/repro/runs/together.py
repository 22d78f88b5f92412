"""A run that several processes carry out together, started by torchrun: the first has the run, the others help.

The first plans, holds the leases and writes. A run of a kind that is shared it has the others carry out too, who keep
nothing of it; any other run it carries out alone, as if there were no others, while they wait.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from repro import config, paths, procedures
from repro.machine import is_one_of_several
from repro.procedures import Result

PATIENCE = timedelta(days=30)  # of those that wait for the first
SEEN_SECONDS = 120.0  # after which every machine must see a file that the first has written
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


class NotTogether(RuntimeError):
    """What several processes cannot do together; the message says what they can."""


class Calls:
    """How the first process tells the others what to carry out."""

    def __init__(self) -> None:
        import torch

        self._group = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)

    def pass_on(self, task: tuple[Any, int] | None) -> tuple[Any, int] | None:
        """The task of the first process, in every process; None is the end."""
        import torch

        said = [task]
        torch.distributed.broadcast_object_list(said, src=0, group=self._group)
        return said[0]


_calls: Calls | None = None  # where this process is one of several that have met


def connect() -> Calls:
    """Meet the other processes; returns how they are told what to do."""
    global _calls
    from repro.training.precision import pick_device
    from repro.training.ranks import find_ranks

    find_ranks().meet(pick_device())
    _calls = _calls or Calls()
    return _calls


def disconnect() -> None:
    """Part from the other processes."""
    global _calls
    import torch

    _calls = None
    torch.distributed.destroy_process_group()


def carry_out(run: Any, seed: int, home: Path) -> Result:
    """Carry out a run whose parents are done, with all processes where it is shared. Raises NotTogether."""
    if not is_one_of_several():
        return help_out(run, seed, home)
    if _calls is None:
        raise NotTogether("torchrun can start `repro run` and `repro compute`, and no other command")
    if procedures.find(run).shared:
        _calls.pass_on((run, seed))
        return help_out(run, seed, home)
    with alone():
        return help_out(run, seed, home)


def help_out(run: Any, seed: int, home: Path) -> Result:
    """What every process does for a run."""
    return procedures.find(run).carry_out(run, seed, home, lambda parent: folder(parent, seed))


def folder(run: Any, seed: int) -> Path:
    """Where a run keeps its files."""
    return paths.run_folder(config.name(run), seed)


def help_until_done() -> None:
    """What every process but the first does: its part of each run that the first has, until there is none left."""
    calls = connect()
    while task := calls.pass_on(None):
        run, seed = task
        for parent in config.parents(run):
            for name in procedures.find(parent).kept_files(parent):
                wait_for(folder(parent, seed) / name)
        help_out(run, seed, folder(run, seed))


def wait_for(file: Path) -> None:
    """Wait until this machine sees a file that another has written; what reads it says where it does not."""
    end = time.monotonic() + SEEN_SECONDS
    while not file.exists() and time.monotonic() < end:
        time.sleep(1)


@contextmanager
def alone() -> Iterator[None]:
    """Within it this process is the only one."""
    hidden = {name: os.environ.pop(name) for name in VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ |= hidden
