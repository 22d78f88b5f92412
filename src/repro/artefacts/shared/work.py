"""How much a run computes and keeps, from its config alone: for the price of what was never run here.

Multiply-accumulates are counted by torch over one forward pass of the network itself, a training step taking three of
them; norms and activations do not count. What is known of a GPU is its peak alone, and the share of it that trainings
reach is an assumption: a range, wider below for images of 32 pixels, whose kernels are too small to fill a GPU.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from repro import procedures
from repro.artefacts.shared.flops import TRAINING, count_patches, scoring_macs, selector_macs
from repro.config import ChooseRun, Data, Model, PatchTicket, Rewind, SelectRun, ShowRun, TextRun, TrainRun
from repro.tickets.stages import round_up, stage_counts

IMAGES = {"cifar10": (50_000, 10_000), "cifar100": (50_000, 10_000), "imagenet": (1_281_167, 50_000)}  # train, test
CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet": 1000}
TEXTS = {"ag-news": 120_000, "ag-news-10k": 10_000}
H100 = 989e12  # bf16 operations a second at most, by its maker
LARGE_SIDE = 128  # pixels of an image's side from which on a GPU is filled
SHARES = {True: (0.10, 0.30), False: (0.01, 0.03)}  # of the peak that trainings reach: of large images, and of small
FLOAT = 4  # bytes of a weight
STATES = {"adamw": 2, "momentum": 1, "nesterov": 1}  # numbers that an optimiser holds for a weight


@dataclass(frozen=True)
class Work:
    """What a run computes and keeps."""

    images: float  # that it goes through, in training or otherwise
    macs: float  # over all of them
    side: int  # pixels of an image
    kept_bytes: float  # in the store, when it is done

    def gpu_seconds(self, share: float) -> float:
        """Seconds on an H100 of which so much of the peak is reached."""
        return 2 * self.macs / (share * H100)

    @property
    def gpu_range(self) -> tuple[float, float]:
        """Seconds on an H100, from those at the most that is assumed of it to those at the least."""
        least, most = SHARES[self.side >= LARGE_SIDE]
        return self.gpu_seconds(most), self.gpu_seconds(least)


def work_of(run: Any) -> Work | None:
    """The work of a run; None for one that needs no GPU, or of a kind or data set that is not counted."""
    count: dict[type, Callable[[Any], Work]] = {
        TrainRun: training_work,
        SelectRun: selection_work,
        ShowRun: lambda run: Work(run.images, 0.0, 0, 0.0),
    }
    known = type(run) in count and run.data.name in IMAGES
    return count[type(run)](run) if known else None


def training_work(run: TrainRun) -> Work:
    """Of a training: its steps, the networks it asks on the way, and its tests."""
    train, test = count_images(run.data)
    steps = train // run.training.batch_size
    first = run.start.epoch if isinstance(run.start, Rewind) else 0
    images = max(0, math.ceil(run.training.epochs * steps) - first * steps) * run.training.batch_size
    dense, sparse = forward_macs(run.model), forward_macs(run.model, kept_patches(run))
    tests = (1 + run.curve * math.ceil(run.training.epochs)) * test * (dense + (sparse if run.patches else 0.0))
    weights = FLOAT * count_weights(run.model)
    held = STATES.get(run.training.optimizer, 2) * sum(epoch > 0 for epoch in run.training.snapshot_epochs)
    masks = bool(run.ticket) / FLOAT
    kept = weights * (1 + len(run.training.snapshot_epochs) + held + masks)
    return Work(images, images * step_macs(run) + tests, side_of(run.model), kept)


def step_macs(run: TrainRun) -> float:
    """One image's part of a training step, with what its annotator and its selector take."""
    macs = TRAINING * forward_macs(run.model, kept_patches(run))
    if run.annotator:
        macs += forward_macs(run.annotator.model)
    if run.patches and run.patches.choice == "ticket" and not run.patches.fixed:
        macs += selecting_macs(run.patches.source)
    return macs


def selection_work(run: SelectRun) -> Work:
    """Of a selection: every image once; a byte is kept of each patch."""
    images = sum(count_images(run.data))
    model = selector_of(run).model
    return Work(images, images * selecting_macs(run), side_of(model), images * count_kept(run))


def selecting_macs(run: SelectRun) -> float:
    """Selecting the patches of an image."""
    model = selector_of(run).model
    return scoring_macs(model, run.score) if run.score else selector_macs(model, run.keep_rate)


def selector_of(run: SelectRun) -> TrainRun:
    """The training whose network selects."""
    return run.selector.source if isinstance(run.selector, Rewind) else run.selector


def count_kept(run: SelectRun) -> int:
    """Patches of a ticket."""
    patches = count_patches(selector_of(run).model)
    return round_up(run.keep_rate * patches) if run.score else stage_counts(patches, run.keep_rate)[-1]


def kept_patches(run: TrainRun) -> int:
    """Patches that the network sees of an image; 0 where it sees all of them, or some painted over."""
    ticket: PatchTicket | None = run.patches
    return count_kept(ticket.source) if ticket and run.model.name in ("vit", "lvvit") else 0


def count_images(data: Data) -> tuple[int, int]:
    """Training and test images of a data set's config."""
    share = 1.0
    if isinstance(data.classes, ChooseRun):
        share = data.classes.count / CLASSES[data.name]
    elif data.classes:
        share = len(data.classes) / CLASSES[data.name]
    train, test = (round(share * count) for count in IMAGES[data.name])
    left = max(0, train // data.one_in - data.skipped_images)
    return min(left, data.train_images or left), min(test, data.test_images or test)


def side_of(model: Model) -> int:
    """Pixels of the side of an image that a network takes."""
    if model.name in ("vit", "lvvit", "swin"):
        return model.image_size
    return 32 if model.name == "resnet20" else 224


@functools.lru_cache(maxsize=2)
def built(model: Model) -> Any:
    """A network of a config, to be looked at."""
    from repro.models import build_model

    return build_model(model, fused_attention=False).eval()


@functools.cache
def count_weights(model: Model) -> int:
    """Numbers in the weights of a network."""
    return sum(weights.numel() for weights in built(model).parameters())


@functools.cache
def forward_macs(model: Model, kept: int = 0) -> float:
    """Multiply-accumulates of one image's forward pass, on so many of its patches; on all for 0."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from repro.models.patched import PatchNetwork, own_patches

    network = PatchNetwork(built(model), model.keep_rate, own_patches(built(model)) if kept else 0).eval()
    images, ids = torch.zeros(1, 3, *[side_of(model)] * 2), torch.arange(kept)[None] if kept else None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images, ids)
    return counter.get_total_flops() / 2


def count_texts(run: TextRun) -> float:
    """Texts that a run on texts goes through in training, over all its configurations."""
    share = 0.5 if run.half else run.ticket.share if run.ticket else 1.0
    texts = run.texts.train_texts or TEXTS[run.texts.name]
    return 0.95 * share * texts * sum(training.epochs for training in run.trainings)  # the rest steers the rate


def needs_gpu(run: Any) -> bool:
    """Whether a run uses a GPU where there is one."""
    return procedures.find(run).gpu > 0
