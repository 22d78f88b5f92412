"""Data sets kept in memory between the runs of a process, for as long as their files stay what they were.

A process may look at several folders of data, in a rehearsal or a notebook, and a file may be replaced while it lives:
what was read from a file of another place, size or time of change is not taken for it.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Load = TypeVar("Load", bound=Callable[..., Any])
KEPT = 2  # results of each loader, the last ones used
_memory: dict[str, dict[Any, Any]] = {}  # by loader; by arguments and state of the files, the last used at the end


def remember(files: Callable[..., Iterable[Path]]) -> Callable[[Load], Load]:
    """Decorate a loader of hashable arguments; `files` takes the same and names the files it reads."""

    def decorate(load: Load) -> Load:
        @functools.wraps(load)
        def remembered(*arguments: Any) -> Any:
            kept = _memory.setdefault(f"{load.__module__}.{load.__qualname__}", {})
            key = (arguments, tuple(map(state_of, files(*arguments))))
            kept[key] = kept.pop(key) if key in kept else load(*arguments)
            while len(kept) > KEPT:
                del kept[next(iter(kept))]
            return kept[key]

        return remembered  # type: ignore[return-value]

    return decorate


def state_of(file: Path) -> tuple[Path, int, int, int] | tuple[Path]:
    """What tells a file from another one in its place; its path alone where there is none."""
    try:
        found = file.stat()
    except OSError:
        return (file,)
    return file, found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def nothing_remembered() -> Iterator[None]:
    """Within it everything is loaded anew; afterwards what was remembered before is there again."""
    before = dict(_memory)
    _memory.clear()
    try:
        yield
    finally:
        _memory.clear()
        _memory.update(before)
