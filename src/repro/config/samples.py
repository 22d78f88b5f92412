"""Runs on samples of a data set (paper C): the configurations of Table 12 on texts, the perceptron of App. F.1."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from repro.config.base import Config, ConfigError

SampleChoice = Literal["random", "stratified", "ordered", "agreed"]
MarginChoice = Literal["all", "random", "smallest", "largest"]


@dataclass(frozen=True)
class Texts(Config):
    """Which texts a run trains and is tested on."""

    name: Literal["glosses", "ag-news-10k", "ag-news"] = "ag-news"
    train_texts: int = 0  # how many of the training texts, 0 for all
    test_texts: int = 0  # how many of the test texts, 0 for all


@dataclass(frozen=True)
class TextTraining(Config):
    """One configuration: the bag-of-words recipe of Table 12; the defaults are its column C1."""

    learning_rate: float = 5.0  # plain SGD, no momentum
    batch_size: int = 64  # texts a step
    schedule: Literal["plateau", "cosine"] = "plateau"  # see training.texts.learning_rates
    epochs: int = 10
    width: int = 64  # of a word's vector
    clip_norm: float = 0.1  # of the gradient over all weights

    def check(self) -> None:
        if min(self.epochs, self.batch_size, self.width) < 1 or min(self.learning_rate, self.clip_norm) <= 0:
            raise ConfigError("epochs, batch_size and width must be at least 1, learning_rate and clip_norm above 0")


TABLE_12 = (
    TextTraining(),
    TextTraining(schedule="cosine"),
    TextTraining(batch_size=128),
    TextTraining(learning_rate=10.0),
)


@dataclass(frozen=True)
class SampleTicket(Config):
    """Which of the training texts a run sees: a share of them, chosen by the losses of finished runs or at random."""

    choice: SampleChoice  # see tickets.samples
    draw: int = 0  # the same choice with other random numbers
    share: float = 0.1  # of the training texts
    sources: tuple["TextRun", ...] = ()  # whose losses decide; two halves of the texts give losses out of fold

    def check(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"share must lie above 0 and at most at 1; got {self.share}")
        if (self.choice in ("ordered", "agreed")) != bool(self.sources):
            raise ConfigError(f"a choice by losses needs sources, a random one has none; got {self.choice!r}")


@dataclass(frozen=True)
class TextRun(Config):
    """One row of Table 13: train every configuration on the same texts, test each on all test texts.

    With a `half` of 1 or 2 a run trains on one random half of the texts and leaves losses of the other.
    """

    procedure: ClassVar[str] = "classify"
    texts: Texts = Texts()
    trainings: tuple[TextTraining, ...] = TABLE_12
    ticket: SampleTicket | None = None
    half: Literal[0, 1, 2] = 0

    def check(self) -> None:
        if self.half and self.ticket:
            raise ConfigError("a run on half of the texts takes no ticket")


@dataclass(frozen=True)
class PerceptronRun(Config):
    """A teacher, a data set it labels, a subset by the margin along a probe, and students of that subset."""

    procedure: ClassVar[str] = "simulate"
    choice: MarginChoice = "all"
    keep_share: float = 1.0  # of the examples
    probe_angle: float = 0.0  # degrees between probe and teacher
    dimensions: int = 200  # of an example, so also weights of a student
    examples_per_weight: float = 8.0  # before selection
    draws: int = 10  # teachers, each with a data set of its own, averaged over

    def check(self) -> None:
        if not 0 < self.keep_share <= 1 or (self.choice == "all") != (self.keep_share == 1):
            raise ConfigError(f"keep_share must lie above 0 and below 1, and at 1 for all; got {self.keep_share}")
        if not 0 <= self.probe_angle < 90:
            raise ConfigError(f"probe_angle must lie from 0 to below 90 degrees; got {self.probe_angle}")
        if self.draws < 1 or self.dimensions < 3 or self.keep_share * self.examples_per_weight * self.dimensions < 1:
            raise ConfigError("draws must be at least 1, dimensions 3, and one example must be left")
