"""Appendix F.1 of paper C: students of a perceptron teacher, trained on a subset by the margin along a probe.

The appendix states no size, no result and no configuration; it ends in the middle of a sentence. So the sizes here are
ours, and so is what is tested: whether the errors of five learning rules on the subset rank these rules as the errors
on all examples do, better than on as many random examples.
"""

from dataclasses import replace
from itertools import product

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.config import MarginChoice, PerceptronRun
from repro.stats import agreement

LEARNERS = {
    "hebb": "Hebb's rule",
    "ridge_1": "ridge, 1",
    "ridge_0.1": "ridge, 0.1",
    "ridge_0.01": "ridge, 0.01",
    "margin": "largest margin",
}
LABELS = ("choice", "keep_share", "probe_angle")
KEEP_SHARES = (0.1, 0.2, 0.4, 0.7)
ANGLES = (0.0, 30.0, 60.0)  # degrees between probe and teacher
LARGEST_ANGLE = 30.0  # of the control that keeps the largest margins
SIZES = {  # weights of a student, draws of examples a seed
    "demo": (100, 4),
    "pocket": (200, 10),
    "gpu": (400, 10),
    "paper": (1000, 10),
}


def grid(preset: str, *, keep_shares: tuple[float, ...] = KEEP_SHARES, examples_per_weight: float = 8.0) -> list[Arm]:
    """All examples; and for every keep share random ones, the smallest margins at every angle, the largest at one."""
    dimensions, draws = SIZES[preset]
    whole = PerceptronRun(dimensions=dimensions, draws=draws, examples_per_weight=examples_per_weight)
    subsets: list[tuple[MarginChoice, float]] = [("random", 0.0), ("largest", LARGEST_ANGLE)]
    subsets += [("smallest", angle) for angle in ANGLES]
    runs = [whole]
    for (choice, angle), share in product(subsets, keep_shares):
        runs.append(replace(whole, choice=choice, keep_share=share, probe_angle=angle))
    return [Arm({name: getattr(run, name) for name in LABELS}, run) for run in runs]


def correlate(frame: pd.DataFrame, kind: str = "error") -> pd.DataFrame:
    """One row a subset and seed: ρ_p and ρ_s of the learners' errors with those on all examples.

    `kind` is error, as simulated, or theory.
    """
    columns = [f"{kind}_{learner}" for learner in LEARNERS]
    full = frame[frame["choice"] == "all"].set_index("seed")[columns]
    rows = []
    for row in frame[frame["choice"] != "all"].to_dict("records"):
        pair = full.loc[row["seed"]].tolist(), [row[name] for name in columns]
        rows.append(row | {"rho_p": agreement.pearson(*pair), "rho_s": agreement.spearman(*pair)})
    return pd.DataFrame(rows)


def deviations(frame: pd.DataFrame) -> pd.DataFrame:
    """Simulated less predicted error, one row an arm, seed and learner."""
    parts = [
        frame[[*LABELS, "seed"]].assign(
            learner=learner, deviation=frame[f"error_{learner}"] - frame[f"theory_{learner}"]
        )
        for learner in LEARNERS
    ]
    return pd.concat(parts, ignore_index=True)


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed."""
    found = deviations(frame)
    rows = correlate(frame)
    random, smallest = (rows[rows["choice"] == choice] for choice in ("random", "smallest"))
    least = rows["keep_share"].min()
    return {
        "subsets-theory-predicted": found.assign(apart=found["deviation"].abs()).groupby("seed")["apart"].mean(),
        "subsets-theory-consistent": smallest.groupby("seed")["rho_p"].mean() - random.groupby("seed")["rho_p"].mean(),
        "subsets-theory-tenth": smallest[smallest["keep_share"] == least].groupby("seed")["rho_p"].mean()
        - random[random["keep_share"] == least].groupby("seed")["rho_p"].mean(),
    }


ARTEFACT = Artefact(
    "subsets-theory",
    "Subsets of a perceptron's examples",
    "paper C, Appendix F.1",
    grid,
    claim_values,
    rehearsed=lambda arms: arms[:2],
)
