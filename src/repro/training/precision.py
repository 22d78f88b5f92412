"""Device, number format and kernels: what makes a step fast without changing what it computes.

On a CPU: bf16 products where the processor has them (2 to 3 times faster than fp32), channels-last images, and
attention without the fused kernel. On a GPU: bf16 products, channels-last images and fused attention. On both, for a
training long enough to repay it, a compiled model, which a GPU replays as a CUDA graph.
"""

import ctypes
from contextlib import AbstractContextManager
from typing import TypeVar

import torch
from torch import nn

from repro.training.ranks import find_ranks

# M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of <malloc.h>, in bytes.
MALLOC = {-3: 1 << 25, -1: 2**31 - 1}
Module = TypeVar("Module", bound=nn.Module)

# Compiling takes up to a minute. On a CPU it saves 10 to 20 % of a small ViT's step, 2 % of ResNet-20's (AMD EPYC).
COMPILE_FROM_STEPS = {"cuda": 2000, "cpu": 10_000}


def pick_device() -> torch.device:
    """The GPU of this process, the first it may use where it is alone, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if (ranks := find_ranks()).world > 1:
        torch.cuda.set_device(ranks.local)
    return torch.device("cuda")


def set_up_kernels(device: torch.device) -> None:
    """Choose the fast matrix kernels of this process and, on a CPU, one thread; call once before training.

    Sums differ in the last bit with the number of threads, so a run has one wherever it is carried out.
    """
    if device.type == "cpu":
        torch.set_num_threads(1)
        keep_memory()
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = True


def keep_memory() -> None:
    """Have this process keep freed memory for its next tensors, where the C library is GNU's.

    It gives what is larger than 32 MB, and much that is smaller, back to the system, which then clears every page of
    the next tensor anew: augmenting a batch takes nearly twice as long.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        for setting, value in MALLOC.items():
            mallopt(setting, value)


def usable_precision(wanted: str, device: torch.device) -> str:
    """`bf16` where it is wanted and the device multiplies it in hardware, else `fp32`; records say which was used."""
    return "bf16" if wanted == "bf16" and multiplies_bf16(device) else "fp32"


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has bf16 products; where a processor lacks them they are emulated, slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context in which a forward pass runs at `bf16` or `fp32`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def place(model: Module, device: torch.device) -> Module:
    """The model on its device, with channels-last weights."""
    return model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def accelerate(network: nn.Module, device: torch.device, steps: int) -> nn.Module:
    """A network to train `steps` steps with: compiled where that pays."""
    if steps < COMPILE_FROM_STEPS[device.type]:
        return network
    torch.compiler.reset()  # a process trains many models, and past eight of a kind torch would stop compiling
    return torch.compile(network, mode="reduce-overhead")  # type: ignore[return-value]
