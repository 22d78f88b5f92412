"""The steps that the bench compares: ours, and the ordinary ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from repro.artefacts.shared.flops import count_patches, vit_macs
from repro.bench.pretraining import METHODS, method_steps, view_steps
from repro.config import Data, Model, Training
from repro.data import digits, load_dataset
from repro.data.loader import Batch, Loader
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.models.vit import walk
from repro.tickets.stages import stage_counts
from repro.training.loop import Fit
from repro.training.objective import Classification
from repro.training.precision import COMPILE_FROM_STEPS, accelerate, autocast, place, usable_precision
from repro.training.sources import AtWork, PatchSource, fixed_chance

BATCH, PATCH_BATCH, LARGE_BATCH = 128, 16, 64  # images a step: of 32 pixels, of 224, and of 224 again
VIT = Model("vit", width=192, depth=12, heads=3)
DEIT_TINY = Model("vit", classes=1000, width=192, depth=12, heads=3, patch_size=16, image_size=224)
HIGH, LOW = 0.9, 0.7  # keep rates
ADAMW = Training(optimizer="adamw", learning_rate=1e-3, epochs=100)
CPU = torch.device("cpu")
LONG = COMPILE_FROM_STEPS["cpu"]  # steps of a training; DeiT's own recipe has 375,000
Step = Callable[[], None]


@dataclass(frozen=True)
class Row:
    """Two steps to be compared."""

    what: str
    target: float  # times as fast
    batch: int  # images a step
    make: Callable[[], tuple[Step, Step]]  # the fast step and the ordinary one
    steps: int = 1  # a turn


def list_rows() -> list[Row]:
    """The rows of the table of speed targets that are about training."""
    patches = "DeiT-Tiny training step on patch tickets at 224 pixels"
    saved = vit_macs(DEIT_TINY) / vit_macs(DEIT_TINY, kept_patches(LOW))
    fetched = "ResNet-20 training, data included, against an fp32 loop with DataLoader and transforms"
    views = "two augmented views of a batch (crop, flip, jitter, grey, blur) against torchvision image by image"
    pretraining = "pretraining step at 24 pixels, bf16, against fp32 with views by torchvision image by image"
    online, dense = "stored against selected online", f"against the dense step ({saved:.2f} in FLOPs)"
    return [
        Row("ViT training step (bf16, unfused attention) against the ordinary fp32 step", 2.5, BATCH, vit_steps),
        Row(fetched, 2.0, BATCH, resnet_steps, steps=8),  # its DataLoader loads some steps ahead
        Row(f"{patches}, k = {HIGH}, {online}", 1.35, PATCH_BATCH, partial(ticket_steps, HIGH)),
        Row(f"{patches}, k = {LOW}, {online}", 1.55, PATCH_BATCH, partial(ticket_steps, LOW)),
        Row(f"{patches}, k = {LOW}, bf16 and stored against fp32 and online", 3.0, PATCH_BATCH, authors_steps),
        *(
            Row(f"{patches}, k = {LOW}, {dense}, {n} images", round(0.9 * saved, 2), n, partial(dense_steps, n))
            for n in (PATCH_BATCH, LARGE_BATCH)
        ),
        Row(views, 20.0, BATCH, view_steps),
        *(Row(f"{name}: {pretraining}", 2.0, BATCH, partial(method_steps, name)) for name in METHODS),
    ]


def our_step(
    model: Model, config: Training, loader: Loader, source: PatchSource | None = None, steps: int = LONG
) -> Step:
    """A step of this project's training loop, compiled where a training of so many steps is."""
    net = place(build_model(model, fused_attention=False), CPU)
    objective = Classification(config, loader.classes, 0, source)
    fit = Fit(PatchNetwork(net), loader, config, objective=objective)
    learner = fit.learner(accelerate(fit.network, CPU, steps))

    def step() -> None:
        torch.set_float32_matmul_precision("medium" if fit.precision == "bf16" else "highest")
        fit.train_step(learner)

    return step


def scenes() -> Loader:
    """Batches of digit scenes, cropped and flipped."""
    return load_dataset(Data("digit-scenes")).train_loader(BATCH, "crop-flip", 0, CPU)


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
    fast = our_step(VIT, ADAMW, scenes())
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

    data = _Transformed(pairs, transform)

    def batches() -> Iterator[Any]:
        # `fork` is the default of Linux, but not of a process that the pool started.
        loader = DataLoader(data, BATCH, shuffle=True, num_workers=2, multiprocessing_context="fork")
        while True:
            yield from loader

    model = build_model(Model())
    ordinary = ordinary_step(model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), batches())
    return our_step(Model(), Training(epochs=100), scenes()), ordinary


class Ready:
    """The same batch of 224-pixel images at every step."""

    seed, steps_per_epoch, classes, device = 0, 100, 1000, CPU

    def __init__(self, batch_size: int = PATCH_BATCH) -> None:
        self.batch_size, self.part = batch_size, slice(0, batch_size)
        images = torch.randn(batch_size, 3, 224, 224).contiguous(memory_format=torch.channels_last)
        chosen, box = torch.arange(batch_size), torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(batch_size, -1)
        self.ready = Batch(images, chosen % self.classes, chosen, box)

    def batch(self, step: int) -> Batch:
        """Noise, cropped by nothing."""
        return self.ready


def kept_patches(keep_rate: float) -> int:
    """Patches of a ticket at 224 pixels."""
    return stage_counts(count_patches(DEIT_TINY), keep_rate)[-1]


def stored(keep_rate: float, images: int = PATCH_BATCH) -> PatchSource:
    """Tickets as a selection leaves them."""
    return fixed_chance(images, count_patches(DEIT_TINY), kept_patches(keep_rate), seed=0)


def as_the_authors(keep_rate: float, precision: str) -> PatchSource:
    """A selector as paper A's code runs it: the whole network and its head, within reach of the gradient."""
    selector = place(build_model(DEIT_TINY, fused_attention=False), CPU).eval()

    def select(images: torch.Tensor) -> torch.Tensor:
        with autocast(usable_precision(precision, CPU), CPU):
            tokens, stages = walk(selector, images, keep_rate, to_the_end=True)  # type: ignore[arg-type]
            selector.forward_head(selector.norm(tokens))  # type: ignore[operator]
        return stages[-1]

    return AtWork(select)


def ticket_steps(keep_rate: float) -> tuple[Step, Step]:
    """A step on stored tickets, and one that selects online as the authors' code does; both in bf16."""
    steps = (our_step(DEIT_TINY, ADAMW, Ready(), s) for s in (stored(keep_rate), as_the_authors(keep_rate, "bf16")))
    return next(steps), next(steps)


def authors_steps() -> tuple[Step, Step]:
    """Our step, and the authors' way: in their format on a CPU, fp32, and not compiled."""
    single = replace(ADAMW, precision="fp32")
    return (
        our_step(DEIT_TINY, ADAMW, Ready(), stored(LOW)),
        our_step(DEIT_TINY, single, Ready(), as_the_authors(LOW, "fp32"), steps=0),
    )


def dense_steps(batch: int) -> tuple[Step, Step]:
    """A step on stored tickets, and one on all patches.

    What a step costs whatever it sees (optimiser, casting of weights) is no part of the ratio of FLOPs and weighs more
    in a small batch, so two sizes are shown.
    """
    ticket = our_step(DEIT_TINY, ADAMW, Ready(batch), stored(LOW, batch))
    return ticket, our_step(DEIT_TINY, ADAMW, Ready(batch))


class _Transformed(Dataset):
    """Images and labels, each image transformed when it is asked for."""

    def __init__(self, pairs: list[tuple[np.ndarray, int]], transform: Callable[[np.ndarray], torch.Tensor]) -> None:
        self.pairs, self.transform = pairs, transform

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image, label = self.pairs[index]
        return self.transform(image), label
