"""Runs that travel to another machine, short ones several at once, and how they are carried out there.

What travels is configs and seeds, never weights or references to objects: all else lies in the store, which every
machine must see under the same path. A machine with other code refuses, so that no record is of a mixture.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from repro import paths, procedures
from repro.machine import host
from repro.runs.attempt import attempt
from repro.runs.code import code_digest
from repro.runs.graph import Name, Task, identity
from repro.runs.workers import SOURCE, as_sent, keep_freed_memory


class OtherCode(RuntimeError):
    """A machine of the cluster that has other code than the process which drives the runs."""


@dataclass
class Flight:
    """What one task of Ray's was given: runs, one after the other."""

    shape: Mapping[str, float]  # resources it asks for, by Ray's names
    tasks: list[Task]
    seconds: float = math.inf  # that its runs are known to take together
    heard: int = 0  # two words a run: begun, ended
    start: float = 0.0  # of the run under way

    @property
    def current(self) -> Task:
        """The run under way, or the next one."""
        return self.tasks[self.heard // 2]

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self.heard % 2 == 1


def carry(flight: list[tuple[Name, str, Task]]) -> Iterator[Exception | None]:
    """What a worker does: carry runs out. Yields nothing where one begins, and its error where it ended with one."""
    keep_freed_memory()
    for name, code, task in flight:
        yield None
        try:
            check_code(name, code, task)
            attempt(task)
        except Exception as error:
            yield as_sent(error)
        else:
            yield None


def check_code(name: Name, code: str, task: Task) -> None:
    """Raise OtherCode where this machine would carry out something else than the driver of the runs wants."""
    here = code_digest(procedures.entry(task[0].procedure))
    if (identity(task), here) != (name, code):
        raise OtherCode(
            f"{host()} has code {here}, the command that drives the runs has {code}: bring every machine to one commit "
            "and run the same command again"
        )


def environment() -> dict[str, str]:
    """What workers are told besides their runs: this process's settings and where it finds this package."""
    own = {name: value for name, value in os.environ.items() if name.startswith("REPRO_")}
    path = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
    return own | {"REPRO_HOME": str(paths.home()), "REPRO_DATA": str(paths.data()), "PYTHONPATH": path}
