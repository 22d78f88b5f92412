"""Figure 1 of paper A: the three paths on real images, with what a selector keeps stage by stage and what chance keeps.

A figure and no claim; what can be measured is how far two selectors that differ by their seed agree on an image.
"""

from itertools import combinations, product

import pandas as pd

from repro.artefacts.base import Arm, Artefact, Results
from repro.artefacts.shared.patches import KEEP_RATES, SIZES, dense_run
from repro.config import ShowRun


def grid(preset: str, *, keep_rates: tuple[float, ...] = KEEP_RATES) -> list[Arm]:
    """The first test images under every selector of Figure 3, at every keep rate."""
    size = SIZES[preset]
    return [
        Arm(
            {"model": name, "keep_rate": rate},
            ShowRun(dense_run(size.data, model, size.training, size.early_epoch), rate, data=size.data),
        )
        for (name, model), rate in product(size.models.items(), keep_rates)
    ]


def agreement(results: Results) -> pd.DataFrame:
    """Share of a ticket that two selectors of different seeds have in common, one row a model, keep rate and pair.

    `chance` is what two random tickets of that size share. No rows for fewer than two seeds.
    """
    by_name = {(r.name, r.seed): r for r in results.records}
    rows = []
    for row, (one, other) in product(results.frame.itertuples(), combinations(results.seeds, 2)):
        if row.seed == one:
            first, second = by_name[row.run, one], by_name[row.run, other]
            shared = [
                len(set(a["stages"][-1]) & set(b["stages"][-1])) / len(a["stages"][-1])
                for a, b in zip(first.details["examples"], second.details["examples"], strict=True)
            ]
            chance = 1 - first.metrics["patch_sparsity"]
            labels = {"model": row.model, "keep_rate": row.keep_rate, "pair": f"{one}, {other}"}
            rows.append(labels | {"shared": sum(shared) / len(shared), "chance": chance})
    return pd.DataFrame(rows, columns=["model", "keep_rate", "pair", "shared", "chance"])


ARTEFACT = Artefact("figure1", "The three paths", "paper A, Figure 1", grid, rehearsed=lambda arms: arms[:1])
