"""What the machine gives this process."""

import os


def usable_cores() -> int:
    """Cores that this process may run on; all of the machine's where the system does not say (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
