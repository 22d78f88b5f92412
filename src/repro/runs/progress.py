"""How far a walk through runs is: a bar for a person, a line a run for a log, a small file for `repro status`."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import fmean, median

from repro.machine import host
from repro.runs import status
from repro.runs.graph import Name, Walk, words

WRITE_SECONDS = 1.0  # between two states on disk


@dataclass(frozen=True)
class State:
    """What a driver of runs has done and is doing."""

    total: int
    cached: int  # asked for, and there before
    done: int
    pending: int  # wait for a run they need
    submitted: int  # wait for room, or for another process
    running: dict[str, float]  # with the seconds they have run
    failed: dict[str, str]  # with the reason
    not_carried_out: int  # because a run that they need failed
    seconds_left: float | None  # None where nothing like what is left was ever timed
    host: str = field(default_factory=host)
    process: int = field(default_factory=os.getpid)
    written: float = field(default_factory=time.time)


class Progress:
    """Follows a walk; `seconds` is what runs of a kind are known to take, `cached` how many need not be carried out."""

    def __init__(self, walk: Walk, seconds: Mapping[str, list[float]], cached: int = 0) -> None:
        from tqdm.auto import tqdm

        status.tidy()
        self._walk, self._cached, self._start, self._written = walk, cached, time.monotonic(), 0.0
        self._seconds: dict[str, list[float]] = defaultdict(list, seconds)
        self._since: dict[Name, float] = {}
        self._left: float | None = None
        self._bar = tqdm(total=len(walk.tasks), unit="run") if is_interactive() else None

    def note_done(self, name: Name, seconds: float, outcome: str) -> None:
        """Count a finished run."""
        self._seconds[kind(name)].append(seconds)
        self._note(f"{words(name)}: {outcome}")

    def note_failed(self, name: Name, reason: str) -> None:
        """Say that a run failed, now and not only at the end."""
        self._note(f"{words(name)} failed: {reason}")

    def say(self, text: str) -> None:
        """A line that is not about a finished run."""
        if self._bar is not None:
            self._bar.write(f"repro: {text}", file=sys.stderr)
        else:
            print(f"repro: {text}", file=sys.stderr, flush=True)

    def update(self, running: Iterable[Name]) -> None:
        """Renew the file that `repro status` reads, once a second at most."""
        now = time.monotonic()
        if now - self._written < WRITE_SECONDS:
            return
        self._written = now
        self._since = {name: self._since.get(name, now) for name in running}
        status.announce(asdict(self.state()))

    def state(self) -> State:
        """How far the walk is."""
        walk, now = self._walk, time.monotonic()
        left = set(walk.left())
        elapsed = {name: now - since for name, since in self._since.items() if name in left}
        self._left = seconds_left(left, elapsed, self._seconds)
        pending = sum(map(walk.is_pending, left))
        return State(
            total=len(walk.tasks),
            cached=self._cached,
            done=len(walk.done),
            pending=pending,
            submitted=len(left) - pending - len(elapsed),
            running={words(name): round(seconds, 1) for name, seconds in elapsed.items()},
            failed={words(name): reason for name, reason in walk.failed.items()},
            not_carried_out=len(walk.blocked),
            seconds_left=self._left,
        )

    def close(self) -> None:
        """Leave no bar and no file."""
        if self._bar is not None:
            self._bar.close()
        status.tidy()

    def _note(self, text: str) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(text)
            self._bar.update()
            return
        count, total = len(self._walk.done) + len(self._walk.failed), len(self._walk.tasks)
        elapsed = time.monotonic() - self._start
        left = "" if self._left is None or count == total else f"; {status.duration(self._left)} left"
        print(f"[{count}/{total}] {elapsed:5.0f} s  {text}{left}", file=sys.stderr, flush=True)


def kind(name: Name) -> str:
    """The procedure of a run."""
    return name[0].rpartition("-")[0]


def seconds_left(left: Iterable[Name], running: Mapping[Name, float], known: Mapping[str, list[float]]) -> float | None:
    """Time that tasks take, as many side by side as run now, each as long as the median of its kind, else as all kinds.

    `running` holds the seconds that some of them have run. None where no run was timed.
    """
    usual = {what: median(seconds) for what, seconds in known.items() if seconds}
    if not usual:
        return None
    middle = fmean(usual.values())
    work = 0.0
    for name in left:
        work += max(0.0, usual.get(kind(name), middle) - running.get(name, 0.0))
    return round(work / max(1, len(running)), 1)


def is_interactive() -> bool:
    """Whether a person watches: a terminal, or a notebook that is not executed headlessly."""
    if "ipykernel" in sys.modules:
        return "PAPERMILL" not in os.environ and "TQDM_DISABLE" not in os.environ
    return sys.stderr.isatty()
