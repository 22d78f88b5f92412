"""The run that recomputes what a paper prints; it trains nothing and is the same at every preset."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from repro.config.base import Config

Paper = Literal["A", "B", "C"]


@dataclass(frozen=True)
class AuditRun(Config):
    """Recompute every printed number of one paper that other printed numbers give."""

    procedure: ClassVar[str] = "audit"
    paper: Paper
