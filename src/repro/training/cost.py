"""What a run cost: time, speed, threads, memory."""

import resource
from typing import Any

import torch


def timing(seconds: float, images: int, device: torch.device) -> dict[str, Any]:
    """Seconds, images a second, threads and peak memory of a run, for its record."""
    return {
        "seconds": round(seconds, 2),
        "images_per_second": round(images / max(seconds, 1e-9), 1),
        "threads": torch.get_num_threads(),
        "peak_memory_mb": round(peak_memory(device) / 2**20),
    }


def peak_memory(device: torch.device) -> int:
    """Most memory held so far, in bytes: of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
