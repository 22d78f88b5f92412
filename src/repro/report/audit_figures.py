"""Figures of the audit: how far printed numbers are from recomputed ones, and what rounding leaves of Table 13."""

from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.artefacts.base import Results
from repro.report.audit_tables import checks, record_of

STYLES = {  # colour distinct to colour-blind readers, marker
    "agrees": ("#0072b2", "o"),
    "agrees within rounding": ("#009e73", "^"),
    "differs": ("#d55e00", "s"),
    "impossible": ("#cc79a7", "X"),
}
TABLE_13 = "Table 13"


def plot_deviations(results: Results) -> Figure:
    """Recomputed − printed of every check that is a number, in units of the last printed digit, one panel a paper.

    Bars are what rounding of the inputs allows. Within half a unit, the band, a number agrees.
    """
    sns.set_theme(style="whitegrid", font_scale=0.9)
    rows = [row for row in checks(results) if row["numbers"]]
    papers = list(dict.fromkeys(row["paper"] for row in rows))
    widths = [8 + sum(row["paper"] == paper for row in rows) for paper in papers]
    figure, axes = plt.subplots(
        1, len(papers), figsize=(9.5, 4.6), sharey=True, squeeze=False, layout="constrained", width_ratios=widths
    )
    for axis, paper in zip(axes[0], papers, strict=True):
        draw_deviations(axis, [row for row in rows if row["paper"] == paper])
        axis.set(title=f"paper {paper}", xticks=[])
    axes[0][0].set_ylabel("recomputed − printed,\nunits of the last digit")
    handles = {text: line for axis in axes[0] for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), fontsize=8)
    plt.close(figure)
    return figure


def draw_deviations(axis: Axes, rows: list[dict[str, Any]]) -> None:
    """The checks of one paper, in their order; one that does not agree bears its place."""
    axis.axhspan(-0.5, 0.5, color="grey", alpha=0.2)
    axis.set_yscale("symlog", linthresh=1)
    for place, row in enumerate(rows):
        numbers, (colour, marker) = row["numbers"], STYLES[row["verdict"]]
        unit = 2 * numbers["half_unit"]
        middle, low, high = ((numbers[k] - numbers["printed"]) / unit for k in ("recomputed", "low", "high"))
        axis.vlines(place, low, high, color=colour, linewidth=1.2, alpha=0.6)
        axis.plot(place, middle, marker, color=colour, markersize=5, label=row["verdict"])
        if row["verdict"] not in ("agrees", "agrees within rounding"):
            name_point(axis, row["where"].partition(", ")[2], place, middle)
    axis.set_xlim(-2, len(rows) + 3)
    axis.set_yticks(ticks := [-1000, -100, -10, -1, 0, 1, 10, 100, 1000], [f"{tick:,}" for tick in ticks])


def name_point(axis: Axes, text: str, place: int, height: float) -> None:
    """Write beside a point, slanting away from zero, so that the names of neighbours do not meet."""
    up = 1 if height > 0 else -1
    side = "bottom" if up > 0 else "top"
    more: dict[str, Any] = {"rotation": 40 * up, "rotation_mode": "anchor", "ha": "left", "va": side, "fontsize": 7}
    axis.annotate(text, (place, height), (4, 4 * up), textcoords="offset points", **more)


def plot_ranges(results: Results) -> Figure:
    """ρ_p of Table 13 as printed, and all values it may have had before the accuracies were rounded."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    record = record_of(results, "C")
    rows = [row for row in record.details["rows"] if row["where"].startswith(f"C, {TABLE_13},") and row["numbers"]]
    needed = next(limit for limit in record.details["limits"] if limit["table"] == TABLE_13)["critical_rho_p"]
    figure, axis = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
    for place, row in enumerate(rows):
        name, numbers = row["about"].rpartition(" ")[2], row["numbers"]
        colour = "#d55e00" if name.startswith("LT") else "#0072b2"
        axis.hlines(place, numbers["low"], numbers["high"], color=colour, linewidth=5, alpha=0.4)
        axis.plot(numbers["printed"], place, "o", color=colour)
    axis.axvline(needed, color="grey", linestyle="--", label=f"differs from 0 at 5 %, n = 4: {needed:.3f}")
    axis.set_yticks(range(len(rows)), [row["about"].rpartition(" ")[2] for row in rows])
    axis.invert_yaxis()
    axis.set(xlabel="ρ_p with the full data", xlim=(0, 1.02))
    axis.legend(fontsize=8, loc="lower left")
    plt.close(figure)
    return figure
