"""Figure 3 of paper C: the classes that rank models as all classes do, and whether they do so for other models.

The paper's pools are DINO, MoCo v3, MAE and SwAV, whose per-class accuracy is not published; ours are four models whose
predictions are. In `demo` four classifiers on pairs of digits stand for them. No number here is drawn at random.
"""

import math

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.config import ConsistencyRun, TransferRun
from repro.config.classes import Source
from repro.stats.verdicts import Estimate

POOLS: dict[Source, tuple[str, str, str, str]] = {  # best first
    "digit pairs": ("naive Bayes", "nearest neighbour", "logistic regression", "decision tree"),
    "ImageNet-X": ("ViT", "DINO", "ResNet50", "SimCLR"),
}
CLASSES = {"digit pairs": 100, "ImageNet-X": 1000}
PRINTED = "printed ERC"


def source_of(preset: str) -> Source:
    """Which pool a preset looks at."""
    return "digit pairs" if preset == "demo" else "ImageNet-X"


def grid(preset: str) -> list[Arm]:
    """Three chains of a pool; the three ways to split it into two pairs; and the printed ticket against each chain."""
    source = source_of(preset)
    a, b, c, d = POOLS[source]
    chains = ((a, b, d), (a, b, c, d), (b, d))
    arms = [
        Arm({"kind": "chain", "source": source, "chain": written(chain)}, ConsistencyRun(source, chain))
        for chain in chains
    ]
    for first, second in (((a, b), (c, d)), ((a, c), (b, d)), ((a, d), (b, c))):
        labels = {"kind": "pairs", "source": source, "first": written(first), "chain": written(second)}
        arms.append(Arm(labels, TransferRun(source, first, second)))
    if source == "ImageNet-X":
        for chain in chains:
            labels = {"kind": "printed", "source": source, "first": PRINTED, "chain": written(chain)}
            arms.append(Arm(labels, TransferRun(source, (), chain)))
    return arms


def written(chain: tuple[str, ...]) -> str:
    """A chain as text, best model first."""
    return " > ".join(chain)


def find_row(frame: pd.DataFrame, kind: str, place: int) -> pd.Series | None:
    """The arm of a kind at a place of the grid; None where there is none or it was not measured."""
    rows = frame[frame["kind"] == kind]
    column = "consistent" if kind == "chain" else "difference"
    return rows.iloc[place] if len(rows) > place and column in rows else None


def estimated(row: pd.Series | None, metric: str, low: str, high: str) -> Estimate:
    """An arm's metric with its interval over classes; n = 0 where there is no arm."""
    if row is None:
        return Estimate(math.nan, math.nan, math.nan, 0)
    return Estimate(row[metric], row[low], row[high], CLASSES[row["source"]])


def claim_values(frame: pd.DataFrame) -> dict[str, Estimate]:
    """The value each claim is about, with its interval over classes."""
    share = ("consistent", "consistent_low", "consistent_high")
    difference = ("difference", "low", "high")
    return {
        "subsets-figure3-minority": estimated(find_row(frame, "chain", 0), *share),
        "subsets-figure3-fewer": estimated(find_row(frame, "chain", 1), *share),
        "subsets-figure3-pairs": estimated(find_row(frame, "pairs", 0), *difference),
        "subsets-figure3-transfer": estimated(find_row(frame, "printed", 1), *difference),
    }


ARTEFACT = Artefact(
    "subsets-figure3",
    "Per-class consistency",
    "paper C, section 3.1 and Figure 3",
    grid,
    claim_values,
    exact=True,
)
