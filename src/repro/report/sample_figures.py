"""Figures of sample tickets: accuracy trends and correlations of Table 13, the perceptron's errors and correlations."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro import published
from repro.artefacts import subsets_theory
from repro.artefacts.base import Results
from repro.artefacts.subsets_table13 import ACCURACIES, CONFIGURATIONS, correlate, correlate_full
from repro.audit.ranks import critical_pearson
from repro.report.sample_tables import ROWS, name_subset
from repro.stats.verdicts import estimate

COLOURS = {  # distinct to colour-blind readers
    "full": "#888888",
    "random": "#d55e00",
    "stratified": "#e69f00",
    "ordered": "#0072b2",
    "agreed": "#56b4e9",
    "ordered out of fold": "#009e73",
}
MARKERS = dict(zip(COLOURS, "DsvoP^", strict=True))
SHORT = {
    "random": "RS",
    "stratified": "RS,\nstratified",
    "ordered": "ordered",
    "agreed": "agreed",
    "ordered out of fold": "ordered,\nout of fold",
}
SUBSETS = {  # choice and angle: colour, marker
    ("random", 0.0): ("#d55e00", "s"),
    ("smallest", 0.0): ("#0072b2", "o"),
    ("smallest", 30.0): ("#56b4e9", "^"),
    ("smallest", 60.0): ("#009e73", "v"),
    ("largest", 30.0): ("#cc79a7", "D"),
}


def plot_subsets(results: Results) -> Figure:
    """Table 13 here: the trend over the four configurations, and ρ_p of every subset with the full row of its seed."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), width_ratios=(2, 3), layout="constrained")
    _plot_trends(left, results.frame)
    _plot_correlations(right, results.frame)
    plt.close(figure)
    return figure


def _plot_trends(axis: Axes, frame: pd.DataFrame) -> None:
    """Accuracy of each configuration less the row's mean; the paper's full row is dashed."""
    for policy, colour in COLOURS.items():
        row = 100 * frame[frame["policy"] == policy][ACCURACIES].mean()
        axis.plot(CONFIGURATIONS, row - row.mean(), "-", marker=MARKERS[policy], color=colour, label=policy)
    printed = 100 * published.read_table("subsets-table13").iloc[0][["C1", "C2", "C3", "C4"]].astype(float)
    axis.plot(CONFIGURATIONS, printed - printed.mean(), "--", color="black", label="full, paper")
    axis.set(title="trend", ylabel="accuracy − mean of the row, points")
    _put_legend_below(axis, columns=3)


def _plot_correlations(axis: Axes, frame: pd.DataFrame) -> None:
    """ρ_p of every draw and seed as dots, the mean over seeds with its interval, the paper's rows hollow."""
    rows = correlate(frame)
    printed = published.read_table("subsets-table13").iloc[1:]
    for place, policy in enumerate(ROWS):
        group = rows[rows["policy"] == policy]
        shift = np.linspace(-0.12, 0.12, len(group))
        axis.plot(place + shift, group["rho_p"], ".", color=COLOURS[policy], alpha=0.6, markersize=5)
        _plot_interval(axis, place + 0.22, group.groupby("seed")["rho_p"].mean(), COLOURS[policy], MARKERS[policy])
        if policy != "stratified":
            paper = printed[printed["subset"].str.startswith("RS" if policy == "random" else "LT")]
            style: dict[str, Any] = {
                "marker": "s",
                "linestyle": "none",
                "color": "black",
                "markerfacecolor": "none",
                "markersize": 5,
            }
            axis.plot([place - 0.25] * len(paper), paper["rho_p"], **style, label="paper" if not place else None)
    own = correlate_full(frame)["rho_p"]
    if len(own):
        axis.axhline(own.mean(), color="grey", linestyle="--", label="full row with those of other seeds, mean")
    axis.axhline(critical_pearson(4), color="grey", linestyle=":", label="critical for n = 4, 5 %")
    axis.set(title=f"correlation with the full row ({rows['seed'].nunique()} seeds)", ylabel="ρ_p", ylim=(-1.05, 1.05))
    axis.set_xticks(range(len(ROWS)), [SHORT[policy] for policy in ROWS])
    _put_legend_below(axis, columns=3)


def _put_legend_below(axis: Axes, columns: int) -> None:
    """The legend under the panel, where it hides no point."""
    axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncol=columns)


def _plot_interval(axis: Axes, place: float, values: pd.Series, colour: str, marker: str) -> None:
    """Mean of one value a seed and its 95 % interval, where there is one."""
    found = estimate(list(values.dropna()))
    half = 0.0 if found.n < 2 else found.high - found.mean
    axis.errorbar(place, found.mean, half, fmt=marker, color=colour, capsize=3, markersize=6)


def plot_errors(results: Results, learner: str = "margin") -> Figure:
    """Test error of a learner, and ρ_p of all learners' errors, against the share kept: simulation and theory."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    frame = results.frame.assign(error=100 * results.frame[f"error_{learner}"])
    _plot_lines(left, frame, frame.assign(error=100 * frame[f"theory_{learner}"]), "error")
    whole = frame[frame["choice"] == "all"]["error"].mean()
    left.plot([100], [whole], "*", color="grey", markersize=10, label="all examples")
    left.set(title=f"student: {subsets_theory.LEARNERS[learner]}", ylabel="test error, %")
    _plot_lines(right, subsets_theory.correlate(frame), subsets_theory.correlate(frame, "theory"), "rho_p")
    right.set(title="all learners: correlation with all examples", ylabel="ρ_p of the errors")
    left.legend(fontsize=7)
    plt.close(figure)
    return figure


def _plot_lines(axis: Axes, simulated: pd.DataFrame, predicted: pd.DataFrame, column: str) -> None:
    """Dots with intervals for the simulation, lines for the theory, one colour a subset."""
    for shift, ((choice, angle), (colour, marker)) in zip((0.94, 0.97, 1, 1.03, 1.06), SUBSETS.items(), strict=True):
        line, dots = (
            frame[(frame["choice"] == choice) & (frame["probe_angle"] == angle)] for frame in (predicted, simulated)
        )
        theory = line.groupby("keep_share")[column].mean()
        axis.plot(100 * shift * theory.index, theory, "-", color=colour, label=name_subset(choice, angle))
        for share, values in dots.groupby("keep_share")[column]:
            _plot_interval(axis, 100 * share * shift, values, colour, marker)
    axis.set_xscale("log")
    shares = sorted({100.0, *(100 * simulated["keep_share"])})
    axis.set_xticks(shares, [f"{share:g}" for share in shares])
    axis.minorticks_off()
    axis.set_xlabel("examples kept, %")


def plot_tenth() -> Figure:
    """What a tenth of smallest margins gains on a random tenth, by theory, against the examples a weight."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
    curve = subsets_theory.tenth_by_theory().set_index("examples_per_weight")
    for angle in subsets_theory.ANGLES:
        colour, marker = SUBSETS["smallest", angle]
        axis.plot(curve.index, curve[f"{angle:g}"], "-", marker=marker, color=colour, label=f"probe at {angle:g}°")
    axis.plot(curve.index, curve["gain"], "-", color="black", linewidth=2.5, label="mean over the probes")
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.axvline(subsets_theory.EXAMPLES_PER_WEIGHT, color="grey", linestyle=":", label="condition of the claim")
    axis.set(xlabel="examples a weight, before selection", ylabel="ρ_p, smallest margins − random")
    axis.legend(fontsize=7)
    plt.close(figure)
    return figure
