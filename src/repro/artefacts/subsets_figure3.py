"""Figure 3 of paper C: the classes that rank models as all classes do, and whether they do so for other models.

The paper's pools are DINO, MoCo v3, MAE and SwAV, whose per-class accuracy is not published; ours are four models whose
predictions are. In `demo` four classifiers on pairs of digits stand for them. No number here is drawn at random.
"""

import pandas as pd

from repro.artefacts.base import NOT_RUN, Arm, Artefact
from repro.config import ConsistencyRun, TransferRun
from repro.config.classes import Source
from repro.stats.verdicts import Exact

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
    column = "consistent" if kind == "chain" else "both"
    return rows.iloc[place] if len(rows) > place and column in rows else None


def counted(row: pd.Series | None) -> Exact | pd.Series:
    """The share of the classes that rank a chain of models as all do."""
    if row is None:
        return NOT_RUN
    classes = CLASSES[row["source"]]
    return Exact(row["consistent"], f"{row['consistent'] * classes:.0f} of {classes:,} classes")


def exchanged(row: pd.Series | None) -> Exact | pd.Series:
    """The chance of as much agreement of two ways to pick classes, when marks are exchanged among classes as hard."""
    if row is None:
        return NOT_RUN
    said = f"{row['both']:.0f} classes in both, where exchanging marks gives {row['expected_alike']:.1f}"
    return Exact(row["p_more_alike"], said)


def claim_values(frame: pd.DataFrame) -> dict[str, Exact | pd.Series]:
    """The value each claim is about, counted over all classes; not run where a model's accuracies are not public."""
    return {
        "subsets-figure3-minority": counted(find_row(frame, "chain", 0)),
        "subsets-figure3-fewer": counted(find_row(frame, "chain", 1)),
        "subsets-figure3-fifth": NOT_RUN,
        "subsets-figure3-stable": NOT_RUN,
        "subsets-figure3-pairs-chance": exchanged(find_row(frame, "pairs", 0)),
        "subsets-figure3-transfer-chance": exchanged(find_row(frame, "printed", 1)),
    }


ARTEFACT = Artefact(
    "subsets-figure3",
    "Per-class consistency",
    "paper C, section 3.1 and Figure 3",
    grid,
    claim_values,
    exact=True,
)
