"""The speed targets of training, measured side by side in one process: fast and ordinary in turn, ratios of medians.

Absolute times of a shared machine mean little; the ratio of two things timed in turn means more. A row below its
target comes with the operators that took the most time.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from repro.config import Data, Model, Training
from repro.data import digits, load_dataset
from repro.models import build_model
from repro.runs.provenance import provenance
from repro.training.loop import Fit
from repro.training.precision import place

BATCH, ROUNDS, STEPS = 128, 5, 4  # images a step; turns of each; steps a turn
VIT = Model("vit", width=192, depth=12, heads=3)
CPU = torch.device("cpu")
Step = Callable[[], None]


def measure_all() -> dict[str, Any]:
    """Measure and print every row; returns them with the provenance of the machine."""
    rows: list[dict[str, Any]] = []
    for name, target, make in (
        ("ViT training step (bf16, unfused attention) against the ordinary fp32 step", 2.5, vit_steps),
        ("ResNet-20 training, data included, against an fp32 loop with DataLoader and transforms", 2.0, resnet_steps),
    ):
        fast, ordinary = make()
        rows.append({"what": name, "target": target} | compare(fast, ordinary))
        if rows[-1]["ratio"] < target:
            rows[-1]["slowest_operators"] = slowest_operators(fast)
        print(describe(rows[-1]))
    return {"rows": rows, "threads": torch.get_num_threads(), "provenance": provenance()}


def describe(row: dict[str, Any]) -> str:
    """A row as text."""
    word = "reached" if row["ratio"] >= row["target"] else f"MISSED; most time in {row['slowest_operators']}"
    speed = f"{row['images_per_second'][0]:,} against {row['images_per_second'][1]:,} images/s"
    return f"{row['what']}\n  {row['ratio']:.2f}x ({speed}), target {row['target']}x {word}"


def compare(fast: Step, ordinary: Step) -> dict[str, Any]:
    """Ratio of the median times of two steps, timed in turn, and their images a second."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in tqdm(range(ROUNDS + 1), desc="bench", leave=False, disable=None):  # the first turn warms up
        for step, found in zip((fast, ordinary), times, strict=True):
            start = time.perf_counter()
            for _ in range(STEPS):
                step()
            if turn:
                found.append((time.perf_counter() - start) / STEPS)
    medians = [statistics.median(found) for found in times]
    return {"ratio": round(medians[1] / medians[0], 2), "images_per_second": [round(BATCH / m) for m in medians]}


def our_step(model: Model, config: Training) -> Step:
    """A step of this project's training loop on digit scenes."""
    loader = load_dataset(Data("digit-scenes")).train_loader(BATCH, config.augment, 0, CPU)
    fit = Fit(place(build_model(model, fused_attention=False), CPU), loader, config)

    def step() -> None:
        torch.set_float32_matmul_precision("medium")
        fit.train_step(fit.model)

    return step


def ordinary_step(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterator[Any]) -> Step:
    """A step as a tutorial writes it: fp32, no memory format, one image after the other."""

    def step() -> None:
        torch.set_float32_matmul_precision("highest")
        images, labels = next(batches)
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def vit_steps() -> tuple[Step, Step]:
    """Our ViT step and the ordinary one on a batch that lies ready."""
    fast = our_step(VIT, Training(optimizer="adamw", learning_rate=1e-3, epochs=100))
    model = build_model(VIT, fused_attention=True)
    ready = (torch.randn(BATCH, 3, 32, 32), torch.randint(10, (BATCH,)))
    return fast, ordinary_step(model, torch.optim.AdamW(model.parameters(), 1e-3), iter(lambda: ready, None))


def resnet_steps() -> tuple[Step, Step]:
    """Our ResNet-20 step and the ordinary one with DataLoader workers and torchvision transforms."""
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.25] * 3),
        ]
    )
    split = digits.load_scenes().train
    pairs = [(image, int(label)) for image, label in zip(np.asarray(split.images), split.labels, strict=True)]

    def batches() -> Iterator[Any]:
        loader = torch.utils.data.DataLoader(_Transformed(pairs, transform), BATCH, shuffle=True, num_workers=2)
        while True:
            yield from loader

    model = build_model(Model())
    ordinary = ordinary_step(model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), batches())
    return our_step(Model(), Training(epochs=100)), ordinary


class _Transformed(torch.utils.data.Dataset):
    """Images and labels, each image transformed when it is asked for."""

    def __init__(self, pairs: list[tuple[np.ndarray, int]], transform: Callable[[np.ndarray], torch.Tensor]) -> None:
        self.pairs, self.transform = pairs, transform

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image, label = self.pairs[index]
        return self.transform(image), label


def slowest_operators(step: Step, count: int = 5) -> str:
    """The operators a step spends most of its time in, with their shares."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    rows = sorted(profile.key_averages(), key=lambda row: -row.self_cpu_time_total)
    total = sum(row.self_cpu_time_total for row in rows)
    return ", ".join(f"{row.key} {row.self_cpu_time_total / total:.0%}" for row in rows[:count])
