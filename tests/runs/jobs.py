"""What tests have worker processes do in place of a run; it leaves what it saw in the store."""

import os
import signal
import time

from repro import paths


def leave(task, said):
    folder = paths.home() / "seen"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(task[1])).write_text(said)


def seen():
    """What each task left, by its seed."""
    return {int(file.name): file.read_text() for file in (paths.home() / "seen").glob("*")}


def tell_gpu(task):
    leave(task, os.environ["CUDA_VISIBLE_DEVICES"])


def last(task):
    """Until the test says so."""
    leave(task, os.environ["CUDA_VISIBLE_DEVICES"])
    while not (paths.home() / "stop").exists():
        time.sleep(0.01)


def die(task):
    os.kill(os.getpid(), signal.SIGKILL)


def die_of_seed_0(task):
    if task[1] == 0:
        die(task)
    leave(task, "done")


class Odd(Exception):
    """An error that cannot be sent between processes."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def fail_oddly(number):
    raise Odd(number, number + 1)


def add(one, other):
    return one + other


def process(_):
    return os.getpid()


def carry_telling(flight):
    """What `carry` yields, of runs that leave which GPU they see."""
    for _, _, task in flight:
        yield None
        tell_gpu(task)
        yield None


def carry_dying_of_seed_0(flight):
    for _, _, task in flight:
        yield None
        die_of_seed_0(task)
        yield None


def carry_lasting(flight):
    """For ever; leaves its process."""
    for _, _, task in flight:
        leave(task, str(os.getpid()))
        yield None
        time.sleep(10**6)
