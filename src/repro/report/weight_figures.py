"""Figures of weight tickets: accuracy against the weights left."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from repro.artefacts.base import Results
from repro.artefacts.table2 import at_first_rate
from repro.report.networks import describe_model
from repro.report.tables import first_training

COLOURS = {"LTH": "#0072b2", "RR": "#d55e00"}  # distinct to colour-blind readers
MARKERS = {"LTH": "o", "RR": "s"}


def plot_tickets(results: Results, paper: pd.DataFrame, x: str) -> Figure:
    """Accuracy against the share of weights left, LTH and RR, without and with rewinding; the paper's values beside.

    `x` is the column of sparsities that the frame and the published table share. Dots are seeds, lines their mean, the
    paper's values are hollow and dashed, and a dotted line is our dense network. Of several learning rates the first.
    """
    frame = at_first_rate(results.frame) if "learning_rate" in results.frame else results.frame
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True, layout="constrained")
    for axis, rewound, title in zip(axes, (False, True), ("without rewinding", "with rewinding"), strict=True):
        for arm in COLOURS:
            _plot_paper(axis, paper[paper["rewound"] == rewound], arm, x)
            _plot_ours(axis, frame[(frame["rewound"] == rewound) & (frame["arm"] == arm)], arm, x)
        dense = 100 * frame[frame[x] == 0]["accuracy"].mean()
        axis.axhline(dense, color="grey", linestyle=":", label="dense, here")
        axis.set(title=title, xlabel="weights left, %")
        _set_share_axis(axis, sorted({*frame[x].round(3), *paper[x].round(3)}))
    figure.suptitle(f"here: {describe_model(first_training(results).model)}", fontsize=10)
    axes[0].set_ylabel("test accuracy, %")
    axes[0].legend(fontsize=8)
    plt.close(figure)
    return figure


def _set_share_axis(axis: Axes, sparsities: list[float]) -> None:
    """A logarithmic axis of the weights left, dense at the left, with a tick at every sparsity."""
    axis.set_xscale("log")
    axis.set_xticks(left := [100 * (1 - s) for s in sparsities], [f"{share:.3g}" for share in left], rotation=45)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(110, 0.85 * min(left))


def _plot_paper(axis: Axes, paper: pd.DataFrame, arm: str, x: str) -> None:
    style: dict[str, Any] = {"color": COLOURS[arm], "marker": MARKERS[arm], "alpha": 0.6, "markerfacecolor": "white"}
    axis.plot(100 * (1 - paper[x]), 100 * paper[arm.lower()], "--", label=f"{arm}, paper", **style)


def _plot_ours(axis: Axes, ours: pd.DataFrame, arm: str, x: str) -> None:
    groups = ours.groupby(x)["accuracy"]
    means, n = groups.mean(), ours["seed"].nunique()
    axis.plot(100 * (1 - means.index), 100 * means, "-", color=COLOURS[arm], label=f"{arm}, here (n = {n})")
    axis.plot(100 * (1 - ours[x]), 100 * ours["accuracy"], MARKERS[arm], color=COLOURS[arm], markersize=4)
