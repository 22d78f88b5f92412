"""The one training loop of the project, and evaluation.

Exact resume needs no care here: learning rate, data order, augmentation and every random draw of a step are functions
of (seed, step), so the state of a training is its weights, its optimiser and its step. The decision a reader may
doubt: accuracy is that of the last epoch, never the best one, because the best one would be chosen on the test set.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import timm.optim
import timm.scheduler
import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from repro.config import Training
from repro.data.loader import Loader, derive_seed
from repro.models import Apply, apply_whole
from repro.training.checkpoint import load_tensors, save_tensors
from repro.training.objective import Classification, Forward, Objective
from repro.training.origins import snapshot_file
from repro.training.precision import accelerate, autocast, usable_precision

STATE_FILE = "state.safetensors"
CHECKPOINT_SECONDS = 30.0  # between two checkpoints
REPORT_SECONDS = 30.0  # between two lines of progress


class Fit:
    """A training under way: everything that changes while it runs.

    `apply` is how the network is applied to images, and to ids of patches where the objective chooses some.
    `folder`, where given, receives the checkpoint and the snapshots, and a checkpoint found there is resumed. `test`,
    where given, is what the history keeps of the network before the first epoch and after every one.
    """

    def __init__(
        self,
        model: nn.Module,
        loader: Loader,
        config: Training,
        *,
        apply: Apply = apply_whole,
        objective: Objective | None = None,
        first_epoch: int = 0,
        zero_masked: Callable[[], None] = lambda: None,
        folder: Path | None = None,
        test: Callable[[nn.Module], dict[str, float]] | None = None,
    ) -> None:
        self.model, self.loader, self.config, self.folder, self.test = model, loader, config, folder, test
        self.apply = apply
        self.objective = objective or Classification(config, loader.classes, loader.seed)
        self.precision = usable_precision(config.precision, loader.device)
        self.zero_masked = zero_masked
        self.optimizer = make_optimizer(model, config)
        self.schedule = make_schedule(self.optimizer, config, loader.steps_per_epoch)
        self.ema = ModelEmaV3(model, decay=config.ema_decay) if config.ema_decay else None
        self.first_step = self.step = first_epoch * loader.steps_per_epoch
        self.last_step = math.ceil(config.epochs * loader.steps_per_epoch)
        self.loss_sum = torch.zeros((), device=loader.device)
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0

    @property
    def averaged(self) -> nn.Module:
        """The model to evaluate: the moving average where the recipe keeps one."""
        return self.ema.module if self.ema else self.model

    def run(self) -> None:
        """Train to the last epoch, from the checkpoint in the folder if there is one."""
        self.resume()
        self.zero_masked()
        forward = self.forward(accelerate(self.apply, self.loader.device, self.last_step - self.first_step))
        if self.step == self.first_step:
            self.snapshot()
            self.history += self.tested({"epoch": self.epoch})
        self.model.train()
        mark = saved = reported = time.monotonic()
        while self.step < self.last_step:
            self.train_step(forward)
            ended = self.step % self.loader.steps_per_epoch == 0 or self.step == self.last_step
            mean = self.mean_loss() if ended else 0.0
            now = time.monotonic()
            self.seconds, mark = self.seconds + now - mark, now
            if ended:
                self.end_epoch(mean)
                mark = time.monotonic()  # to test is not to train
            if self.folder and now - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = mark = time.monotonic()
            if now - reported > REPORT_SECONDS:
                self.report()
                reported = now

    def forward(self, apply: Apply) -> Forward:
        """The network applied under autocast."""

        def under_autocast(*inputs: Tensor | None) -> Any:
            with autocast(self.precision, self.loader.device):
                return apply(self.model, *inputs)

        return under_autocast

    def train_step(self, forward: Forward) -> None:
        """One step of the optimiser; every random draw in it depends on (seed, step) alone."""
        seed_generators(derive_seed(self.loader.seed, "step", self.step))
        loss = self.objective.loss(forward, self.loader.batch(self.step), self.step)
        loss.backward()
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.schedule.step_update(self.step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.zero_masked()
        if self.ema:
            self.ema.update(self.model, step=self.step)
        self.loss_sum += loss.detach()
        self.step += 1

    @property
    def epoch(self) -> float:
        """Epochs done, a whole number at their ends."""
        done = self.step / self.loader.steps_per_epoch
        return int(done) if done.is_integer() else round(done, 4)

    def mean_loss(self) -> float:
        """Of the steps of this epoch; waits for the device."""
        return float(self.loss_sum) / ((self.step - 1) % self.loader.steps_per_epoch + 1)

    def end_epoch(self, mean_loss: float) -> None:
        """Note the mean loss of the epoch, and the test where one is asked for; stop where it is not a number."""
        if not np.isfinite(mean_loss):
            raise FloatingPointError(
                f"the loss of epoch {self.epoch} is {mean_loss}: lower learning_rate or set clip_norm"
            )
        entry = {"epoch": self.epoch, "train_loss": mean_loss}
        self.history += self.tested(entry) or [entry]
        self.loss_sum.zero_()
        self.snapshot()
        self.model.train()

    def tested(self, entry: dict[str, float]) -> list[dict[str, float]]:
        """An entry of the history with what the test finds and the seconds trained so far; none without a test."""
        return [entry | {"seconds": round(self.seconds, 2)} | self.test(self.averaged)] if self.test else []

    def snapshot(self) -> None:
        """Keep the weights of this epoch if the recipe asks for them."""
        if self.folder and self.epoch in self.config.snapshot_epochs:
            save_tensors(self.folder / snapshot_file(int(self.epoch)), self.model.state_dict())

    def save(self) -> None:
        """Write the checkpoint."""
        assert self.folder is not None  # `run` asks first
        tensors = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        tensors |= _optimizer_tensors(self.optimizer)
        tensors["loss_sum"] = self.loss_sum
        if self.ema:
            tensors |= {f"ema/{k}": v for k, v in self.ema.module.state_dict().items()}
        meta = {"step": self.step, "history": self.history, "seconds": self.seconds}
        save_tensors(self.folder / STATE_FILE, tensors, meta)

    def resume(self) -> None:
        """Take up the checkpoint in the folder, if any. Raises DamagedFile where it cannot be trusted."""
        if not self.folder or not (self.folder / STATE_FILE).exists():
            return
        tensors, meta = load_tensors(self.folder / STATE_FILE)
        self.model.load_state_dict(_part(tensors, "model/"))
        _load_optimizer(self.optimizer, tensors)
        if self.ema:
            self.ema.module.load_state_dict(_part(tensors, "ema/"))
        self.loss_sum.copy_(tensors["loss_sum"])
        self.step, self.history, self.seconds = meta["step"], meta["history"], meta["seconds"]

    def report(self) -> None:
        """A line of progress on stderr."""
        done, total = self.step - self.first_step, self.last_step - self.first_step
        rate = done * self.loader.batch_size / max(self.seconds, 1e-9)
        epoch = self.step / self.loader.steps_per_epoch
        print(f"  epoch {epoch:.1f} of {self.config.epochs}, {done / total:.0%}, {rate:,.0f} images/s", file=sys.stderr)


def seed_generators(seed: int) -> None:
    """Seed the generators of the devices in use: what torch.manual_seed does, at a tenth of its time without a GPU."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def make_optimizer(model: nn.Module, config: Training) -> torch.optim.Optimizer:
    """The optimiser of a recipe, by its timm name, with the fused kernel where torch has one."""
    fused: dict[str, Any] = {"fused": True} if config.optimizer in ("sgd", "momentum", "adamw") else {}
    return timm.optim.create_optimizer_v2(
        model,
        opt=config.optimizer,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=0.9,
        filter_bias_and_bn=not config.decay_all,
        **fused,
    )


def make_schedule(optimizer: torch.optim.Optimizer, config: Training, steps_per_epoch: int) -> Any:
    """The learning rate as a function of the step, by timm; its epochs are our steps."""
    steps = max(1, math.ceil(config.epochs * steps_per_epoch))
    schedule, _ = timm.scheduler.create_scheduler_v2(
        optimizer,
        sched=config.schedule,
        num_epochs=steps,
        decay_milestones=[round(share * steps) for share in config.milestones],
        decay_rate=0.1,
        min_lr=config.min_learning_rate,
        warmup_lr=config.learning_rate / 1000,
        warmup_epochs=round(config.warmup_epochs * steps_per_epoch),
        step_on_epochs=False,
        updates_per_epoch=1,
    )
    return schedule


@torch.no_grad()
def evaluate(
    model: nn.Module, batches: Iterable[tuple[Tensor, ...]], precision: str, apply: Apply = apply_whole
) -> dict[str, float]:
    """Top-1 accuracy in [0, 1] and mean cross-entropy over batches of images, labels and, maybe, ids of patches."""
    model.eval()
    correct, count, loss = 0, 0, 0.0
    for images, labels, *ids in batches:
        with autocast(precision, images.device):
            logits = apply(model, images, *ids)
        correct += int((logits.argmax(1) == labels).sum())
        loss += float(cross_entropy(logits.float(), labels, reduction="sum"))
        count += len(labels)
    return {"accuracy": correct / count, "loss": loss / count}


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"optimizer/{i}/{k}": v for i, slots in state.items() for k, v in slots.items() if v is not None}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimizer/").items():
        index, slot = name.split("/")
        if tensor.shape == (weight := parameters[int(index)]).shape:
            # The fused kernels walk through memory: a state must lie there as its channels-last weight does.
            tensor = torch.empty_like(weight, dtype=tensor.dtype, requires_grad=False).copy_(tensor)
        state.setdefault(int(index), {})[slot] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
