"""Appendix F.1 of paper C: students of a perceptron teacher, trained on a subset by the margin along a probe.

The appendix states no size, no result and no configuration; it ends in the middle of a sentence. So the sizes here are
ours, and so is what is tested: whether the errors of five learning rules on the subset rank these rules as the errors
on all examples do, better than on as many random examples.
"""

from collections.abc import Sequence
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
TENTH = KEEP_SHARES[0]
EXAMPLES_PER_WEIGHT = 8.0  # before selection; the sign of what a tenth gains depends on it
LOADS = (4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 20.0, 24.0, 32.0, 40.0)  # examples a weight of the curve from theory
ANGLES = (0.0, 30.0, 60.0)  # degrees between probe and teacher
LARGEST_ANGLE = 30.0  # of the control that keeps the largest margins
SIZES = {  # weights of a student, draws of examples a seed
    "demo": (100, 4),
    "pocket": (200, 10),
    "gpu": (400, 10),
    "paper": (1000, 10),
}


def grid(
    preset: str, *, keep_shares: tuple[float, ...] = KEEP_SHARES, examples_per_weight: float = EXAMPLES_PER_WEIGHT
) -> list[Arm]:
    """All examples; and for every keep share random ones, the smallest margins at every angle, the largest at one."""
    dimensions, draws = SIZES[preset]
    whole = PerceptronRun(dimensions=dimensions, draws=draws, examples_per_weight=examples_per_weight)
    subsets: list[tuple[MarginChoice, float]] = [("random", 0.0), ("largest", LARGEST_ANGLE)]
    subsets += [("smallest", angle) for angle in ANGLES]
    runs = [whole]
    for (choice, angle), share in product(subsets, keep_shares):
        runs.append(replace(whole, choice=choice, keep_share=share, probe_angle=angle))
    said = {"examples_per_weight": examples_per_weight}
    return [Arm({name: getattr(run, name) for name in LABELS} | said, run) for run in runs]


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
    found, rows = deviations(frame), correlate(frame)
    tenth = rows[(rows["keep_share"] == TENTH) & (rows["examples_per_weight"] == EXAMPLES_PER_WEIGHT)]
    return {
        "subsets-theory-predicted": found.assign(apart=found["deviation"].abs()).groupby("seed")["apart"].mean(),
        "subsets-theory-consistent": gain(rows),
        "subsets-theory-tenth": gain(tenth),
    }


def gain(rows: pd.DataFrame) -> pd.Series:
    """ρ_p of the smallest margins less that of random examples, means over keep shares and probes, one value a seed."""
    smallest, random = (
        rows[rows["choice"] == choice].groupby("seed")["rho_p"].mean() for choice in ("smallest", "random")
    )
    return smallest - random


def tenth_by_theory(loads: Sequence[float] = LOADS) -> pd.DataFrame:
    """What the smallest margins gain on random examples at a tenth, by theory: one row a number of examples a weight.

    `gain` is the mean over the probes, beside it the gain of each, by its angle in degrees; in ρ_p.
    """
    return pd.DataFrame({"examples_per_weight": load} | predicted_gains(load) for load in loads)


def predicted_gains(load: float) -> dict[str, float]:
    """The gains at one number of examples a weight."""
    from repro.procedures.simulate import predict

    whole = PerceptronRun(examples_per_weight=load)
    full = list(predict(whole).values())

    def follow(choice: MarginChoice, angle: float = 0.0) -> float:
        errors = predict(replace(whole, choice=choice, keep_share=TENTH, probe_angle=angle))
        return agreement.pearson(full, list(errors.values()))

    random = follow("random")
    gains = {f"{angle:g}": follow("smallest", angle) - random for angle in ANGLES}
    return {"gain": sum(gains.values()) / len(gains)} | gains


ARTEFACT = Artefact(
    "subsets-theory",
    "Subsets of a perceptron's examples",
    "paper C, Appendix F.1",
    grid,
    claim_values,
    rehearsed=lambda arms: arms[:2],
)
