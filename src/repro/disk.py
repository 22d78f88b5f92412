"""Files written whole or not at all: beside their place, flushed and then moved there."""

import os
from pathlib import Path

from repro import paths


class StoreFull(RuntimeError):
    """The disk took no more; what was there before is untouched."""


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file atomically. Raises StoreFull where the disk is full."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = paths.beside(file)
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreFull(
            f"cannot write {file}: {error.strerror}. Free some space, or point REPRO_HOME at a larger disk, "
            "and run the same command again: it goes on from the last checkpoint"
        ) from error
