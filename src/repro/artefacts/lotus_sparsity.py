"""Essential sparsity of paper B: one-shot magnitude pruning of a pretrained ViT, before and after a fine-tuning.

One threshold over the linear weights of all blocks, as in the code of the essential-sparsity paper (Jaiswal et al.
2023); embeddings, norms and head stay. Essential is the highest sparsity up to which no step costs more than one point
of accuracy, which is our rule: the summary of paper B says "high", and that paper "the sharp drop".
"""

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.lotus import NEAR, QUOTED, before, by_seed, finetuned, one_shot, with_epochs
from repro.artefacts.shared.recipes import lasting

SPARSITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BEYOND_HALF = 0.6  # where the paper warns of a collapse: above one half
LEVEL = 0.79  # accuracy at the quoted sparsity, about
SHORT = 0.25  # of a preset's fine-tuning


def grid(preset: str, *, sparsities: tuple[float, ...] = SPARSITIES, epochs: float | None = None) -> list[Arm]:
    """The pretrained network, whole and at each sparsity, fine-tuned for a quarter of the preset's epochs or more."""
    size = with_epochs(preset, epochs)
    short = lasting(size.training, max(1, round(SHORT * size.training.epochs)) if epochs is None else epochs)
    whole = Arm({"pruned": 0.0}, finetuned(size, training=short))
    return [whole, *(Arm({"pruned": s}, finetuned(size, training=short, ticket=one_shot(size, s))) for s in sparsities)]


def losses(frame: pd.DataFrame) -> pd.DataFrame:
    """What pruning costs at each sparsity and seed: columns pruned, seed, and, in accuracy, before and after."""
    rows = frame.assign(before=before(frame), after=frame["accuracy"])[["pruned", "seed", "before", "after"]]
    whole = rows[rows["pruned"] == 0].set_index("seed")[["before", "after"]]
    rows[["before", "after"]] = whole.loc[rows["seed"]].to_numpy() - rows[["before", "after"]].to_numpy()
    return rows


def essential_sparsity(frame: pd.DataFrame, when: str) -> pd.Series:
    """For each seed the highest sparsity up to which none costs more than one point, `before` or `after`."""

    def last_cheap(rows: pd.DataFrame) -> float:
        cheap = rows.sort_values("pruned").set_index("pruned")[when].round(9) <= NEAR
        return float(cheap[cheap.cumprod().astype(bool)].index.max())

    return by_seed(losses(frame), last_cheap)


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed."""
    rows = losses(frame).set_index("seed")
    quoted, beyond_half = rows[rows["pruned"] == QUOTED], rows[rows["pruned"] == BEYOND_HALF]
    accuracy = frame[frame["pruned"] == QUOTED].set_index("seed")["accuracy"]
    return {
        "lotus-sparsity-level": accuracy - LEVEL,
        "lotus-sparsity-quoted": quoted["after"],
        "lotus-sparsity-untrained": quoted["before"],
        "lotus-sparsity-beyond-half": beyond_half["after"],
    }


ARTEFACT = Artefact(
    "lotus-sparsity",
    "Essential sparsity of a pretrained ViT",
    "paper B, key finding 1",
    grid,
    claim_values,
    rehearsed=lambda arms: arms[:4:3],
)
