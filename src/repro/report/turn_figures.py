"""Figures and tables of effects that turn: what they are at each length of training, and against how good it made."""

import math
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from repro import published
from repro.artefacts.base import Results
from repro.artefacts.weights_turn import VIT, at_recipe, effects
from repro.report.tables import Table, percent, with_interval
from repro.stats.verdicts import estimate

SHOWN = ("LTH − RR", "dense − LTH", "rewound − LTH", "dense for twice as long − LTH")
STYLES = (("#0072b2", "o"), ("#e69f00", "^"), ("#d55e00", "s"))  # distinct to colour-blind readers, and in print
AXES = {"epochs": "epochs of every training", "dense": "accuracy of the dense network, %"}


def plot_effects(results: Results, against: str = "epochs") -> Figure:
    """A row an effect, a column a network: mean and 95 % interval over seeds at each length, the paper's value dashed.

    `against` is `epochs`, on a logarithmic axis, or `dense`, the accuracy that the dense network reaches there.
    """
    sns.set_theme(style="whitegrid", font_scale=0.9)
    found = effects(at_recipe(results.frame))
    networks = list(found["network"].unique())
    size = (1 + 4 * len(networks), 2.3 * len(SHOWN))
    figure, axes = plt.subplots(
        len(SHOWN), len(networks), figsize=size, sharex="col", squeeze=False, layout="constrained"
    )
    for column, network in enumerate(networks):
        rows = found[found["network"] == network]
        for axis, effect in zip(axes[:, column], SHOWN, strict=True):
            draw_effect(axis, rows[rows["effect"] == effect], against)
            axis.set_ylabel("\n".join(wrap(f"{effect}, points", 22)) if not column else "")
        axes[0][column].set_title(f"{network} (n = {rows['seed'].nunique()})")
        axes[0][column].legend(fontsize=8)
        axes[-1][column].set_xlabel(AXES[against])
        if against == "epochs":
            mark_lengths(axes[-1][column], sorted(rows["epochs"].unique()))
    plt.close(figure)
    return figure


def draw_effect(axis: Axes, rows: pd.DataFrame, against: str) -> None:
    """One effect of one network, a line a sparsity."""
    axis.axhline(0, color="grey", linewidth=0.8)
    for (colour, marker), (pruned, group) in zip(STYLES, rows.groupby("pruned"), strict=False):
        lengths = group.groupby("epochs")
        found = [estimate(list(100 * values)) for _, values in lengths["value"]]
        places = list(lengths.groups) if against == "epochs" else 100 * lengths["dense"].mean()
        reach = [0.0 if np.isnan(e.low) else e.high - e.mean for e in found]
        style: dict[str, Any] = {"color": colour, "marker": marker, "capsize": 3, "markersize": 5}
        axis.errorbar(places, [e.mean for e in found], reach, label=f"{percent(pruned)} % pruned", **style)
        if (paper := printed(group)) is not None:
            axis.axhline(100 * paper, color=colour, linestyle="--", linewidth=0.8)


def mark_lengths(axis: Axes, epochs: list[float]) -> None:
    """A logarithmic axis with a tick at every length of training."""
    axis.set_xscale("log")
    axis.set_xticks(epochs, [f"{length:g}" for length in epochs])
    axis.xaxis.set_minor_locator(NullLocator())


def printed(group: pd.DataFrame) -> float | None:
    """The paper's value of one effect of one network and sparsity; None where it prints none."""
    first = group.iloc[0]
    if first["network"] == VIT:
        paper, name = published.read_table("table1"), "nominal_sparsity"
    else:
        paper, name = published.read_table("table2"), "sparsity"
    rows = paper[(paper[name] - first["pruned"]).abs() < 0.001]
    plain, rewound = (rows[rows["rewound"] == way].mean(numeric_only=True) for way in (False, True))
    values = {
        "LTH − RR": plain["lth"] - plain["rr"],
        "dense − LTH": paper["lth"].iloc[0] - plain["lth"],
        "rewound − LTH": rewound["lth"] - plain["lth"],
    }
    value = values.get(first["effect"], math.nan)
    return None if math.isnan(value) else float(value)


def compare_lengths(results: Results) -> Table:
    """One line an effect, network, learning rate and sparsity: the paper's value and ours at each length."""
    rows = effects(results.frame)
    lengths = sorted(rows["epochs"].unique())
    keys = ["network", "effect", "learning_rate", "pruned"]
    return Table(
        line(dict(zip(keys, key, strict=True)), group, lengths) for key, group in rows.groupby(keys, sort=False)
    )


def line(row: dict[str, Any], group: pd.DataFrame, lengths: list[float]) -> dict[str, str]:
    """One line of that table."""
    paper = printed(group)
    cells = {"network": row["network"], "effect": row["effect"], "rate": f"{row['learning_rate']:g}"}
    cells |= {"pruned, %": percent(row["pruned"]), "paper": "–" if paper is None else percent(paper, signed=True)}
    for length in lengths:
        values = group[group["epochs"] == length]["value"]
        cells[f"{length:g} epochs"] = (
            f"{with_interval(values, signed=True)} (n = {len(values)})" if len(values) else "–"
        )
    return cells


def list_controls(results: Results) -> Table:
    """One line a network, rate, sparsity and length: what each network knows before its first step, and the overlap."""
    return Table(control_lines(results.frame))


def control_lines(frame: pd.DataFrame) -> Iterator[dict[str, str]]:
    """The lines of that table."""
    keys = ["network", "learning_rate", "pruned", "epochs"]
    for key, group in frame[frame["arm"] != "dense"].groupby(keys, sort=False):
        network, rate, pruned, epochs = key if isinstance(key, tuple) else (key,)
        arms = dict(list(group.groupby("arm")))
        yield {
            "network": network,
            "rate": f"{rate:g}",
            "pruned, %": percent(pruned),
            "epochs": f"{epochs:g}",
            "step 0: LTH": with_interval(arms["LTH, step 0"]["accuracy"]),
            "step 0: RR": with_interval(arms["RR, step 0"]["accuracy"]),
            "overlap: LTH": with_interval(arms["LTH, step 0"]["overlap"].dropna()),
            "rewound": with_interval(arms["rewound"]["overlap"].dropna()),
            "by chance": percent(1 - arms["LTH, step 0"]["sparsity"].mean()),
            "n": str(group["seed"].nunique()),
        }
