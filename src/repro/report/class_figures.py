"""Figures of class tickets: overlap, place in WordNet, trees, difficulty, and the classes that win."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.artefacts.base import Results
from repro.artefacts.subsets_policies import WHOLE, overlaps, tickets
from repro.report.class_tables import measures
from repro.runs.record import Record

MARKERS = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"))  # distinct to colour-blind readers
BLOCKS = (450, 130, 45)  # most classes of a block in each row of the tree over the tickets
TEXT_WIDTH = 14  # classes that a name across a block needs
SHOWN_CLASSES = 3  # named at the end of a branch


@dataclass
class Node:
    """A node of the tree: its name, the classes below it in the order they are drawn, and its children."""

    name: str
    classes: list[int] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)


def grow_tree(tree: dict[str, list], wanted: set[int]) -> Node:
    """The tree over some classes: branches without any are left out, and nodes with one child give way to it."""
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(tree["parents"]):
        children.setdefault(parent, []).append(node)
    of_node = {node: number for number, node in enumerate(tree["classes"]) if number in wanted}

    def grow(node: int) -> Node:
        below = [branch for child in children.get(node, []) if (branch := grow(child)).classes]
        own = [of_node[node]] if node in of_node else []
        if len(below) == 1 and not own:
            return below[0]
        below.sort(key=lambda branch: -len(branch.classes))
        return Node(tree["words"][node], own + [c for branch in below for c in branch.classes], below)

    return grow(children[-1][0])


def cut(node: Node, most: int) -> list[Node]:
    """The topmost nodes of at most `most` classes each."""
    if len(node.classes) <= most or not node.children:
        return [node]
    return [found for child in node.children for found in cut(child, most)]


def plot_places(results: Results) -> Figure:
    """Where in WordNet the classes of each ticket lie: coarse groups above, a mark for each kept class below."""
    records = {policy: r for policy, r in tickets(results).items() if policy not in WHOLE}
    whole = tickets(results)["all classes"].details
    root = grow_tree(whole["tree"], set(whole["kept"]))
    place = {number: x for x, number in enumerate(root.classes)}
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(9, 6.8), sharex=True, height_ratios=(1.15, 1.4), layout="constrained"
    )
    for level, most in enumerate(BLOCKS):
        draw_blocks(top, cut(root, most), place, -level)
    top.set(ylim=(-len(BLOCKS) + 0.5, 0.5), xlim=(0, len(place)))
    top.axis("off")
    for row, record in enumerate(records.values()):
        bottom.vlines(
            [place[c] + 0.5 for c in record.details["kept"]], row - 0.4, row + 0.4, color="#0072b2", linewidth=0.7
        )
    bottom.set_yticks(range(len(records)), list(records), fontsize=8)
    bottom.set(ylim=(len(records) - 0.4, -0.6), xlabel="the 1,000 classes, ordered by WordNet")
    bottom.grid(False)
    plt.close(figure)
    return figure


def draw_blocks(axis: Axes, nodes: list[Node], place: dict[int, int], level: int) -> None:
    """A row of blocks as wide as they have classes, named where a name fits; names of the lower rows stand upright."""
    for number, node in enumerate(nodes):
        left, width = place[node.classes[0]], len(node.classes)
        colour = ("#dce6f1", "#f3e3d3")[number % 2]
        axis.bar(left, 0.96, width, level - 0.48, align="edge", color=colour, edgecolor="#777777", linewidth=0.4)
        if width >= TEXT_WIDTH:
            upright = width < 9 * len(node.name)
            name = node.name.replace(" ", "\n") if upright and width > 1.6 * TEXT_WIDTH else node.name
            style = {"rotation": 90 if upright else 0, "fontsize": 6 if upright else 8, "color": "black"}
            axis.text(left + width / 2, level, name, ha="center", va="center", linespacing=0.9, **style)  # type: ignore[arg-type]


def plot_trees(results: Results, policies: list[str], most: int = 8) -> Figure:
    """The WordNet tree of some tickets; a branch ends where at most `most` classes are left; a few are named."""
    tree = tickets(results)["all classes"].details["tree"]
    names = [tree["words"][node] for node in tree["classes"]]
    roots = [grow_tree(tree, set(tickets(results)[policy].details["kept"])) for policy in policies]
    outlines = [list(outline(root, most)) for root in roots]
    rows = max(map(len, outlines))
    figure, axes = plt.subplots(
        1, len(roots), figsize=(5.2 * len(roots), 0.4 + 0.165 * rows), squeeze=False, layout="constrained"
    )
    for axis, lines, policy in zip(axes[0], outlines, policies, strict=True):
        draw_outline(axis, lines, names)
        axis.set_title(f"{policy}: {len(lines[0][1].classes)} classes", fontsize=9, loc="left")
        axis.set(ylim=(rows - 0.5, -0.7), xlim=(-0.3, 20))
        axis.axis("off")
    plt.close(figure)
    return figure


def outline(node: Node, most: int, depth: int = 0) -> Iterator[tuple[int, Node, bool]]:
    """Depth and node of every line of a tree, parents first, and whether the branch ends there."""
    ends = len(node.classes) <= most or not node.children
    yield depth, node, ends
    for child in () if ends else node.children:
        yield from outline(child, most, depth + 1)


def draw_outline(axis: Axes, lines: list[tuple[int, Node, bool]], names: list[str]) -> None:
    """A tree as an indented list with its branches; nodes that branch are blue, with the number of their classes."""
    above: list[int] = []  # row of the node at each depth that is open
    for row, (depth, node, ends) in enumerate(lines):
        above[depth:] = [row]
        if depth:
            left = depth - 0.7
            axis.plot([left, left, depth - 0.1], [above[depth - 1] + 0.4, row, row], color="#777777", linewidth=0.6)
        text = end_label(node, names) if ends else f"{node.name}: {len(node.classes)}"
        axis.text(depth, row, text, va="center", fontsize=6.5, color="black" if ends else "#0072b2")


def end_label(node: Node, names: list[str]) -> str:
    """The name at the end of a branch, its classes in brackets, the first few of them."""
    shown = [names[c] for c in node.classes[:SHOWN_CLASSES]]
    if len(node.classes) == 1:
        return shown[0]
    left = len(node.classes) - len(shown)
    return f"{node.name} ({', '.join(shown)}{f' and {left} more' if left else ''})"


def plot_overlaps(results: Results) -> Figure:
    """How many times as many classes two tickets share as chance gives; 1 is chance. First seed."""
    found = overlaps(results)
    sns.set_theme(style="white", font_scale=0.75)
    figure, axis = plt.subplots(figsize=(7.6, 6), layout="constrained")
    span = np.abs(np.log2(found.replace(0, np.nan))).max().max()
    colours = np.log2(found.clip(lower=2**-span))
    sns.heatmap(
        colours,
        annot=found,
        fmt=".1f",
        cmap="PuOr_r",
        center=0,
        ax=axis,
        square=True,
        linewidths=0.5,
        cbar_kws={"label": "times chance, log2", "shrink": 0.7},
    )
    axis.set_xticklabels(axis.get_xticklabels(), rotation=50, ha="right")
    plt.close(figure)
    return figure


def plot_difficulty(results: Results) -> Figure:
    """How hard the classes of each ticket are to each model, or how plain they are to raters; dots are seeds."""
    frame, columns = results.frame, measures(results.frame)
    policies = list(dict.fromkeys(frame["policy"]))
    sns.set_theme(style="whitegrid", font_scale=0.85)
    figure, axis = plt.subplots(figsize=(8, 0.8 + 0.29 * len(policies)), layout="constrained")
    for number, ((label, column), (colour, marker)) in enumerate(zip(columns.items(), MARKERS, strict=False)):
        rows = frame["policy"].map(policies.index) + 0.16 * (number - (len(columns) - 1) / 2)
        axis.plot(100 * frame[column], rows, marker, color=colour, markersize=4.5, label=label)
        axis.axvline(
            100 * frame[frame["policy"] == WHOLE[0]][column].mean(), color=colour, linewidth=0.8, linestyle=":"
        )
    axis.set_yticks(range(len(policies)), policies)
    axis.set(ylim=(len(policies) - 0.5, -0.5), xlabel=f"mean over the ticket's classes, % (n = {len(results.seeds)})")
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    plt.close(figure)
    return figure


def plot_winning(results: Results) -> Figure:
    """Per-class consistency: accuracy of a chain's models over the classes, and marks for the classes that win."""
    by_name = {r.name: r for r in results.records}
    chains = [by_name[run] for run in results.frame[results.frame["kind"] == "chain"]["run"]]
    sns.set_theme(style="whitegrid", font_scale=0.85)
    figure, axes = plt.subplots(len(chains), 1, figsize=(9, 2.5 * len(chains)), sharex=True, layout="constrained")
    colour_of = dict(
        zip(chains[np.argmax([len(c.details["order"]) for c in chains])].details["order"], MARKERS, strict=False)
    )
    for axis, record in zip(axes, chains, strict=True):
        draw_chain(axis, record, colour_of)
    axes[-1].set_xlabel("class")
    plt.close(figure)
    return figure


def draw_chain(axis: Axes, record: Record, colour_of: dict[str, tuple[str, str]]) -> None:
    """One chain: means over neighbouring classes as dots, winning classes as marks above."""
    bins, total = np.array(record.details["bins"]), record.details["classes"]
    width = total / bins.shape[1]
    centres = (np.arange(bins.shape[1]) + 0.5) * width
    for model, means in zip(record.details["order"], bins, strict=True):
        colour, marker = colour_of[model]
        axis.plot(centres, 100 * means, marker, color=colour, markersize=3.5, label=model)
    for name, height, colour in (("winning", 113, "black"), ("winning_with_ties", 105, "#b0662b")):
        axis.vlines(record.details[name], height - 3, height + 3, color=colour, linewidth=0.6)
    lowest = int(100 * bins.min() // 25 * 25)
    axis.set(
        ylim=(lowest - 15, 118),
        yticks=range(lowest, 101, 25),
        xlim=(0, total),
        ylabel=f"accuracy, %\n(mean of {width:.0f})",
    )
    counts = f"{len(record.details['winning'])} win, {len(record.details['winning_with_ties'])} more with ties"
    axis.set_title(f"{' > '.join(record.details['order'])}: {counts}", fontsize=9)
    axis.legend(fontsize=7, loc="lower left", ncols=4)
