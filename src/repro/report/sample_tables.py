"""Tables of sample tickets: Table 13 of paper C recomputed and repeated, and the perceptron's errors beside theory."""

import dataclasses

import numpy as np
import pandas as pd

from repro import config, published
from repro.artefacts import subsets_theory
from repro.artefacts.base import Results
from repro.artefacts.subsets_table13 import (
    ACCURACIES,
    CONFIGURATIONS,
    READINGS,
    compare,
    correlate,
    correlate_full,
    full_of_others,
)
from repro.audit.ranks import critical_pearson
from repro.audit.rounding import correlation_range
from repro.report.tables import Note, Table, percent, with_interval
from repro.stats import agreement
from repro.stats.verdicts import estimate

HALF_UNIT = 5e-4  # of an accuracy printed to three decimals
ACCURACY_COLUMN = "C1 / C2 / C3 / C4, %"
UNMEASURED = (
    "ρ_p",
    "ρ_s",
    "ρ_p, other seeds",
    "lost, points",
)  # of a full row, which is what the others are held against
PRINTED = ["C1", "C2", "C3", "C4"]  # columns of the published table
ROWS = {  # policies in the order of the page
    "random": "RS",
    "stratified": "RS, classes in their shares",
    "ordered": "tickets: ordered losses",
    "agreed": "tickets: all configurations right",
    "ordered out of fold": "tickets: ordered losses, out of fold",
}


def coefficient(values: pd.Series) -> str:
    """Mean of a correlation, one value a seed, with its 95 % interval."""
    found = estimate(list(values.dropna()))
    interval = f" [{found.low:.2f}, {found.high:.2f}]" if found.n > 1 else ""
    return f"{found.mean:.3f}{interval}" if found.n else ""


def check_table13() -> Table:
    """Table 13 as printed: ρ_p recomputed, what rounding allows it to be, ρ_s, and what choosing on the row costs."""
    table = published.read_table("subsets-table13")
    accuracies = table[PRINTED].to_numpy().tolist()
    rows = []
    for printed, row in zip(table.iloc[1:].itertuples(), accuracies[1:], strict=True):
        low, high = correlation_range(np.array(accuracies[0]), np.array(row), (HALF_UNIT, HALF_UNIT))
        cells = {"row": str(printed.subset), "ρ_p, printed": f"{printed.rho_p:.3f}"}
        cells["recomputed"] = f"{agreement.pearson(accuracies[0], row):.3f}"
        cells["what rounding allows"] = f"{low:.2f} to {high:.2f}"
        cells["ρ_s"] = f"{agreement.spearman(accuracies[0], row):.3f}"
        cells["favourite"] = CONFIGURATIONS[row.index(max(row))]
        rows.append(cells | {"lost by it, points": f"{100 * agreement.regret(accuracies[0], row):.1f}"})
    return Table(rows)


def list_configurations(results: Results) -> Table:
    """Table 12 as it was run, all settings, and on how many texts."""
    run = results.arms[0].run
    assert isinstance(run, config.TextRun)
    counts = results.frame.groupby("policy")["texts"].first()
    rows = [
        {"setting": title} | dict.fromkeys(CONFIGURATIONS, value)
        for title, value in (
            ("data", run.texts.name),
            ("texts in the full row (paper: 120,000)", f"{counts['full']:,.0f}"),
            ("texts in a subset (paper: 12,000)", f"{counts['random']:,.0f}"),
        )
    ]
    for field in dataclasses.fields(config.TextTraining):
        values = {name: str(getattr(t, field.name)) for name, t in zip(CONFIGURATIONS, run.trainings, strict=True)}
        rows.append({"setting": field.name.replace("_", " ")} | values)
    return Table(rows)


def compare_policies(results: Results) -> Table:
    """One line a policy: accuracies, and how well it ranks the configurations as the full rows do."""
    frame = results.frame
    own, others = correlate(frame), pd.DataFrame()
    if len(results.seeds) > 1:
        others = correlate(frame, full_of_others(frame)).groupby(["policy", "seed"])["rho_p"].mean()
    rows = [*_printed_lines(), _full_line(results)]
    means = own.groupby(["policy", "seed"])[["rho_p", "rho_s", "regret"]].mean()
    for policy, name in ROWS.items():
        group, mean = frame[frame["policy"] == policy], means.loc[policy]
        line = {"row": name, ACCURACY_COLUMN: _listed(group)}
        line |= {"ρ_p": coefficient(mean["rho_p"]), "ρ_s": coefficient(mean["rho_s"])}
        line["ρ_p, other seeds"] = coefficient(others.loc[policy]) if len(others) else ""
        line |= {"lost, points": percent(mean["regret"].mean()), "draws": str(group["draw"].nunique())}
        rows.append(line | {"n": str(len(mean))})
    return Table(rows)


def _printed_lines() -> list[dict[str, str]]:
    """The paper's full row, and the means of its random rows and tickets."""
    table, lines = published.read_table("subsets-table13"), []
    full = table[PRINTED].iloc[0].tolist()
    for title, start in (("paper: Full", "Full"), ("paper: RS", "RS"), ("paper: tickets", "LT")):
        group = table[table["subset"].str.startswith(start)]
        listed = " / ".join(percent(group[name].mean()) for name in PRINTED)
        line = {"row": title, ACCURACY_COLUMN: listed} | dict.fromkeys(UNMEASURED, "–")
        if start != "Full":
            found = [compare(full, row) for row in group[PRINTED].to_numpy().tolist()]
            line |= {"ρ_p": f"{group['rho_p'].mean():.3f}", "ρ_s": f"{mean_of(found, 'rho_s'):.3f}"}
            line["lost, points"] = percent(mean_of(found, "regret"))
        lines.append(line | {"draws": str(len(group)), "n": "1"})
    return lines


def mean_of(found: list[dict[str, float]], name: str) -> float:
    """The mean of one entry."""
    return sum(entry[name] for entry in found) / len(found)


def _full_line(results: Results) -> dict[str, str]:
    """The full row: its correlation with the mean of the other seeds' full rows, where there are others."""
    found, frame = correlate_full(results.frame), results.frame
    line = {"row": "Full", ACCURACY_COLUMN: _listed(frame[frame["policy"] == "full"])}
    line |= dict.fromkeys(UNMEASURED, "–") | {"ρ_p, other seeds": coefficient(found["rho_p"])}
    return line | {"draws": "1", "n": str(len(results.seeds))}


def _listed(group: pd.DataFrame) -> str:
    return " / ".join(percent(group[name].mean()) for name in ACCURACIES)


def describe_four(results: Results) -> Note:
    """How many of the page's correlations four configurations can tell from none, and how far one policy scatters."""
    rows, limit = correlate(results.frame), critical_pearson(len(ACCURACIES))
    beyond = (rows["rho_p"] > limit).mean()
    random = rows[rows["policy"] == "random"]["rho_p"]
    printed = published.read_table("subsets-table13").set_index("subset")["rho_p"].dropna()
    paper = printed[printed.index.str.startswith("RS")]
    return Note(
        f"With four configurations ρ_p differs from 0 at 5 % only above {limit:.3f}; {percent(beyond)} % of the "
        f"{len(rows)} subsets here do, and {(printed > limit).sum()} of the paper's {len(printed)}. No ρ_s can: chance "
        f"gives a perfect order or its reverse once in {1 / agreement.chance_of_order(len(ACCURACIES)):.0f}. Random "
        f"subsets alone range from {random.min():.2f} to {random.max():.2f} here, in the paper from {paper.min():.2f} "
        f"to {paper.max():.2f}."
    )


def list_selections(results: Results) -> Table:
    """How the tickets of each reading came about: order of the configurations, consistent texts, balance of classes."""
    by_name = {(r.name, r.seed): r.details["selection"] for r in results.records}
    frame = results.frame[(results.frame["draw"] == 0) & results.frame["policy"].isin(READINGS)]
    rows = []
    for policy in READINGS:
        chosen = [by_name[row.run, row.seed] for row in frame[frame["policy"] == policy].itertuples()]
        orders = pd.Series([" ".join(s["order"]) for s in chosen]).value_counts()
        whole = results.frame[results.frame["policy"] == "full"]["texts"].iloc[0]
        shares = pd.Series([s["consistent"] / whole for s in chosen])
        largest = pd.Series([max(s["classes"]) / sum(s["classes"]) for s in chosen])
        line = {
            "reading": ROWS[policy],
            "commonest order, best first": f"{orders.index[0]} ({orders.iloc[0]} of {len(chosen)})",
        }
        line["different orders"] = str(len(orders))
        line["consistent texts, %"] = _range(shares)
        rows.append(line | {"largest class in the ticket, %": _range(largest), "n": str(len(chosen))})
    return Table(rows)


def _range(shares: pd.Series) -> str:
    """Mean of shares with their least and greatest."""
    return f"{percent(shares.mean())} ({percent(shares.min())} to {percent(shares.max())})"


def list_perceptron(results: Results) -> Table:
    """Sizes of the simulation."""
    run = results.arms[0].run
    assert isinstance(run, config.PerceptronRun)
    found = {
        "weights of a student": f"{run.dimensions:,}",
        "examples before selection": f"{run.dimensions * run.examples_per_weight:,.0f}",
        "examples a weight": f"{run.examples_per_weight:g}",
        "draws of examples a seed": str(run.draws),
        "learners": "; ".join(subsets_theory.LEARNERS.values()),
    }
    return Table({"setting": name, "value": value} for name, value in found.items())


def compare_learners(results: Results) -> Table:
    """One line a subset: error of every learner, simulated / predicted, in percent, and ρ_p with all examples."""
    frame = results.frame
    found = subsets_theory.correlate(frame).set_index([*subsets_theory.LABELS, "seed"])["rho_p"].sort_index()
    rows = []
    for key, group in frame.groupby(list(subsets_theory.LABELS), sort=False):
        line = {"subset": name_subset(str(key[0]), key[2]), "kept, %": percent(key[1])}
        for learner, title in subsets_theory.LEARNERS.items():
            line[title] = f"{percent(group[f'error_{learner}'].mean())} / {percent(group[f'theory_{learner}'].mean())}"
        line["ρ_p"] = coefficient(found.loc[key]) if key[0] != "all" else "–"
        rows.append(line | {"n": str(len(group))})
    return Table(rows)


def name_subset(choice: str, angle: float) -> str:
    """What a subset is called on the page."""
    return choice if choice in ("all", "random") else f"{choice} margins, probe at {angle:g}°"


def describe_consistency(results: Results) -> Note:
    """At which keep shares the smallest margins rank learners better than random examples, in the mean over seeds."""
    rows = subsets_theory.correlate(results.frame)
    means = rows.groupby(["choice", "probe_angle", "keep_share"])["rho_p"].mean()
    random = means.loc["random"].droplevel(0)
    sentences = []
    for angle in sorted(rows[rows["choice"] == "smallest"]["probe_angle"].unique()):
        found = means.loc["smallest", angle]
        ahead = ", ".join(f"{100 * share:g} %" for share in found.index if found[share] > random[share])
        sentences.append(f"probe at {angle:g}°: {ahead or 'none'}")
    return Note(f"Shares kept at which the smallest margins rank learners better than random: {'; '.join(sentences)}.")


def describe_deviation(results: Results) -> Note:
    """How far simulation and theory are apart, with the sign."""
    found = subsets_theory.deviations(results.frame).groupby("seed")["deviation"]
    far = subsets_theory.deviations(results.frame)["deviation"].abs().max()
    return Note(
        f"Simulated − predicted error, mean over subsets and learners: {with_interval(found.mean(), signed=True)} "
        f"points (n = {len(results.seeds)}); the largest distance of any one seed is {percent(far)} points."
    )
