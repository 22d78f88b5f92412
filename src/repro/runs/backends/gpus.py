"""The GPUs of this machine that this process may use, each for one driver of runs at a time.

A lease names the machine and the card itself, so it is the same whatever number the card has in CUDA_VISIBLE_DEVICES
and whichever machines share the store. It is held by the process that drives the runs, and goes with it.
"""

import os
from dataclasses import dataclass

from repro import lease, paths
from repro.lease import Lease
from repro.machine import host

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Gpu:
    """A card."""

    id: str  # its own, the same for every process
    visible: str  # what CUDA_VISIBLE_DEVICES calls it

    @property
    def environment(self) -> dict[str, str]:
        """What makes it the only card of a process."""
        return {VISIBLE: self.visible}

    def claim(self) -> Lease | None:
        """The lease of the card, until it is released or this process ends; None where another process has it."""
        paths.gpus().mkdir(parents=True, exist_ok=True)
        return lease.take(paths.gpus() / f"{host()}-{self.id}")


def visible_gpus() -> list[Gpu]:
    """The cards that CUDA_VISIBLE_DEVICES leaves to this process, all where it is not set."""
    import torch

    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    found = []
    for number in range(torch.cuda.device_count()):
        visible = named[number] if named else str(number)
        card = getattr(torch.cuda.get_device_properties(number), "uuid", None)
        found.append(Gpu(str(card or visible).replace("/", "-"), visible))
    return found
