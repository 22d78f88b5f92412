"""The class policies of paper C (Figure 5, Table 1, appendix D) on ImageNet's 1,000 classes.

Every policy runs without a download, but for ERC, which compares models. In `demo` PD sorts by how plain a class is to
human raters, in the other presets by the accuracy of a supervised ViT, which is read from a file. SEC clusters what
raters saw in a class's images; with `paper` the mean features of DINO ViT-B/8, as in the paper.
"""

import math
from dataclasses import replace

import pandas as pd

from repro.artefacts.base import NOT_RUN, Arm, Artefact, Results
from repro.config import ChooseRun
from repro.runs.record import Record
from repro.stats.verdicts import Exact

DRAWS = {"pocket": 2000, "gpu": 5000, "paper": 5000}  # random tickets tried on the models
POLICIES = (
    ("all classes", ChooseRun("all")),
    ("PD-Bottom, printed", ChooseRun("printed", "PD-Bottom")),
    ("ERC, printed", ChooseRun("printed", "ERC")),
    ("RS", ChooseRun("RS")),
    ("ERC", ChooseRun("ERC", difficulty="ImageNet-X")),
    ("ERC, ties allowed", ChooseRun("ERC", "ties allowed", difficulty="ImageNet-X")),
    ("PD-Top", ChooseRun("PD-Top")),
    ("PD-Mid", ChooseRun("PD-Mid")),
    ("PD-Bottom", ChooseRun("PD-Bottom")),
    ("PD-Uniform", ChooseRun("PD-Uniform")),
    ("WNH, literal", ChooseRun("WNH")),
    ("WNH, balanced", ChooseRun("WNH", "balanced")),
    ("WEC", ChooseRun("WEC")),
    ("WEC, k-means", ChooseRun("WEC", "k-means")),
    ("SEC", ChooseRun("SEC")),
    ("NiR", ChooseRun("NiR")),
)
WHOLE = ("all classes", "NiR")  # these keep every class
DRAWN = ("RS", "ERC, ties allowed", "WEC", "WEC, k-means", "SEC")  # these draw or start at random
COMPARED = ("RS", "PD-Bottom, printed", "ERC, printed")  # with random tickets as large


def grid(preset: str, *, count: int = 100) -> list[Arm]:
    """One arm a policy; without a file of accuracies, in `demo`, all but ERC."""
    arms = []
    for label, run in POLICIES:
        run = replace(run, count=run.count if run.policy in ("all", "printed", "ERC", "NiR") else count)
        if preset != "demo":
            run = replace(run, difficulty="ImageNet-X", draws=DRAWS[preset] if label in COMPARED else 0)
        if preset == "paper" and run.policy == "SEC":
            run = replace(run, features="file")
        if preset != "demo" or run.policy != "ERC":
            arms.append(Arm({"policy": label}, run))
    return arms


def tickets(results: Results) -> dict[str, Record]:
    """Records of the first seed by policy, in the order of the grid."""
    by_name = {(r.name, r.seed): r for r in results.records}
    first = results.frame[results.frame["seed"] == results.seeds[0]]
    return {row.policy: by_name[row.run, row.seed] for row in first.itertuples()}


def overlaps(results: Results) -> pd.DataFrame:
    """Share of the row's classes that the column has too, over chance; NaN on the diagonal. First seed.

    Chance is the share of all classes that the column keeps. Policies that keep every class are left out.
    """
    kept = {policy: set(r.details["kept"]) for policy, r in tickets(results).items() if policy not in WHOLE}
    total = len(tickets(results)["all classes"].details["kept"])
    return pd.DataFrame(
        {
            column: {
                row: math.nan if row == column else len(one & other) / (len(one) * len(other) / total)
                for row, one in kept.items()
            }
            for column, other in kept.items()
        }
    )


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series | Exact]:
    """The value each claim is about: one a seed where a policy draws, exact where the paper prints the classes."""
    siblings = frame.pivot_table("siblings", "seed", "policy") if "siblings" in frame else None
    return {
        "subsets-policies-hard": easier(measured(frame, "PD-Bottom, printed", "easier")),
        "subsets-policies-bottom-chance": reached_at_random(measured(frame, "PD-Bottom, printed", "draws")),
        "subsets-policies-erc-chance": reached_at_random(measured(frame, "ERC, printed", "draws")),
        "subsets-policies-unlike": NOT_RUN if siblings is None else siblings["WEC"] - siblings["RS"],
    }


def measured(frame: pd.DataFrame, policy: str, metric: str) -> pd.Series | None:
    """The first row of a policy; None where a metric of it was not measured."""
    rows = frame[frame["policy"] == policy]
    return None if metric not in rows or rows[metric].isna().all() else rows.iloc[0]


def easier(row: pd.Series | None) -> Exact | pd.Series:
    """How much easier the classes of a ticket are to the models than all others."""
    if row is None:
        return NOT_RUN
    inside = row.filter(like="accuracy_").astype(float).mean()
    others = inside - row["easier"]
    return Exact(
        row["easier"], f"{100 * inside:.1f} % on {row['classes']:.0f} classes, {100 * others:.1f} % on the others"
    )


def reached_at_random(row: pd.Series | None) -> Exact | pd.Series:
    """Share of random tickets as large on which the models are at least as far apart as on this one."""
    if row is None:
        return NOT_RUN
    share = row["lead_reached_at_random"]
    kept = f"{100 * row['order_kept_at_random']:.0f} % keep the order at all"
    return Exact(share, f"{share * row['draws']:.0f} of {row['draws']:,.0f} random tickets; {kept}")


ARTEFACT = Artefact(
    "subsets-policies",
    "Class policies",
    "paper C, Figure 5, Table 1 and appendix D",
    grid,
    claim_values,
)
