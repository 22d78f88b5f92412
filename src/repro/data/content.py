"""Whose content a data set has, by checksum: its publisher's, that of a copy this project knows, or another.

What is neither is refused unless `REPRO_ALLOW_OTHER_DATA=1` lets it in, and the data set then says so. Images are
compared whatever their order, because copies of CIFAR differ in it; the checksum of a `Dataset` sees the order too.
"""

import functools
import hashlib
import os
from pathlib import Path
from typing import Literal

import numpy as np

from repro.config import ConfigError
from repro.data.files import DataError

# package: made of what an installed package brings; published: as its publisher gives it out; known: no publisher's,
# but the copy that records of this project were made with; other: neither; unchecked: there is no checksum to compare.
Origin = Literal["package", "published", "known", "other", "unchecked"]
ALLOW = "REPRO_ALLOW_OTHER_DATA"


def check_allowed(what: str, mend: str) -> None:
    """Raise DataError for content that is neither published nor known, unless the user allows it."""
    allowed = os.environ.get(ALLOW, "")
    if allowed not in ("", "0", "1"):
        raise ConfigError(f"{ALLOW} must be 1 or 0; got {allowed!r}")
    if allowed != "1":
        raise DataError(f"{what} differ from those published; {mend}, or set {ALLOW}=1 to take them as they are")


def unordered_checksum(records: np.ndarray) -> str:
    """First 12 hex digits of a SHA-256 of records (n, bytes) that does not depend on their order."""
    digests = sorted(hashlib.sha256(record).digest() for record in records)
    return hashlib.sha256(b"".join(digests)).hexdigest()[:12]


def file_md5(file: Path) -> str:
    """MD5 of a file, in hex; read once by a process unless the file changes."""
    return _md5(file, *file_state(file))


def file_state(file: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds: a file in which neither differs is the same."""
    known = file.stat()
    return known.st_size, known.st_mtime_ns


@functools.lru_cache(maxsize=64)
def _md5(file: Path, size: int, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
