"""The class policies of paper C (Figure 5, Table 1, appendix D) on ImageNet's 1,000 classes.

Every policy runs without a download, but for ERC, which compares models. In `demo` PD sorts by how plain a class is to
human raters, in the other presets by the accuracy of a supervised ViT, which is read from a file. SEC clusters what
raters saw in a class's images; with `paper` the mean features of DINO ViT-B/8, as in the paper.
"""

import math
from dataclasses import replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact, Results
from repro.config import ChooseRun
from repro.runs.record import Record
from repro.stats.verdicts import Estimate

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
CLAIMS = {  # claim -> policy, and the metric that is an estimate over its classes
    "subsets-policies-hard": ("PD-Bottom, printed", "easier"),
    "subsets-policies-bottom-order": ("PD-Bottom, printed", "lead"),
    "subsets-policies-erc-order": ("ERC, printed", "lead"),
}


def grid(preset: str, *, count: int = 100) -> list[Arm]:
    """One arm a policy; without a file of accuracies, in `demo`, all but ERC."""
    arms = []
    for label, run in POLICIES:
        run = replace(run, count=run.count if run.policy in ("all", "printed", "ERC", "NiR") else count)
        if preset != "demo":
            run = replace(run, difficulty="ImageNet-X", draws=DRAWS[preset] if label == "RS" else 0)
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


def estimate_over_classes(frame: pd.DataFrame, policy: str, metric: str) -> Estimate:
    """A metric of a policy that draws nothing, with its interval over classes; n = 0 where it was not measured."""
    rows = frame[frame["policy"] == policy]
    if metric not in rows or rows[metric].isna().all():
        return Estimate(math.nan, math.nan, math.nan, 0)
    row = rows.iloc[0]
    return Estimate(row[metric], row[f"{metric}_low"], row[f"{metric}_high"], int(row["classes"]))


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series | Estimate]:
    """The value each claim is about: an estimate over classes, or one value a seed."""
    values: dict[str, pd.Series | Estimate] = {
        claim: estimate_over_classes(frame, policy, metric) for claim, (policy, metric) in CLAIMS.items()
    }
    by_seed = frame.pivot_table("siblings", "seed", "policy") if "siblings" in frame else pd.DataFrame()
    fewer = by_seed["WEC"] - by_seed["RS"] if len(by_seed) else pd.Series(dtype=float)
    return values | {"subsets-policies-unlike": fewer}


ARTEFACT = Artefact(
    "subsets-policies",
    "Class policies",
    "paper C, Figure 5, Table 1 and appendix D",
    grid,
    claim_values,
)
