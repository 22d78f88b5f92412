"""What a `TextRun` does: one row of Table 13, its four configurations trained on the same texts.

A seed fixes the weights, the split, the order of the texts, the halves and every draw of a ticket. All rows and
configurations of a seed start from the same weights. A reader may doubt by which accuracy the configurations are ranked
for a ticket: by that on texts no source was trained on, the steering 5 % or, out of fold, all; never by test accuracy.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.config.samples import SampleTicket, TextRun, TextTraining
from repro.data.loader import derive_seed
from repro.data.text import TextDataset, load_texts
from repro.models.bag_of_words import fit, permute, score
from repro.procedures import Procedure
from repro.procedures.shrinking import BATCH, EPOCHS
from repro.tickets import samples
from repro.training.checkpoint import load_tensors, save_tensors
from repro.training.cost import timing

LOSSES_FILE = "losses.safetensors"
VALID_SHARE = 0.05  # of the texts a run is given, to steer the learning rate
FolderOf = Callable[[TextRun], Path]


def classify(run: TextRun, seed: int, folder: Path, folder_of: FolderOf) -> dict[str, Any]:
    """Train every configuration of a run on its texts and test each on all test texts.

    A run without a ticket leaves the loss of every training text, or of the half it was not given.
    """
    start, dataset = time.monotonic(), load_texts(run.texts)
    ids, selection = pick_texts(run, seed, dataset, folder_of)
    train, valid = split_texts(ids, seed)
    metrics, scores, drops, seen = dict[str, float](), [], [], 0
    for number, training in enumerate(run.trainings, start=1):
        model, rate_drops = fit(dataset, train, valid, training, seed)
        found = score(model, dataset.train)
        metrics[f"accuracy_C{number}"] = score(model, dataset.test)[1].double().mean().item()
        metrics[f"valid_C{number}"] = found[1, valid].double().mean().item()
        scores.append(found)
        drops.append(rate_drops)
        seen += len(train) * training.epochs
    if run.ticket is None:
        leave_losses(folder / LOSSES_FILE, run, seed, torch.stack(scores), valid)
    return {
        "metrics": metrics | {"texts": float(len(ids))},
        "selection": selection,
        "rate_drops": drops,
        "timing": timing(time.monotonic() - start, seen, torch.device("cpu")),
        "data": dataset.checksum,
        "origin": dataset.origin,
        "precision": "fp32",
    }


def pick_texts(run: TextRun, seed: int, dataset: TextDataset, folder_of: FolderOf) -> tuple[Tensor, dict[str, Any]]:
    """Ids of the texts a run is given, sorted, and what its record says of how they were chosen."""
    labels = dataset.train.labels.numpy()
    if run.half:
        return halves(len(labels), seed)[run.half - 1], {}
    if run.ticket is None:
        return torch.arange(len(labels)), {}
    ids, said = choose(run.ticket, seed, labels, folder_of)
    classes = np.bincount(labels[ids], minlength=len(dataset.classes))
    return torch.from_numpy(ids), said | {"classes": classes.tolist()}


def halves(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two random halves of `count` ids, sorted each."""
    order = permute(count, seed, "halves")
    return order[: count // 2].sort().values, order[count // 2 :].sort().values


def split_texts(ids: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Texts to train on and texts to steer by, at random."""
    order = ids[permute(len(ids), seed, "split")]
    count = max(1, round(VALID_SHARE * len(ids)))
    return order[count:], order[:count]


def choose(
    ticket: SampleTicket, seed: int, labels: np.ndarray, folder_of: FolderOf
) -> tuple[np.ndarray, dict[str, Any]]:
    """Ids of a ticket, sorted; for one by losses also the configurations' order and how many texts are consistent."""
    count = round(ticket.share * len(labels))
    rng = np.random.default_rng(derive_seed(seed, ticket.choice, ticket.draw))
    if ticket.choice == "random":
        return samples.choose_random(len(labels), count, rng), {}
    if ticket.choice == "stratified":
        return samples.choose_stratified(labels, count, rng), {}
    losses, correct, held = read_losses(ticket, len(labels), folder_of)
    order = samples.rank_configurations(correct[:, held].mean(axis=1), losses[:, held].mean(axis=1))
    said = {"order": [f"C{i + 1}" for i in order]}
    if ticket.choice == "agreed":
        return samples.choose_agreed(correct, count, rng), said | {"consistent": int(correct.all(axis=0).sum())}
    consistent = samples.find_consistent(losses, order)
    return samples.choose_ordered(losses, order, count, rng), said | {"consistent": int(consistent.sum())}


def read_losses(ticket: SampleTicket, count: int, folder_of: FolderOf) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses (configurations, texts), whether right, and (texts,) whether the source was not trained on the text.

    Raises DamagedFile, or ValueError where the sources together leave a text without a loss.
    """
    files = [load_tensors(folder_of(source) / LOSSES_FILE)[0] for source in ticket.sources]
    losses = np.full((len(files[0]["losses"]), count), np.nan)
    correct, held = np.zeros(losses.shape, bool), np.zeros(count, bool)
    for file in files:
        ids = file["ids"].numpy()
        losses[:, ids], correct[:, ids] = file["losses"].numpy(), file["correct"].numpy()
        held[ids] = file["held"].numpy()
    if lacking := int(np.isnan(losses[0]).sum()):
        raise ValueError(f"the sources of a ticket leave {lacking:,} of {count:,} texts without a loss")
    return losses, correct, held


def leave_losses(file: Path, run: TextRun, seed: int, scores: Tensor, valid: Tensor) -> None:
    """Write loss and correctness, scores (configurations, 2, texts); of the other half only where a run had one."""
    count = scores.shape[2]
    ids = halves(count, seed)[2 - run.half] if run.half else torch.arange(count)
    held = torch.full((count,), bool(run.half))
    held[valid] = True
    found = {"ids": ids, "losses": scores[:, 0, ids], "correct": scores[:, 1, ids] > 0, "held": held[ids]}
    save_tensors(file, found)


def shrink_training(training: TextTraining) -> TextTraining:
    """The same recipe for two epochs."""
    return replace(training, epochs=EPOCHS, batch_size=BATCH)


PROCEDURE = Procedure(
    TextRun,
    classify,
    lambda run: [] if run.ticket else [LOSSES_FILE],
    check=lambda run: load_texts(run.texts),
    memory_mb=1500,
    shrinks={TextTraining: shrink_training},
)
