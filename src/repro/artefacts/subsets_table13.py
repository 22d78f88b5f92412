"""Tables 12 and 13 of paper C: do subsets of AG News rank four training configurations as all of it does?

Each row trains the configurations C1 to C4 on a tenth of the texts. The paper says of its tickets only that they are
consistent samples, so two readings are here (see tickets.samples), and the first once more with losses out of fold: of
models that were not trained on the text. The baseline is random choice, plain and with the classes in their shares.
"""

from itertools import combinations

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.config import SampleChoice, SampleTicket, TextRun, Texts
from repro.stats import agreement
from repro.stats.exchange import beyond_chance, lead

SHARE = 0.1  # of the texts in a subset
CONFIGURATIONS = ("C1", "C2", "C3", "C4")
ACCURACIES = [f"accuracy_{name}" for name in CONFIGURATIONS]
RANDOM_DRAWS, TICKET_DRAWS = 5, 2  # RS-0 to RS-4, LT-0 and LT-1
READINGS = ("ordered", "agreed", "ordered out of fold")


TEXTS = {  # how big a preset is
    "demo": Texts("glosses", 6000, 2000),
    "pocket": Texts("ag-news-10k"),
    "gpu": Texts("ag-news"),
    "paper": Texts("ag-news"),
}


def grid(preset: str, *, share: float = SHARE) -> list[Arm]:
    """The full row, random rows, and the ticket rows of every reading."""
    full = TextRun(TEXTS[preset])
    halves = (TextRun(full.texts, half=1), TextRun(full.texts, half=2))
    policies: dict[str, tuple[SampleChoice, int, tuple[TextRun, ...]]] = {
        "random": ("random", RANDOM_DRAWS, ()),
        "stratified": ("stratified", TICKET_DRAWS, ()),
        "ordered": ("ordered", TICKET_DRAWS, (full,)),
        "agreed": ("agreed", TICKET_DRAWS, (full,)),
        "ordered out of fold": ("ordered", TICKET_DRAWS, halves),
    }
    arms = [Arm({"policy": "full", "draw": 0}, full)]
    for policy, (choice, draws, sources) in policies.items():
        for draw in range(draws):
            ticket = SampleTicket(choice, draw, share, sources)
            arms.append(Arm({"policy": policy, "draw": draw}, TextRun(full.texts, ticket=ticket)))
    return arms


def full_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The accuracies on all texts, one row a seed."""
    return frame[frame["policy"] == "full"].set_index("seed")[ACCURACIES]


def correlate(frame: pd.DataFrame, full: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row a subset and seed: ρ_p and ρ_s with a full row, and the regret of choosing by the subset.

    `full` has a row a seed, without it that seed's own.
    """
    full = full_rows(frame) if full is None else full
    rows = []
    for row in frame[frame["policy"] != "full"].to_dict("records"):
        rows.append(row | compare(full.loc[row["seed"]].tolist(), [row[name] for name in ACCURACIES]))
    return pd.DataFrame(rows)


def compare(full: list[float], subset: list[float]) -> dict[str, float]:
    """ρ_p, ρ_s and regret of one row of accuracies against another."""
    return {
        "rho_p": agreement.pearson(full, subset),
        "rho_s": agreement.spearman(full, subset),
        "regret": agreement.regret(full, subset),
    }


def full_of_others(frame: pd.DataFrame) -> pd.DataFrame:
    """For each seed the mean full row of the other seeds, whose losses chose none of its tickets; empty for one."""
    full = full_rows(frame)
    return pd.DataFrame({seed: full.drop(seed).mean() for seed in full.index if len(full) > 1}).T


def correlate_full(frame: pd.DataFrame) -> pd.DataFrame:
    """The same of each seed's full row with the mean of the others': how well all of the data agrees with itself."""
    full, others = full_rows(frame), full_of_others(frame)
    rows = [{"seed": seed} | compare(others.loc[seed].tolist(), full.loc[seed].tolist()) for seed in others.index]
    return pd.DataFrame(rows, columns=["seed", "rho_p", "rho_s", "regret"])


def spread(values: pd.Series) -> float:
    """Mean distance of two draws, which does not grow with their number as a range does."""
    pairs = [abs(one - other) for one, other in combinations(values, 2)]
    return sum(pairs) / len(pairs)


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed: ρ_p of the tickets of a reading against that of the random rows."""
    groups = correlate(frame).groupby(["policy", "seed"])["rho_p"]
    mean, apart, each = groups.mean(), groups.agg(spread), groups.agg(list).unstack("policy")
    found = {}
    for reading in READINGS:
        name = f"subsets-table13-{reading.replace(' ', '-')}"
        found[f"{name}-gap"] = mean[reading] - mean["random"]
        if reading != READINGS[-1]:  # the two readings of the paper
            leads = [beyond_chance(*pair, lead) for pair in zip(each[reading], each["random"], strict=True)]
            found[f"{name}-ahead"] = pd.Series(leads, each.index)
            found[f"{name}-spread"] = apart[reading] - apart["random"]
    return found


ARTEFACT = Artefact(
    "subsets-table13",
    "Subsets of AG News",
    "paper C, Tables 12 and 13",
    grid,
    claim_values,
    rehearsed=lambda arms: [arms[0], arms[1], arms[-1]],
)
