"""The text classifier of Tables 12 and 13: the mean of word vectors and one linear layer, and how it is trained.

The recipe is that of the torchtext tutorial which Table 12 follows: plain SGD, gradients clipped to a norm of 0.1, and
a rate that StepLR divides by ten only after an epoch whose validation accuracy lies below the best so far; after every
epoch it would vanish within three. It runs on the CPU, in fp32: a step is too small for a GPU. The gradient of the word
vectors is sparse; its norm over the rows a batch touches is that of the whole, since the others are zero.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.config.samples import TextTraining
from repro.data.loader import derive_seed
from repro.data.text import Bags, TextDataset

SPREAD = 0.5  # weights start uniform between minus this and this
DROP = 0.1  # factor of the rate after an epoch below the best
EVALUATED = 10_000  # texts at a time


class BagOfWords(nn.Module):
    """The mean of the words' vectors, then one linear layer; biases start at 0."""

    def __init__(self, words: int, classes: int, width: int, seed: int) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(words, width, mode="mean", sparse=True)
        self.linear = nn.Linear(width, classes)
        random = torch.Generator().manual_seed(derive_seed(seed, "initialisation"))
        for weight in (self.embedding.weight, self.linear.weight):
            nn.init.uniform_(weight, -SPREAD, SPREAD, generator=random)
        nn.init.zeros_(self.linear.bias)

    def forward(self, tokens: Tensor, offsets: Tensor) -> Tensor:
        """Logits (texts, classes) of texts given as tokens and the place where each begins."""
        logits: Tensor = self.linear(self.embedding(tokens, offsets))
        return logits


class LearningRate:
    """The rate of an epoch, by a cosine or by the plateau rule, which needs the validation accuracy of each epoch."""

    def __init__(self, config: TextTraining) -> None:
        self.config, self.now, self.best, self.drops = config, config.learning_rate, 0.0, list[int]()

    def end_epoch(self, epoch: int, accuracy: float) -> None:
        """Set the rate for what follows epoch `epoch`, counted from 1."""
        if self.config.schedule == "cosine":
            self.now = self.config.learning_rate * (1 + math.cos(math.pi * epoch / self.config.epochs)) / 2
        elif accuracy < self.best:
            self.now *= DROP
            self.drops.append(epoch)
        else:
            self.best = accuracy


def fit(
    dataset: TextDataset, train: Tensor, valid: Tensor, config: TextTraining, seed: int
) -> tuple[BagOfWords, list[int]]:
    """A network trained on the texts `train`, and the epochs after which the plateau rule lowered its rate."""
    model = BagOfWords(dataset.words, len(dataset.classes), config.width, seed)
    rate = LearningRate(config)
    for epoch in range(1, config.epochs + 1):
        optimiser = torch.optim.SGD(model.parameters(), lr=rate.now)  # plain SGD has no state to carry over
        for ids in train[permute(len(train), seed, "order", epoch)].split(config.batch_size):
            take_step(model, optimiser, dataset.train, ids, config.clip_norm)
        rate.end_epoch(epoch, score(model, dataset.train, valid)[1].mean().item())
    return model, rate.drops


def take_step(model: BagOfWords, optimiser: torch.optim.Optimizer, texts: Bags, ids: Tensor, clip_norm: float) -> None:
    """One step on the texts `ids`, by cross-entropy."""
    optimiser.zero_grad()
    functional.cross_entropy(model(*texts.take(ids)), texts.labels[ids]).backward()
    clip(model.parameters(), clip_norm)
    optimiser.step()


def clip(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scale gradients to a joint norm of at most `limit`, as clip_grad_norm_ does, but sparse ones too."""
    parts = [dense_part(parameter) for parameter in parameters]
    norm = torch.stack([part.norm() for part in parts]).norm()
    scale = (limit / (norm + 1e-6)).clamp(max=1.0)
    for part in parts:
        part.mul_(scale)


def dense_part(parameter: nn.Parameter) -> Tensor:
    """The values of a gradient; a sparse one is first summed over repeated rows."""
    assert parameter.grad is not None
    if parameter.grad.is_sparse:
        parameter.grad = parameter.grad.coalesce()
        return parameter.grad.values()
    return parameter.grad


@torch.no_grad()
def score(model: BagOfWords, texts: Bags, ids: Tensor | None = None) -> Tensor:
    """Loss and correctness (1 or 0) of texts, (2, texts); of all where no ids are given."""
    ids = torch.arange(len(texts)) if ids is None else ids
    found = []
    for some in ids.split(EVALUATED):
        logits, labels = model(*texts.take(some)), texts.labels[some]
        losses = functional.cross_entropy(logits, labels, reduction="none")
        found.append(torch.stack([losses, (logits.argmax(dim=1) == labels).float()]))
    return torch.cat(found, dim=1)


def permute(count: int, seed: int, *stream: int | str) -> Tensor:
    """A random order of `count` ids from a named stream of random numbers."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(derive_seed(seed, *stream)))
