"""Probes of features: a linear layer, trained by the project's own loop, and a vote of the nearest neighbours."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from repro.data.loader import Batch, Loader, check_batch_size, derive_seed, part_of
from repro.models.patched import PatchNetwork
from repro.ssl.features import Embed

WHOLE = (0.0, 1.0, 0.0, 1.0)  # the box of an image that is seen whole
QUERIES = 500  # images that are voted on at a time


class FeatureLoader:
    """Batches of features that lie ready, in an order of its own every epoch."""

    def __init__(self, features: Tensor, labels: Tensor, classes: int, batch_size: int, seed: int) -> None:
        check_batch_size(batch_size, len(labels))
        self.features, self.labels, self.classes = features, labels, classes
        self.batch_size, self.seed, self.device = batch_size, seed, features.device
        self.part, self.steps_per_epoch = part_of(batch_size, 0, 1), len(labels) // batch_size
        self._epoch, self._order = -1, torch.empty(0)

    def batch(self, step: int) -> Batch:
        """Features (batch, dim) in the place of images."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "order", epoch))
            self._epoch, self._order = epoch, torch.randperm(len(self.labels), generator=generator)
        index = self._order[position * self.batch_size :][: self.batch_size]
        chosen = index.to(self.device)
        box = torch.tensor(WHOLE, device=self.device).expand(len(index), -1)
        return Batch(self.features[chosen], self.labels[chosen], index, box)


class EmbeddingLoader:
    """Batches of another loader, embedded as they come."""

    def __init__(self, loader: Loader, embed: Embed) -> None:
        self.loader, self.embed, self.classes, self.seed = loader, embed, loader.classes, loader.seed
        self.batch_size, self.part, self.device = loader.batch_size, loader.part, loader.device
        self.steps_per_epoch = loader.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """Features (part, dim) in the place of images."""
        found = self.loader.batch(step)
        return found._replace(images=self.embed(found.images))


def make_layer(width: int, classes: int, seed: int, norm: bool) -> PatchNetwork:
    """A linear layer with small weights, after a norm over the batch without weights of its own where asked for."""
    torch.manual_seed(derive_seed(seed, "probe"))
    layer = nn.Linear(width, classes)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return PatchNetwork(nn.Sequential(nn.BatchNorm1d(width, affine=False) if norm else nn.Identity(), layer))


@torch.no_grad()
def vote(train: tuple[Tensor, Tensor], test: Tensor, classes: int, neighbours: int, temperature: float) -> Tensor:
    """Classes (n,) of test features (n, dim) by their nearest training features and labels.

    Neighbours are those of highest cosine similarity, which weighs their votes as exp(similarity / temperature).
    """
    features, labels = train
    known, found = normalize(features, dim=1), []
    for queries in normalize(test, dim=1).split(QUERIES):
        similarity, nearest = (queries @ known.T).topk(min(neighbours, len(labels)), dim=1)
        votes = torch.zeros(len(queries), classes, device=test.device)
        votes.scatter_add_(1, labels[nearest], (similarity / temperature).exp())
        found.append(votes.argmax(1))
    return torch.cat(found)
