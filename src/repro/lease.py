"""Who works on what: a lease, which holds on a shared file system too, where the kernel's locks often do not.

The lease of a path is a file beside it, `path.<n>`, made by O_EXCL, which NFS carries out on its server. While it is
held a thread writes a new number into it every ten seconds. Whoever finds one waits: on the machine of its holder until
that process is gone, elsewhere until a minute has passed, on the finder's own clock, in which the file stayed the same.
So clocks need not agree. Then one process, and one alone, can make the file `path.<n + 1>`. A holder that was only slow
finds it, and writes nothing more (`check`): work may be done twice, which does no harm.
"""

import contextlib
import errno
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from repro.machine import host, process_space, process_start

BEAT_SECONDS, LEASE_SECONDS = 10.0, 60.0
POLL_SECONDS = 0.2  # between two looks at a lease that is waited for


class UnderWay(RuntimeError):
    """Work that another process has in hand; it may be asked for again."""


class _Seen(NamedTuple):
    """A lease of another machine, as this process knows it."""

    content: bytes
    unchanged: float  # seconds for which it was seen to be so, of which a single look counts as few
    at: float  # when it was looked at last


_seen: dict[Path, _Seen] = {}
_held: dict[Path, "Lease"] = {}


class Lease:
    """A path in this process's hands until it is released."""

    def __init__(self, path: Path, number: int) -> None:
        self.path, self.file, self._token = path, _file(path, number), secrets.token_hex(8)
        self._number, self._released = number, threading.Event()

    def content(self, beat: int) -> bytes:
        """What stands in the file, of the same length at every beat."""
        who = {"host": host(), "process": os.getpid(), "space": process_space(), "start": process_start(os.getpid())}
        return json.dumps(who | {"token": self._token, "beat": f"{beat:012}"}).encode()

    def keep(self) -> None:
        """Beat from now on."""
        _held[self.path] = self
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        beat = 0
        while not self._released.wait(BEAT_SECONDS) and self.is_own():
            beat += 1
            with contextlib.suppress(OSError), self.file.open("r+b") as stream:  # never makes it anew
                stream.write(self.content(beat))

    def is_own(self) -> bool:
        """Whether no other process has taken it over."""
        try:
            return _newest(self.path) == self._number and self._token.encode() in (_read(self.file) or b"")
        except OSError:
            return True  # the file system does not answer now; who takes it over waits for a minute of answers

    def release(self) -> None:
        """Let others have it."""
        self._released.set()
        _held.pop(self.path, None)
        with contextlib.suppress(OSError):
            if self.is_own():
                self.file.unlink(missing_ok=True)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take(path: Path) -> Lease | None:
    """The lease of a path whose folder is there, None while another process has it. Raises OSError."""
    number = _newest(path)
    before = _read(_file(path, number)) if number else None
    if number and (before is None or not _is_over(path, before)):
        return None
    lease = Lease(path, number + 1)
    try:
        with lease.file.open("xb") as stream:
            stream.write(lease.content(0))
    except FileExistsError:
        return None
    if _newest(path) != number + 1 or (number and _read(_file(path, number)) not in (None, before)):
        lease.file.unlink(missing_ok=True)  # what was listed was out of date, or its holder came back
        return None
    _seen.pop(path, None)
    for older in _numbers(path):
        if older <= number:
            _file(path, older).unlink(missing_ok=True)
    lease.keep()
    return lease


def is_held(path: Path) -> bool:
    """Whether another process, or this one, has the lease of a path; one that is over is taken away. Raises OSError."""
    if not _newest(path):
        return False
    if lease := take(path):
        lease.release()
    return lease is None


@contextlib.contextmanager
def hold(path: Path) -> Iterator[Lease]:
    """Within it this process has the lease of a path; waits until it is free. Raises OSError."""
    while (lease := take(path)) is None:
        time.sleep(POLL_SECONDS)
    with lease:
        yield lease


def check(folder: Path) -> None:
    """Raise UnderWay where this process had a lease in a folder that another has taken over; asked before writing."""
    for path, lease in list(_held.items()):
        if path.parent == folder and not lease.is_own():
            raise UnderWay(f"{folder} was taken over by another process, which heard nothing of this one for too long")


def _is_over(path: Path, content: bytes) -> bool:
    """Whether the holder of a lease is gone, by its process or by its silence."""
    with contextlib.suppress(ValueError, LookupError, TypeError):  # half a file: it is being written
        who = json.loads(content)
        if who["space"] == process_space() and (start := process_start(who["process"])) is not None:
            return start != who["start"]
    now, seen = time.monotonic(), _seen.get(path)
    if seen is None or seen.content != content:
        _seen[path] = _Seen(content, 0.0, now)
        return False
    # A look that the file system answered late says little about what lies between it and the one before.
    unchanged = seen.unchanged + min(now - seen.at, BEAT_SECONDS)
    _seen[path] = _Seen(content, unchanged, now)
    return unchanged > LEASE_SECONDS


def _file(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _numbers(path: Path) -> list[int]:
    """Numbers of the files of a lease, none where there is no folder."""
    with contextlib.suppress(FileNotFoundError):
        found = [file.name.rpartition(".") for file in path.parent.iterdir()]
        return [int(number) for name, _, number in found if name == path.name and number.isdecimal()]
    return []


def _newest(path: Path) -> int:
    return max(_numbers(path), default=0)


def _read(file: Path) -> bytes | None:
    """Content of a file, None where it is gone."""
    try:
        return file.read_bytes()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):
            return None
        raise
