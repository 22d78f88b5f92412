"""How a trained network is tested: on whole images and, where there are patch tickets, on the patches they keep."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from repro.data import AnyDataset
from repro.training.loop import evaluate
from repro.training.precision import usable_precision
from repro.training.ticket_store import TicketStore


@dataclass(frozen=True)
class Exam:
    """The tests of one run."""

    dataset: AnyDataset
    tickets: TicketStore | None
    precision: str  # asked for
    device: torch.device

    def test(self, network: nn.Module) -> dict[str, float]:
        """Top-1 accuracy and loss on whole images, and accuracy on tickets where there are some."""
        whole = self.evaluate(network, self.dataset.test_batches(self.device))
        return whole | ({"accuracy_sparse": self.test_sparse(network, self.tickets.test)} if self.tickets else {})

    def test_random(self, network: nn.Module, seed: int) -> dict[str, float]:
        """Accuracy on as many random patches, and the share of patches dropped; nothing without tickets."""
        if not self.tickets:
            return {}
        return {
            "accuracy_random": self.test_sparse(network, self.tickets.random_test(seed)),
            "patch_sparsity": 1 - self.tickets.test.shape[1] / self.tickets.patches,
        }

    def test_sparse(self, network: nn.Module, ids: np.ndarray) -> float:
        """Accuracy on the patches `ids` (images, kept)."""
        return self.evaluate(network, with_ids(self.dataset.test_batches(self.device), ids))["accuracy"]

    def evaluate(self, network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> dict[str, float]:
        """Accuracy and loss on batches."""
        return evaluate(network, batches, usable_precision(self.precision, self.device))


def with_ids(batches: Iterable[tuple[Tensor, Tensor]], ids: np.ndarray) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Batches of images and labels, in order, with the ids (images, count) of each."""
    done = 0
    for images, labels in batches:
        chosen = torch.from_numpy(ids[done : done + len(labels)].astype(np.int64))
        yield images, labels, chosen.to(images.device)
        done += len(labels)
