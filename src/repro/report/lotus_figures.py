"""Figures of paper B: pruning curves, convergence by epoch and by token, and soups against one-shot pruning."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repro import config, published
from repro.artefacts import lotus_soup
from repro.artefacts.base import Results
from repro.artefacts.shared import lotus
from repro.artefacts.shared.lotus_cost import kept_patches
from repro.config import TrainRun

BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"  # distinct to colour-blind readers
LINES = {"all patches": ("grey", "--"), "LT": (BLUE, "-"), "RC": (ORANGE, "-"), "LT on pruned weights": (GREEN, "-")}


def plot_sparsities(results: Results) -> Figure:
    """Accuracy against one-shot sparsity, as pretrained and fine-tuned; dots are seeds, the hollow mark is the paper's.

    The paper gives no unpruned accuracy, so its mark says nothing of what pruning cost there.
    """
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, axis = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
    frame = results.frame.assign(before=lotus.before(results.frame))
    for column, colour, label in (("before", ORANGE, "as pretrained"), ("accuracy", BLUE, "fine-tuned")):
        draw_line(axis, 100 * frame["pruned"], 100 * frame[column], colour, label)
        whole = 100 * frame[frame["pruned"] == 0][column].mean()
        axis.axhline(whole, color=colour, linestyle=":", linewidth=1)
    paper = published.read_table("lotus").set_index("what")["value"]
    axis.plot(30, 100 * paper["accuracy at 30 % pruned"], "D", color="grey", markerfacecolor="white", label="paper")
    axis.set(xlabel="weights of the blocks pruned, %", ylabel="test accuracy, %", ylim=(0, 100))
    axis.set_title(f"n = {len(results.seeds)}")
    axis.legend(fontsize=8)
    plt.close(figure)
    return figure


def draw_line(axis: Axes, x: pd.Series, y: pd.Series, colour: str, label: str) -> None:
    """Dots for seeds and a line through their means."""
    means = y.groupby(x).mean()
    axis.plot(means.index, means, "-", color=colour, label=label)
    axis.plot(x, y, "o", color=colour, markersize=4)


def plot_convergence(results: Results) -> Figure:
    """Accuracy on whole images by epoch and by token seen, means over seeds; dots are seeds.

    Not by second: runs share a machine, so their seconds cannot be compared.
    """
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    least = min(arm.labels["dropped"] for arm in results.arms if arm.labels["arm"] == "LT")
    for arm in results.arms:
        name = arm.labels["arm"]
        if name in LINES and arm.labels["dropped"] in (0, least):
            assert isinstance(arm.run, TrainRun)
            points = tests_of(results, arm.run)
            colour, style = LINES[name]
            means = points.assign(at=points["epoch"]).groupby("at").mean()
            for axis, x in zip(axes, ("epoch", "tokens"), strict=True):
                axis.plot(means[x], 100 * means["accuracy"], style, color=colour, label=name)
                axis.plot(points[x], 100 * points["accuracy"], "o", color=colour, markersize=3)
    for axis, label in zip(axes, ("epochs", "million tokens"), strict=True):
        axis.set_xlabel(label)
        axis.xaxis.set_major_locator(MaxNLocator(5))
    axes[0].set(ylabel="test accuracy, whole images, %", title=f"n = {len(results.seeds)}")
    axes[0].legend(fontsize=8, title=f"{least:.0%} of patches dropped", title_fontsize=8)
    plt.close(figure)
    return figure


def tests_of(results: Results, run: TrainRun) -> pd.DataFrame:
    """Every test of a run: seed, epoch, million tokens seen, accuracy."""
    rows = results.frame[results.frame["run"] == config.name(run)]
    tokens = run.data.train_images * (kept_patches(run) + 1) / 1e6
    return pd.DataFrame(
        point | {"seed": seed, "tokens": tokens * point["epoch"]}
        for seed, history in zip(rows["seed"], rows["history"], strict=True)
        for point in history
    )


def plot_dropped(results: Results) -> Figure:
    """Accuracy against the share of patches dropped: trained on tickets or random patches, each tested in two ways."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    figure, axis = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
    frame = results.frame
    whole = 100 * frame[frame["arm"] == "all patches"]["accuracy"].mean()
    axis.axhline(whole, color="grey", linestyle="--", label="all patches")
    for arm, colours in (("LT", (BLUE, "#56b4e9")), ("RC", (ORANGE, "#e69f00"))):
        rows = frame[frame["arm"] == arm]
        for metric, colour, said in zip(
            ("accuracy_sparse", "accuracy"), colours, ("tickets", "whole images"), strict=True
        ):
            draw_line(axis, 100 * rows["patch_sparsity"], 100 * rows[metric], colour, f"{arm}, tested on {said}")
    axis.set(xlabel="patches dropped, %", ylabel="test accuracy, %", title=f"n = {len(results.seeds)}")
    axis.legend(fontsize=8)
    plt.close(figure)
    return figure


def plot_soups(results: Results) -> Figure:
    """Accuracy against the sparsity that each mask really has, before and after fine-tuning; one panel each."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    found = lotus_soup.summary(results.frame)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharex=True, sharey=True, layout="constrained")
    styles = dict(zip([a for a in found["arm"].unique() if a not in ("unpruned", "one-shot")], MARKS, strict=False))
    line = found[found["arm"].isin(["unpruned", "one-shot"])]
    for axis, column in zip(axes, ("before", "accuracy"), strict=True):
        draw_line(axis, 100 * line["sparsity"], 100 * line[column], "grey", "one-shot")
        for arm, (marker, colour) in styles.items():
            rows = found[found["arm"] == arm]
            axis.plot(100 * rows["sparsity"], 100 * rows[column], marker, color=colour, markersize=6, label=arm)
        axis.set_xlabel("weights of the blocks pruned, %")
    axes[0].set(title="before fine-tuning", ylabel="test accuracy, %")
    axes[1].set_title(f"after (n = {len(results.seeds)})")
    axes[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    plt.close(figure)
    return figure


MARKS = [
    ("P", "#000000"),
    ("o", BLUE),
    ("v", "#56b4e9"),
    ("<", "#56b4e9"),
    (">", "#56b4e9"),
    ("s", GREEN),
    ("^", "#e69f00"),
    ("X", PINK),
    ("D", ORANGE),
    ("d", "#f0e442"),
]
