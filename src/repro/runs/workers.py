"""Processes that work for this one, and end when it does.

A worker is a new interpreter at the other end of a socket. When the socket closes, because this process is done with it
or was killed, a thread of the worker ends it at once, whatever it is doing. It takes no notice of Ctrl-C: that is for
this process to act on. Neither pools of the standard library nor joblib's do this: they start as many processes as they
may, break as a whole when one is killed, and live on without their parent.
"""

import contextlib
import ctypes
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2]  # where a worker finds this package
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # parameters of glibc's mallopt, from malloc.h


class WorkerLost(RuntimeError):
    """A worker that ended before it answered; the message goes on from "its process was"."""


class OutOfMemory(WorkerLost):
    """A worker that was ended because its machine had no memory left."""


class Worker:
    """A process that calls functions; `connection` is readable when it has answered or ended."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.connection, theirs = Pipe()
        known = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": known, **(environment or {})},
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have the worker call a function of a module; it must have answered before. Raises WorkerLost."""
        try:
            self.connection.send((function, arguments))
        except OSError:
            raise self._lost() from None

    def answer(self) -> Any:
        """What the function returned; raises what it raised, or WorkerLost."""
        try:
            value, error = self.connection.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if error is not None:
            raise error
        return value

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        self.connection.close()

    def _lost(self) -> WorkerLost:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)  # its socket closes before it is gone
        self.end()
        code = self.process.returncode
        return WorkerLost(f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}")


def spread(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], count: int) -> Iterator[Any]:
    """What a function returns for each tuple of arguments, as it comes, from at most `count` workers side by side.

    Raises what it raises, or WorkerLost; the other calls are then given up.
    """
    left = list(reversed(calls))
    workers = [Worker() for _ in range(min(count, len(calls)))]
    busy = {worker.connection: worker for worker in workers}
    try:
        for worker in workers:
            worker.call(function, *left.pop())
        while busy:
            for ready in wait(list(busy)):
                worker = busy[ready]  # type: ignore[index]
                value = worker.answer()
                if left:
                    worker.call(function, *left.pop())
                else:
                    del busy[worker.connection]
                yield value
    finally:
        for worker in workers:
            worker.end()


def serve(descriptor: int) -> None:
    """What a worker does: calls what is asked for at the other end of a socket, until that closes."""
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    connection, asked = Connection(descriptor), queue.SimpleQueue[bytes]()
    threading.Thread(target=_listen, args=(connection, asked), daemon=True).start()
    while True:
        connection.send(_call(asked.get()))


def _listen(connection: Connection, asked: "queue.SimpleQueue[bytes]") -> None:
    try:
        while True:
            asked.put(connection.recv_bytes())
    finally:
        os._exit(1)


def _call(message: bytes) -> tuple[Any, Exception | None]:
    try:
        function, arguments = pickle.loads(message)
        return function(*arguments), None
    except Exception as error:
        return None, as_sent(error)


def as_sent(error: Exception) -> Exception:
    """An error that can be sent to another process: itself, or its text where it cannot."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())
    return error


def keep_freed_memory() -> None:
    """Have glibc keep the memory a step frees for the next step.

    By default it hands large blocks back to the system, and every step pays thousands of page faults for new ones: of
    a step on one thread 4 % (DeiT-Tiny on tickets) and 8 % (ResNet-20; means of 10 on an AMD EPYC), more on two. Other
    C libraries have no such setting; nothing is done there.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
