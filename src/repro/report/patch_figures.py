"""Figures of patch tickets: accuracy against sparsity, and what selector, chance and painting make of real images."""

import base64
import io
import os
from textwrap import wrap
from typing import Any, get_args

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from repro import published
from repro.artefacts.base import Results
from repro.artefacts.figure3_turn import gaps
from repro.artefacts.shared.patches import lines, paint
from repro.config import Fill
from repro.report.networks import headings
from repro.report.tables import Note
from repro.runs.record import Record

STYLES = {  # name, colour distinct to colour-blind readers, marker
    "LT sparse": ("#0072b2", "o"),
    "LT dense": ("#56b4e9", "^"),
    "RC dense": ("#e69f00", "v"),
    "RC sparse": ("#d55e00", "s"),
}
SHOWN_RATE = 0.8  # keep rate of Figure 1's images, where it is there
FADED = 0.25  # of a dropped patch that still shows
TINT = np.array([86, 140, 196])  # colour that dropped patches fade to


def plot_lines(results: Results) -> Figure:
    """Accuracy against the real patch sparsity: LT and RC, tested sparse and dense, one panel a network.

    Dots are seeds, lines their mean; the dashed line is the network trained and tested on all patches.
    """
    sns.set_theme(style="whitegrid", font_scale=0.9)
    rows, called = lines(results.frame), headings(results)
    names = list(dict.fromkeys(rows["model"]))
    size = (1 + 4.2 * len(names), 3.8)
    figure, axes = plt.subplots(1, len(names), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for axis, name in zip(axes[0], names, strict=True):
        ours = rows[rows["model"] == name]
        for line, (colour, marker) in STYLES.items():
            means = 100 * ours.groupby("patch_sparsity")[line].mean()
            axis.plot(100 * means.index, means, "-", color=colour, label=line)
            axis.plot(100 * ours["patch_sparsity"], 100 * ours[line], marker, color=colour, markersize=5)
        axis.axhline(100 * ours["dense"].mean(), color="grey", linestyle="--", label="all patches")
        title = called[name].replace(": ", ":\n")
        axis.set(title=f"{title} (n = {ours['seed'].nunique()})", xlabel="patches dropped, %")
    axes[0][0].set_ylabel("test accuracy, %")
    axes[0][0].legend(fontsize=8)
    plt.close(figure)
    return figure


def plot_conditions(results: Results) -> Figure:
    """LT − RC under each condition, tested sparse and dense, one panel for what is varied; dots are seeds."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    rows = gaps(results.frame)
    panels = rows.groupby("varied", sort=False)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1 + 3 * len(panels), 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (varied, group) in zip(axes[0], panels, strict=True):
        for kind, (colour, marker) in {"sparse": ("#0072b2", "o"), "dense": ("#009e73", "^")}.items():
            means = 100 * group.groupby("step")[kind].mean()
            axis.plot(means.index, means, "-", color=colour, label=f"tested {kind}")
            axis.plot(group["step"], 100 * group[kind], marker, color=colour, markersize=5)
        axis.axhline(0, color="grey", linewidth=0.8)
        names = group.drop_duplicates("step").set_index("step")["condition"]
        axis.set_xticks(names.index, ["\n".join(wrap(name, 14)) for name in names])
        axis.set(title=f"{varied} (n = {group['seed'].nunique()})", xlim=(-0.3, len(names) - 0.7))
    axes[0][0].set_ylabel("LT − RC, points")
    axes[0][0].legend(fontsize=8)
    plt.close(figure)
    return figure


def plot_columns(results: Results) -> Figure:
    """LT − RC on whole images for each column of Table 4: the paper's one run and ours, dots for seeds."""
    sns.set_theme(style="whitegrid", font_scale=0.9)
    paper = published.read_table("table4")
    rows, called = lines(results.frame), headings(results)
    gaps = (100 * (rows["LT dense"] - rows["RC dense"])).groupby([rows["model"], rows["keep_rate"]], sort=False)
    figure, axis = plt.subplots(figsize=(8.5, 3.8), layout="constrained")
    for place, (key, values) in enumerate(gaps):
        axis.plot([place + 0.1] * len(values), values, "o", color="#0072b2", label="here" if not place else None)
        axis.hlines(values.mean(), place, place + 0.2, color="#0072b2")
        printed = paper[(paper["model"] == key[0]) & (paper["keep_rate"] == key[1])]
        gap = 100 * (printed["lt_dense"] - printed["rc_dense"])
        style: dict[str, Any] = {
            "color": "#d55e00",
            "markerfacecolor": "white",
            "label": "paper" if not place else None,
        }
        axis.plot(place - 0.1, gap, "s", **style)
    axis.axhline(0, color="grey", linewidth=0.8)
    names = [[f"k = {rate:g},", *called[name].replace(": ", ":\n").split("\n")] for name, rate in gaps.groups]
    axis.set_xticks(range(len(gaps)), ["\n".join([*name[:2], *wrap(name[2], 18)]) for name in names], fontsize=8)
    axis.set_ylabel("LT − RC, points")
    axis.legend(fontsize=8)
    plt.close(figure)
    return figure


def decode(example: dict[str, Any]) -> np.ndarray:
    """The picture of an example, (height, width, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(example["png"]))).convert("RGB"))


def fade(image: np.ndarray, ids: list[int], patches: int) -> np.ndarray:
    """The picture with all patches but `ids` faded to blue."""
    side = int(patches**0.5)
    kept = np.full(patches, FADED)
    kept[ids] = 1.0
    share = np.kron(kept.reshape(side, side), np.ones((image.shape[0] // side, image.shape[1] // side)))[..., None]
    return (image * share + TINT * (1 - share)).astype(np.uint8)


def plot_paths(results: Results, count: int = 4) -> Figure:
    """Images under the last network as the three paths see them: whole, after each stage, and by random choice."""
    rates = results.frame["keep_rate"].tolist()
    record = find_show(results, results.frame["model"].iloc[-1], SHOWN_RATE if SHOWN_RATE in rates else rates[0])
    figure, axes = plt.subplots(count, 5, figsize=(7.5, 1.55 * count), squeeze=False, layout="constrained")
    for row, example in zip(axes, record.details["examples"][:count], strict=True):
        draw_paths(row, example, record.details["patches"])
    plt.close(figure)
    return figure


def draw_paths(row: Any, example: dict[str, Any], patches: int) -> None:
    """One image in five panels."""
    image = decode(example)
    kept = [*example["stages"], example["random"]]
    titles = ["stage 1", "stage 2", "ticket", "random"]
    show(row[0], image, f"{example['label']}: {patches}")
    for axis, ids, title in zip(row[1:], kept, titles, strict=True):
        show(axis, fade(image, ids, patches), f"{title}: {len(ids)}")


def show(axis: Axes, image: np.ndarray, title: str) -> None:
    """An image without axes."""
    axis.imshow(image, interpolation="nearest")
    axis.set_title(title, fontsize=8)
    axis.axis("off")


def find_show(results: Results, model: str, keep_rate: float) -> Record:
    """The record of the first seed for a network and keep rate."""
    frame = results.frame
    chosen = frame[(frame["model"] == model) & (frame["keep_rate"] == keep_rate)].iloc[0]
    return next(r for r in results.records if (r.name, r.seed) == (chosen["run"], chosen["seed"]))


def explore_paths(results: Results) -> Any:
    """The same with menus for image, keep rate and network; on a page that is executed headlessly, how to get them."""
    if "PAPERMILL" in os.environ:
        return Note("In Jupyter (`make lab`) this cell shows menus for image, keep rate and network.")
    from ipywidgets import Dropdown, IntSlider, interactive

    def draw(image: int, keep_rate: float, network: str) -> Figure:
        record = find_show(results, network, keep_rate)
        figure, axes = plt.subplots(1, 5, figsize=(9, 2), layout="constrained")
        draw_paths(axes, record.details["examples"][image], record.details["patches"])
        plt.close(figure)
        return figure

    images = len(results.records[0].details["examples"])
    rates = list(dict.fromkeys(results.frame["keep_rate"]))
    networks = [(called, name) for name, called in headings(results).items()]
    return interactive(
        draw, image=IntSlider(0, 0, images - 1), keep_rate=Dropdown(options=rates), network=Dropdown(options=networks)
    )


def plot_adjustments(results: Results) -> Figure:
    """Figure 2: patch labels that go with their patches (above), and painting over, in both colours (below)."""
    figure, axes = plt.subplots(2, 3, figsize=(7.5, 5.2), layout="constrained")
    labels, painted = (find_show(results, name, rate).details for name, rate in (("LV-ViT-S", 0.85), ("Swin-T", 0.8)))
    example, patches = labels["examples"][0], labels["patches"]
    image, kept = decode(example), example["stages"][-1]
    show(axes[0][0], image, f"image: {example['label']}")
    draw_labels(axes[0][1], example, range(patches), patches, "patch labels")
    draw_labels(axes[0][2], example, kept, patches, f"LV-ViT: labels of {len(kept)} patches")
    example = painted["examples"][0]
    image, kept = decode(example), example["stages"][-1]
    show(axes[1][0], fade(image, kept, patches), f"ticket: {len(kept)} of {patches}")
    for axis, fill in zip(axes[1][1:], get_args(Fill), strict=True):
        seen = paint(image, kept, patches, fill, painted["mean_colour"])
        show(axis, seen, f"Swin, ResNet: {fill}")
    plt.close(figure)
    return figure


def draw_labels(axis: Axes, example: dict[str, Any], ids: Any, patches: int, title: str) -> None:
    """The class that the annotator sees in each of the patches `ids`, darker where it is surer."""
    side, wanted = int(patches**0.5), set(ids)
    shares = np.array(example["patch_shares"])
    shares[[i for i in range(patches) if i not in wanted]] = np.nan
    axis.imshow(shares.reshape(side, side), cmap="Blues", vmin=0, vmax=1)
    for number in wanted:
        text = example["patch_labels"][number][:3]
        colour = "white" if example["patch_shares"][number] > 0.6 else "black"
        axis.text(number % side, number // side, text, ha="center", va="center", fontsize=6, color=colour)
    axis.set_title(title, fontsize=8)
    axis.set(xticks=[], yticks=[])
