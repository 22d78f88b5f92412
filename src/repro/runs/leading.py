"""The processes of a command that torchrun started: the first does what it says, the others help, on a GPU each."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import ParamSpec

from repro.machine import is_first, is_one_of_several
from repro.runs import together
from repro.runs.attempt import use_one_thread
from repro.runs.backends.gpus import visible_gpus
from repro.runs.together import NotTogether
from repro.runs.workers import keep_freed_memory

P = ParamSpec("P")


def with_others(command: Callable[P, None]) -> Callable[P, None]:
    """A command that torchrun may start: the first process carries it out, the others help it."""

    @functools.wraps(command)
    def lead_or_help(*words: P.args, **options: P.kwargs) -> None:
        if not is_one_of_several():
            return command(*words, **options)
        with own_gpu():
            calls = together.connect()
            if is_first():
                command(*words, **options)
                calls.pass_on(None)  # not where it failed: then torchrun ends the others
            else:
                use_one_thread()
                keep_freed_memory()
                together.help_until_done()
            together.disconnect()

    return lead_or_help


def own_gpu() -> AbstractContextManager[object]:
    """What holds the GPU of this process, where there are any. Raises NotTogether where it cannot be had."""
    from repro.training.ranks import find_ranks

    gpus, local = visible_gpus(), find_ranks().local
    if not gpus:
        return nullcontext()
    if local >= len(gpus):
        raise NotTogether(
            f"torchrun started more processes on this machine than the {len(gpus)} GPUs that it shows; set "
            f"--nproc_per_node to {len(gpus)}"
        )
    if (held := gpus[local].claim()) is None:
        raise NotTogether(
            f"GPU {gpus[local].visible} is in use by another command; wait for it, or leave it out of "
            "CUDA_VISIBLE_DEVICES"
        )
    return held
