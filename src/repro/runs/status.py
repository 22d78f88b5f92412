"""What the store holds and what drives it now.

A process that drives runs keeps a small file under `REPRO_HOME` while it does. One that was killed leaves its file: on
this machine it is told by its process being gone, of another machine only the age of the file is known.
"""

import contextlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from repro import paths
from repro.disk import DiskError, write_bytes
from repro.machine import host, is_alive
from repro.runs import store
from repro.runs.attempt import failure_in
from repro.runs.graph import words

SEED = re.compile(r"seed(\d+)")


def announce(state: dict[str, Any]) -> None:
    """Say how far this process is with its runs, if that can be written."""
    with contextlib.suppress(DiskError, OSError):
        write_bytes(_own_file(), json.dumps(state, indent=1).encode())


def tidy() -> None:
    """Forget what this process announced, and what processes of this machine that are gone did."""
    with contextlib.suppress(OSError):
        _own_file().unlink(missing_ok=True)
        paths.sweep(paths.drivers())
        for state in drivers():
            if state["alive"] is False:
                (paths.drivers() / f"{state['host']}-{state['process']}.json").unlink(missing_ok=True)


def _own_file() -> Path:
    return paths.drivers() / f"{host()}-{os.getpid()}.json"


def drivers() -> list[dict[str, Any]]:
    """What the processes that drive runs announced; `alive` is whether they are there, None on another machine."""
    found = []
    for file in sorted(paths.drivers().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            state = json.loads(file.read_text())
            found.append(state | {"alive": is_alive(state["process"]) if state["host"] == host() else None})
    return found


def overview() -> dict[str, Any]:
    """Drivers, and every run that has a folder: name, seed, state and what else there is to say."""
    driving = drivers()
    running = {
        name: said for state in driving if state["alive"] is not False for name, said in state["running"].items()
    }
    runs = []
    for home in sorted((paths.home() / "runs").glob("*/seed*")):
        if seed := SEED.fullmatch(home.name):
            name = (home.parent.name, int(seed[1]))
            state, said = state_of(home) if words(name) not in running else ("running", duration(running[words(name)]))
            runs.append({"name": name[0], "seed": name[1], "state": state, "said": said})
    return {"home": str(paths.home()), "drivers": driving, "runs": runs}


def state_of(home: Path) -> tuple[str, str]:
    """State of a run that no driver of this machine has, and what else its folder says."""
    if (home / store.RECORD_FILE).exists():
        said = store.state_of(home)
        return ("damaged" if said.startswith("damaged") else "done"), said
    if store.is_under_way(home):
        return "running", "in another process"
    if reason := failure_in(home):
        return "failed", reason
    return "interrupted", "the command that began it goes on with it"


def describe(found: dict[str, Any]) -> str:
    """An overview as text, a line a driver and a run."""
    lines = [line for state in found["drivers"] for line in _describe_driver(state)]
    for run in found["runs"]:
        state = "" if run["state"] == "done" else f"{run['state']}: "
        lines.append(f"{run['name']} seed{run['seed']}: {state}{run['said']}")
    return "\n".join(lines) or f"no run has been begun in {found['home']}"


def _describe_driver(state: dict[str, Any]) -> list[str]:
    who = f"process {state['process']} on {state['host']}"
    counts = f"{state['done']} of {state['total']} runs done"
    if state["alive"] is False:
        return [f"{who} was killed with {counts}; the same command goes on from there"]
    parts = [
        counts,
        f"{len(state['running'])} running",
        f"{state['waiting']} waiting",
        f"{len(state['failed'])} failed",
    ]
    parts += [f"{state['not_carried_out']} not carried out because of that"] if state["not_carried_out"] else []
    parts += [] if state["seconds_left"] is None else [f"{duration(state['seconds_left'])} left"]
    parts += [] if state["alive"] else [f"heard of {duration(time.time() - state['written'])} ago"]
    failed = [f"  {name} failed: {reason}" for name, reason in state["failed"].items()]
    return [f"{who}: {', '.join(parts)}", *failed]


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, in words."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {max(0.0, seconds):.0f} s"
