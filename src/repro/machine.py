"""What the machine gives this process."""

import contextlib
import os
import socket
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")  # where Linux keeps the limits of containers and of a cluster's jobs


def usable_cores() -> int:
    """Cores that this process may run on; all of the machine's where the system does not say (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def host() -> str:
    """Name of this machine, as it stands in names of files."""
    return socket.gethostname() or "localhost"


def is_alive(process: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True


def is_one_of_several() -> bool:
    """Whether torchrun started this process."""
    return "RANK" in os.environ


def is_first() -> bool:
    """Whether this process is alone, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def process_space() -> str:
    """Name of the space in which a process's number means something: this start of this machine, and its container."""
    with contextlib.suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    return host()


def process_start(process: int) -> str | None:
    """When a process of this space began, in ticks; empty where it is gone, None where the system does not say.

    One that has ended, and whose parent has not heard of it yet, is gone.
    """
    try:
        state, *_ = fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if is_alive(process) else ""
    return "" if state in "ZX" else fields[19]


def free_memory_mb() -> int | None:
    """Memory that is free, within the limits of this process's control groups; None where the system does not say."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        return min([free, *_left_in_groups()]) // 2**20
    return None


def _left_in_groups() -> list[int]:
    """Bytes left in each control group (version 2) of this process that has a limit; files held in memory can go."""
    left = []
    with contextlib.suppress(OSError):
        own = GROUPS / Path("/proc/self/cgroup").read_text().strip().rpartition("::/")[2]
        for group in (own, *own.parents):
            with contextlib.suppress(OSError, ValueError, StopIteration):
                limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
                stat = (group / "memory.stat").read_text().splitlines()
                cached = next(int(line.split()[1]) for line in stat if line.startswith("inactive_file "))
                left.append(max(0, limit - used + cached))
    return left
