"""Files written whole or not at all: beside their place, flushed and then moved there.

On a shared file system a handle may go stale while a file is read or written, because another machine replaced it: it
is opened anew, and named where that does not help.
"""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from repro import lease, paths

PAUSES = (0.1, 0.5, 2.0)  # seconds before a stale file is opened anew
Found = TypeVar("Found")


class DiskError(RuntimeError):
    """A file that could not be written or read; what was there before is untouched."""


class StoreFull(DiskError):
    """The disk took no more."""


class StaleFile(DiskError):
    """A file of a shared file system that could not be reached, however often it was opened."""


def read_bytes(file: Path) -> bytes:
    """Content of a file. Raises OSError, or StaleFile."""
    return reopening(file, file.read_bytes)


def reopening(file: Path, call: Callable[[], Found]) -> Found:
    """What a call returns that opens a file; it is called again where the file has gone stale. Raises StaleFile."""
    for pause in PAUSES:
        try:
            return call()
        except Exception as error:
            if not is_stale(error):
                raise
            time.sleep(pause)
    try:
        return call()
    except Exception as error:
        if not is_stale(error):
            raise
        raise StaleFile(
            f"{file}: {error}, {len(PAUSES) + 1} times. Nothing was changed; run the same command again, and where it "
            "stays so have the file system of REPRO_HOME mounted anew on this machine"
        ) from error


def is_stale(error: Exception) -> bool:
    """Whether a file went stale; libraries in other languages say it in their text alone."""
    return getattr(error, "errno", None) == errno.ESTALE or f"(os error {errno.ESTALE})" in str(error)


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file atomically. Raises StoreFull where the disk is full, StaleFile, and UnderWay.

    UnderWay: this process had a lease in the folder, and another has taken it over.
    """
    lease.check(file.parent)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = paths.beside(file)
    try:
        reopening(file, lambda: _write(file, beside, content))
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreFull(
            f"cannot write {file}: {error.strerror}. Free some space, or point REPRO_HOME at a larger disk, "
            "and run the same command again: it goes on from the last checkpoint"
        ) from error


def _write(file: Path, beside: Path, content: bytes) -> None:
    with beside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)
