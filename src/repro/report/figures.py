"""Figures of a page, drawn by matplotlib; legible on a light and on a dark page."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro import stats

COLOURS = {"LTH": "#0072b2", "RR": "#d55e00"}  # distinct to colour-blind readers
MARKERS = {"LTH": "o", "RR": "s"}


def plot_tickets(frame: pd.DataFrame, paper: pd.DataFrame, x: str, label: str) -> Figure:
    """Accuracy against sparsity, LTH and RR, without and with rewinding; the paper's values hollow and dashed.

    `x` is the column of sparsities that the frame and the published table share. Dots are seeds, lines their mean.
    """
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for axis, rewound, title in zip(axes, (False, True), ("without rewinding", "with rewinding"), strict=True):
        for arm in COLOURS:
            _plot_paper(axis, paper[paper["rewound"] == rewound], arm, x)
            _plot_ours(axis, frame[(frame["rewound"] == rewound) & (frame["arm"] == arm)], arm, x)
        axis.set(title=title, xlabel=label)
    axes[0].set_ylabel("test accuracy, %")
    axes[0].legend(fontsize=8)
    plt.close(figure)
    return figure


def _plot_paper(axis: Axes, paper: pd.DataFrame, arm: str, x: str) -> None:
    style: dict[str, Any] = {"color": COLOURS[arm], "marker": MARKERS[arm], "alpha": 0.6}
    axis.plot(100 * paper[x], 100 * paper[arm.lower()], "--", markerfacecolor="white", label=f"{arm}, paper", **style)


def _plot_ours(axis: Axes, ours: pd.DataFrame, arm: str, x: str) -> None:
    if ours.empty:
        return
    groups = ours.groupby(x)["accuracy"]
    found = groups.apply(lambda values: stats.estimate(list(values)))
    n = len(next(iter(groups))[1])
    means = [100 * e.mean for e in found]
    axis.plot(100 * found.index, means, "-", color=COLOURS[arm], label=f"{arm}, here (n = {n})")
    axis.plot(100 * ours[x], 100 * ours["accuracy"], MARKERS[arm], color=COLOURS[arm], markersize=4)
