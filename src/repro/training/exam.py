"""How a trained network is tested: on whole images and, where there are patch tickets, on the patches they keep."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from repro.data import AnyDataset
from repro.models import Apply
from repro.training.loop import evaluate
from repro.training.precision import usable_precision
from repro.training.selection import with_ids
from repro.training.ticket_store import TicketStore


@dataclass(frozen=True)
class Exam:
    """The tests of one run."""

    dataset: AnyDataset
    tickets: TicketStore | None
    apply: Apply
    precision: str  # asked for
    device: torch.device

    def test(self, model: torch.nn.Module) -> dict[str, float]:
        """Top-1 accuracy and loss on whole images, and accuracy on tickets where there are some."""
        whole = self.evaluate(model, self.dataset.test_batches(self.device))
        return whole | ({"accuracy_sparse": self.test_sparse(model, self.tickets.test)} if self.tickets else {})

    def test_random(self, model: torch.nn.Module, seed: int) -> dict[str, float]:
        """Accuracy on as many random patches, and the share of patches dropped; nothing without tickets."""
        if not self.tickets:
            return {}
        return {
            "accuracy_random": self.test_sparse(model, self.tickets.random_test(seed)),
            "patch_sparsity": 1 - self.tickets.test.shape[1] / self.tickets.patches,
        }

    def test_sparse(self, model: torch.nn.Module, ids: np.ndarray) -> float:
        """Accuracy on the patches `ids` (images, kept)."""
        return self.evaluate(model, with_ids(self.dataset.test_batches(self.device), ids))["accuracy"]

    def evaluate(self, model: torch.nn.Module, batches: Iterable[tuple[torch.Tensor, ...]]) -> dict[str, float]:
        """Accuracy and loss on batches."""
        return evaluate(model, batches, usable_precision(self.precision, self.device), self.apply)
