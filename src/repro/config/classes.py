"""Runs on classes: one policy's choice among ImageNet's, and which are consistent under which models."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from repro.config.base import Config, ConfigError

Policy = Literal[
    "all", "printed", "RS", "ERC", "PD-Top", "PD-Mid", "PD-Bottom", "PD-Uniform", "WNH", "WEC", "SEC", "NiR"
]
# What a policy leaves open: ERC strict or with ties, WNH literal or balanced, a cluster's medoid or mean, which list.
Variant = Literal["", "ties allowed", "balanced", "k-means", "PD-Bottom", "ERC"]
Difficulty = Literal["raters", "ImageNet-X"]  # how plain a class is to people, or the accuracy of four models in it
Source = Literal["digit pairs", "ImageNet-X"]


@dataclass(frozen=True)
class ChooseRun(Config):
    """Choose among ImageNet's 1,000 classes by one policy of paper C, and measure what was chosen."""

    procedure: ClassVar[str] = "choose"
    policy: Policy
    variant: Variant = ""
    count: int = 100  # classes asked for
    difficulty: Difficulty = "raters"  # what PD sorts by and every ticket is measured by
    features: Literal["raters", "file"] = "raters"  # SEC: what raters saw in a class's images, or a network's features
    draws: int = 0  # random tickets as large that are tried on the models beside this one

    def check(self) -> None:
        if not 1 <= self.count <= 1000:
            raise ConfigError(f"count must lie in 1 to 1000, the number of classes; got {self.count}")
        if self.difficulty == "raters" and (self.policy == "ERC" or self.draws):
            raise ConfigError("ERC and random draws compare models, so they need difficulty = 'ImageNet-X'")


@dataclass(frozen=True)
class ConsistencyRun(Config):
    """Which classes rank a chain of models as all classes do."""

    procedure: ClassVar[str] = "rank"
    source: Source
    models: tuple[str, ...]


@dataclass(frozen=True)
class TransferRun(Config):
    """Whether classes that are consistent under one chain of models are so under another, more than chance.

    `first` is a chain of models, or empty for the classes that the paper prints as its ERC ticket.
    """

    procedure: ClassVar[str] = "transfer"
    source: Source
    first: tuple[str, ...]
    second: tuple[str, ...]

    def check(self) -> None:
        if set(self.first) & set(self.second):
            raise ConfigError(
                f"a test of transfer needs two chains without a common model; got {self.first}, {self.second}"
            )
