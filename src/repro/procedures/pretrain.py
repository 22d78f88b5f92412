"""What a `PretrainRun` does: train a network without labels, and keep the one that its method's authors evaluate."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from repro.config import DINO, MAE, Data, MoCo, MoCoV3, Model, PretrainRun, SwAV, Training
from repro.data.loader import Loader
from repro.models.patched import PatchNetwork
from repro.procedures import Procedure
from repro.procedures.origins import FINAL_FILE, FolderOf, draw_model
from repro.procedures.shrinking import BATCH, BLOCKS, LARGE, shrink_data, shrink_training
from repro.procedures.subsets import check_data, open_data
from repro.ssl.methods import make_objective
from repro.ssl.pretext import Plan
from repro.ssl.views import RandomViews
from repro.training.checkpoint import save_tensors
from repro.training.cost import timing
from repro.training.loop import Fit
from repro.training.precision import pick_device, place, set_up_kernels, usable_precision
from repro.training.ranks import find_ranks

WIDTH = 64  # of heads in a rehearsal


def pretrain(run: PretrainRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Carry out a run; its metrics are the mean loss and the measures at the end of the last epoch."""
    set_up_kernels(device := pick_device())
    dataset, ranks, size = open_data(run.data, folder_of), find_ranks(), run.training.batch_size
    loader = dataset.train_loader(size, RandomViews(run.views), seed, device, rank=ranks.rank, world=ranks.world)
    model = draw_model(run.model, seed, device)
    network = place(PatchNetwork(model, any_size=len({kind.size for kind in run.views}) > 1), device)
    objective = make_objective(network, run.method, make_plan(run.training, loader), run.keep_collapsed)
    fit = Fit(
        network,
        loader,
        run.training,
        objective=objective,
        folder=folder,
        stamp={"data": (data := dataset.checksum())},
        test=lambda _: objective.report(),
    )
    fit.run()
    return {
        "metrics": {k: v for k, v in fit.history[-1].items() if k not in ("epoch", "seconds")},
        "history": fit.history,
        "timing": timing(fit.seconds, fit.last_step * size, device),
        "weights": save_tensors(folder / FINAL_FILE, objective.learned.state_dict()),
        "data": data,
        "origin": dataset.origin,
        "precision": fit.precision,
    }


def make_plan(training: Training, loader: Loader) -> Plan:
    """What an objective must know of a training."""
    precision, steps = usable_precision(training.precision, loader.device), training.epochs * loader.steps_per_epoch
    return Plan(loader.seed, loader.batch_size, loader.steps_per_epoch, math.ceil(steps), precision, loader.device)


def shrink_backbone(model: Model) -> Model:
    """The same network with fewer blocks where it is large."""
    return replace(model, depth=min(model.depth, BLOCKS)) if model.width >= LARGE else model


# What is large in a method is made small; every part of it stays.
SHRINKS: dict[type, Callable[[Any], Any]] = {
    Data: shrink_data,
    Training: shrink_training,
    Model: shrink_backbone,
    MoCo: lambda method: replace(method, queue=BATCH, groups=1),
    MoCoV3: lambda method: replace(method, hidden=WIDTH),
    DINO: lambda method: replace(method, outputs=WIDTH, hidden=WIDTH),
    MAE: lambda method: replace(method, depth=1),
    SwAV: lambda method: replace(method, hidden=WIDTH, prototypes=WIDTH, queue=min(method.queue, BATCH)),
}
PROCEDURE = Procedure(
    PretrainRun,
    pretrain,
    lambda run: [FINAL_FILE],
    check=lambda run: check_data(run.data),
    gpu=1.0,
    memory_mb=1500,
    shrinks=SHRINKS,
)
