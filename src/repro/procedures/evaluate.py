"""What an `EvaluateRun` does: tell how well classes can be told apart by features, or by the network fine-tuned.

Raw pixels and a network as it is drawn go through the same code as what was learnt.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repro.config import EvaluateRun, FineTuning, LinearProbe, Model, PretrainRun, Training, TrainRun, Views
from repro.data import AnyDataset
from repro.data.loader import Loader
from repro.models.patched import PatchNetwork
from repro.procedures import Procedure
from repro.procedures.origins import FolderOf, check_same_data, draw_model, load_backbone, weights_file
from repro.procedures.pretrain import SHRINKS
from repro.procedures.subsets import check_data, open_data
from repro.ssl.features import Embed, Embedder, extract, pixels, resize
from repro.ssl.probe import EmbeddingLoader, FeatureLoader, make_layer, vote
from repro.ssl.scores import describe_hits
from repro.ssl.views import RandomViews
from repro.training.checkpoint import stored_checksum
from repro.training.cost import timing
from repro.training.loop import Fit
from repro.training.objective import Classification
from repro.training.precision import autocast, pick_device, place, set_up_kernels, usable_precision

PRECISION = "bf16"  # that features are computed in, where the device has it


@dataclass(frozen=True)
class Exercise:
    """What a run is evaluated with."""

    seed: int
    folder: Path  # of the run, for checkpoints
    dataset: AnyDataset
    device: torch.device
    stamp: dict[str, str]  # checksums of data and of what was learnt

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.dataset.classes)

    def loader(self, training: Training, views: Views | None) -> Loader:
        """Training images in such views, or as the recipe augments them."""
        augment = RandomViews((views,)) if views else training.augment
        return self.dataset.train_loader(training.batch_size, augment, self.seed, self.device)

    def fit(self, network: PatchNetwork, loader: Loader, training: Training) -> Fit:
        """A network trained to tell the classes."""
        objective = Classification(training, self.classes, self.seed)
        fit = Fit(network, loader, training, objective=objective, folder=self.folder, stamp=self.stamp)
        fit.run()
        return fit


def evaluate(run: EvaluateRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Carry out a run: accuracy on the test images, in each class, and image by image."""
    set_up_kernels(device := pick_device())
    dataset = open_data(run.data, folder_of)
    check_same_data(run, seed, data := dataset.checksum(), folder_of)
    learnt = run.source if isinstance(run.source, PretrainRun | TrainRun) else None
    inputs = {"source": stored_checksum(weights_file(learnt, folder_of))} if learnt else {}
    exercise = Exercise(seed, folder, dataset, device, {"data": data, **inputs})
    if isinstance(run.protocol, FineTuning):
        found = fine_tune(exercise, run, run.protocol, folder_of)
    else:
        found = probe(exercise, make_embed(run, run.protocol, exercise, folder_of), run.protocol)
    return found | {"inputs": inputs, "data": data, "origin": dataset.origin}


def make_embed(run: EvaluateRun, protocol: LinearProbe, exercise: Exercise, folder_of: FolderOf) -> Embed:
    """How a run turns images into features."""
    if run.source is None:
        return pixels
    config = run.source if isinstance(run.source, Model) else replace(run.source.model, classes=0)
    model = open_model(run, config, exercise, folder_of)
    precision = usable_precision(PRECISION, exercise.device)
    return Embedder(model, protocol.features, config.image_size, precision, exercise.device)


def open_model(run: EvaluateRun, config: Model, exercise: Exercise, folder_of: FolderOf) -> nn.Module:
    """A network with what the run's source learnt, or as it is drawn where the source is a network alone."""
    model = draw_model(config, exercise.seed, exercise.device)
    if isinstance(run.source, PretrainRun | TrainRun):
        load_backbone(model, run.source, folder_of)
    return place(model, exercise.device)


def probe(exercise: Exercise, embed: Embed, protocol: LinearProbe) -> dict[str, Any]:
    """Train a linear layer on features, and let neighbours vote."""
    dataset, device, training = exercise.dataset, exercise.device, protocol.training
    start = time.monotonic()
    train = extract(embed, dataset.plain_batches(device))
    test, labels = extract(embed, dataset.test_batches(device))
    spent = time.monotonic() - start
    loader: Loader = FeatureLoader(*train, exercise.classes, training.batch_size, exercise.seed)
    if protocol.views:
        loader = EmbeddingLoader(exercise.loader(training, protocol.views), embed)
    layer = make_layer(test.shape[1], exercise.classes, exercise.seed, protocol.normalise).to(device)
    fit = exercise.fit(layer, loader, training)
    told = predict(fit, [test])
    voted = vote(train, test, exercise.classes, protocol.neighbours, protocol.vote_temperature)
    accuracies = [(found == labels).double().mean().item() for found in (told, voted)]
    return {
        "metrics": dict(zip(("accuracy", "accuracy_knn"), accuracies, strict=True)),
        "timing": timing(spent + fit.seconds, len(train[1]) + len(labels), device),
        "precision": usable_precision(PRECISION, device),
        **describe_hits(told, labels, exercise.classes),
    }


def fine_tune(exercise: Exercise, run: EvaluateRun, protocol: FineTuning, folder_of: FolderOf) -> dict[str, Any]:
    """Train the whole network with a new head."""
    source = run.source if isinstance(run.source, Model) else run.source.model  # type: ignore[union-attr]
    model: Any = open_model(run, replace(source, classes=exercise.classes), exercise, folder_of)
    if protocol.features == "mean":
        model.global_pool = "avg"
    loader = exercise.loader(protocol.training, protocol.views)
    fit = exercise.fit(PatchNetwork(model), loader, protocol.training)
    batches = [
        (resize(images, source.image_size), labels) for images, labels in exercise.dataset.test_batches(exercise.device)
    ]
    told, labels = predict(fit, [images for images, _ in batches]), torch.cat([labels for _, labels in batches])
    return {
        "metrics": {"accuracy": (told == labels).double().mean().item()},
        "history": fit.history,
        "timing": timing(fit.seconds, fit.last_step * loader.batch_size, exercise.device),
        "precision": fit.precision,
        **describe_hits(told, labels, exercise.classes),
    }


@torch.no_grad()
def predict(fit: Fit, batches: list[Tensor]) -> Tensor:
    """The classes (n,) that a trained network tells."""
    network = fit.averaged.eval()
    with autocast(fit.precision, fit.loader.device):
        return torch.cat([network(images).argmax(1) for images in batches])


PROCEDURE = Procedure(
    EvaluateRun,
    evaluate,
    check=lambda run: check_data(run.data),
    gpu=1.0,
    memory_mb=1500,
    shrinks=SHRINKS,
)
