"""The one training loop of the project, and evaluation.

Exact resume needs no care here: learning rate, data order, augmentation and every random draw of a step are functions
of (seed, step), so the state of a training is its weights, its optimiser, what its objective holds, and its step. The
decision a reader may doubt: accuracy is that of the last epoch, never the best one, because the best one would be
chosen on the test set.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from repro.config import ConfigError, Training
from repro.data.loader import Batch, Loader, derive_seed
from repro.models.patched import PatchNetwork
from repro.training.checkpoint import (
    compare_stamps,
    load_tensors,
    optimizer_file,
    save_tensors,
    set_aside,
    snapshot_file,
)
from repro.training.objective import Classification, Learner, Objective
from repro.training.optimizers import make_optimizer, make_schedule, pack_state, unpack_state
from repro.training.precision import accelerate, autocast, usable_precision
from repro.training.ranks import ACCUMULATE, find_ranks

STATE_FILE = "state.safetensors"
CHECKPOINT_SECONDS = 30.0  # between two checkpoints
REPORT_SECONDS = 30.0  # between two lines of progress


class Diverged(RuntimeError):
    """A training whose loss is not a number any more."""


class Fit:
    """A training under way: everything that changes while it runs.

    `folder`, where given, receives the checkpoint and the snapshots, and a checkpoint found there is resumed if it
    bears the same `stamp`: checksums of what the training is made from. `zero_masked` zeroes the weights outside a
    ticket. `held`, where given, is the file of what the optimiser begins with. `test`, where given, is what the history
    keeps of the network before the first epoch and after every one.
    """

    def __init__(
        self,
        network: PatchNetwork,
        loader: Loader,
        config: Training,
        *,
        objective: Objective | None = None,
        first_epoch: int = 0,
        zero_masked: Callable[[], None] = lambda: None,
        held: Path | None = None,
        folder: Path | None = None,
        stamp: Mapping[str, str] | None = None,
        test: Callable[[nn.Module], dict[str, float]] | None = None,
    ) -> None:
        self.network, self.loader, self.config, self.folder, self.test = network, loader, config, folder, test
        self.ranks = find_ranks()
        self.ranks.join(network, loader.device)
        self.objective = objective or Classification(config, loader.classes, loader.seed)
        self.ranks.join(self.objective.state, loader.device)
        if self.ranks.pieces > 1 and not self.objective.divisible:
            raise ConfigError(f"{type(self.objective).__name__} needs a batch as a whole; unset {ACCUMULATE}")
        self.precision = usable_precision(config.precision, loader.device)
        self.stamp = {**(stamp or {}), "precision": self.precision}
        self.zero_masked = zero_masked
        self.zero_masked()
        self.optimizer = make_optimizer(self.learner(network), config)
        if held:
            unpack_state(self.optimizer, *load_tensors(held))
        self.schedule = make_schedule(self.optimizer, config, loader.steps_per_epoch)
        self.ema = ModelEmaV3(network, decay=config.ema_decay) if config.ema_decay else None
        self.first_step = self.step = first_epoch * loader.steps_per_epoch
        self.last_step = math.ceil(config.epochs * loader.steps_per_epoch)
        self.loss_sum = torch.zeros((), device=loader.device)
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0

    @property
    def averaged(self) -> PatchNetwork:
        """The network to evaluate: the moving average where the recipe keeps one."""
        return self.ema.module if self.ema else self.network

    def learner(self, network: nn.Module) -> Learner:
        """A network, such as this one compiled, with the objective it learns."""
        return Learner(network, self.objective, self.precision, self.loader.device)

    def run(self) -> None:
        """Train to the last epoch, from the checkpoint in the folder if there is one."""
        with self.ranks.first_before_others():
            self.resume()
        self.ranks.check_step(self.step, self.loader.device)
        fast = accelerate(self.network, self.loader.device, self.last_step - self.first_step)
        learner = self.ranks.share(self.learner(fast))
        if self.step == self.first_step:
            self.snapshot()
            self.history += self.tested({"epoch": self.epoch})
        self.network.train()
        mark = saved = reported = time.monotonic()
        while self.step < self.last_step:
            self.train_step(learner)
            ended = self.step % self.loader.steps_per_epoch == 0 or self.step == self.last_step
            mean = self.mean_loss() if ended else 0.0
            now = time.monotonic()
            self.seconds, mark = self.seconds + now - mark, now
            if ended:
                self.end_epoch(mean)
                mark = time.monotonic()  # to test is not to train
            if now - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = mark = time.monotonic()
            if now - reported > REPORT_SECONDS:
                self.report()
                reported = now

    def train_step(self, learner: nn.Module) -> None:
        """One step of the optimiser; every random draw in it depends on (seed, step) alone."""
        batch = self.loader.batch(self.step)
        loss = torch.stack([self.learn(learner, piece) for piece in self.ranks.cut(batch)]).mean()
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(learner.parameters(), self.config.clip_norm)
        self.schedule.step_update(self.step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.zero_masked()
        self.objective.after_step(self.step)
        if self.ema:
            self.ema.update(self.network, step=self.step)
        self.loss_sum += self.ranks.mean(loss)
        self.step += 1

    def learn(self, learner: nn.Module, piece: Batch) -> Tensor:
        """Add the gradients of a piece of a batch to those that are there; returns its mean loss."""
        seed_generators(derive_seed(self.loader.seed, "step", self.step))
        with self.ranks.summing(learner):
            loss = learner(piece, self.step)
            (loss / self.ranks.pieces).backward()
        return loss.detach()

    @property
    def epoch(self) -> float:
        """Epochs done, a whole number at their ends."""
        done = self.step / self.loader.steps_per_epoch
        return int(done) if done.is_integer() else round(done, 4)

    def mean_loss(self) -> float:
        """Of the steps of this epoch; waits for the device."""
        return float(self.loss_sum) / ((self.step - 1) % self.loader.steps_per_epoch + 1)

    def end_epoch(self, mean_loss: float) -> None:
        """Note the mean loss of the epoch, and the test where one is asked for. Raises Diverged."""
        if not np.isfinite(mean_loss):
            raise Diverged(f"the loss of epoch {self.epoch} is {mean_loss}: lower learning_rate or set clip_norm")
        entry = {"epoch": self.epoch, "train_loss": mean_loss}
        self.history += self.tested(entry) or [entry]
        self.loss_sum.zero_()
        self.snapshot()
        self.network.train()

    def tested(self, entry: dict[str, float]) -> list[dict[str, float]]:
        """An entry of the history with what the test finds and the seconds trained so far; none without a test."""
        return [entry | {"seconds": round(self.seconds, 2)} | self.test(self.averaged)] if self.test else []

    def snapshot(self) -> None:
        """Keep the weights of this epoch, and what the optimiser holds, if the recipe asks for them."""
        if not self.folder or self.ranks.rank or self.epoch not in self.config.snapshot_epochs:
            return
        save_tensors(self.folder / snapshot_file(int(self.epoch)), self.network.inner.state_dict())
        if self.epoch:
            save_tensors(self.folder / optimizer_file(int(self.epoch)), *pack_state(self.optimizer))

    def parts(self) -> dict[str, nn.Module]:
        """What changes besides the optimiser, by the name it has in a checkpoint."""
        own = {"model": self.network.inner, "objective": self.objective.state}
        return own | ({"ema": self.averaged.inner} if self.ema else {})

    def save(self) -> None:
        """Write the checkpoint, unless this process is not the first or the training has left all numbers behind."""
        weights = self.network.inner.state_dict().values()
        if not self.folder or self.ranks.rank or not all(bool(t.isfinite().all()) for t in (self.loss_sum, *weights)):
            return
        tensors = {f"{part}/{k}": t for part, module in self.parts().items() for k, t in module.state_dict().items()}
        held, plain = pack_state(self.optimizer)
        tensors |= {f"optimizer/{k}": t for k, t in held.items()} | {"loss_sum": self.loss_sum}
        meta = {"step": self.step, "history": self.history, "seconds": self.seconds}
        save_tensors(self.folder / STATE_FILE, tensors, meta | {"optimizer": plain, "stamp": self.stamp})

    def resume(self) -> None:
        """Take up the checkpoint in the folder, if any; one of another stamp is set aside. Raises DamagedFile."""
        if not self.folder or not (file := self.folder / STATE_FILE).exists():
            return
        tensors, meta = load_tensors(file)
        if differs := compare_stamps(meta.get("stamp", {}), self.stamp):
            set_aside(file, f"{file} was begun with {differs}", "outdated")
            return
        for part, module in self.parts().items():
            module.load_state_dict(_part(tensors, f"{part}/"))
        unpack_state(self.optimizer, _part(tensors, "optimizer/"), meta["optimizer"])
        self.loss_sum.copy_(tensors["loss_sum"])
        self.step, self.history, self.seconds = meta["step"], meta["history"], meta["seconds"]

    def report(self) -> None:
        """A line of progress on stderr, from the first process."""
        if self.ranks.rank:
            return
        done, total = self.step - self.first_step, self.last_step - self.first_step
        rate = done * self.loader.batch_size / max(self.seconds, 1e-9)
        epochs = f"epoch {self.step / self.loader.steps_per_epoch:.1f} of {self.config.epochs:g}"
        print(f"  {epochs}, {done / total:.0%}, {rate:,.0f} images/s", file=sys.stderr)


def seed_generators(seed: int) -> None:
    """Seed the generators of the devices in use: what torch.manual_seed does, at a tenth of its time without a GPU."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


@torch.no_grad()
def evaluate(network: nn.Module, batches: Iterable[tuple[Tensor, ...]], precision: str) -> dict[str, float]:
    """Top-1 accuracy in [0, 1] and mean cross-entropy over batches of images, labels and, maybe, ids of patches."""
    network.eval()
    correct, count, loss = 0, 0, 0.0
    for images, labels, *ids in batches:
        with autocast(precision, images.device):
            logits = network(images, *ids)
        correct += int((logits.argmax(1) == labels).sum())
        loss += float(cross_entropy(logits.float(), labels, reduction="sum"))
        count += len(labels)
    return {"accuracy": correct / count, "loss": loss / count}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
