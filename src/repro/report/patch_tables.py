"""Tables of patch tickets: Figure 3 and Table 4 in numbers, controls, prices, agreement of selectors."""

import pandas as pd

from repro import config, published
from repro.artefacts import figure1
from repro.artefacts.base import Results
from repro.artefacts.figure3_turn import REASONS, gaps, trends
from repro.artefacts.shared.patches import lines
from repro.artefacts.shared.price import ticket_price
from repro.report.networks import describe_model, headings
from repro.report.tables import Note, Table, percent, with_interval
from repro.stats.verdicts import verdict
from repro.tickets.stages import nominal_sparsity


def compare_lines(results: Results) -> Table:
    """One line a network and keep rate: the accuracies in both tests and the two gaps with their interval."""
    rows, called = [], headings(results)
    for (name, rate), group in lines(results.frame).groupby(["model", "keep_rate"], sort=False):
        row = describe_ticket(called[str(name)], rate, group) | {"all patches": percent(group["dense"].mean())}
        for kind, gap in (("sparse", "LT − RC"), ("dense", "LT − RC\u00a0")):  # column names must differ
            lt, rc = group[f"LT {kind}"], group[f"RC {kind}"]
            row[f"{kind}: LT / RC"] = f"{percent(lt.mean())} / {percent(rc.mean())}"
            row[gap] = with_interval(lt - rc, signed=True)
        rows.append(row | {"n": str(len(group))})
    return Table(rows)


def describe_ticket(name: str, rate: float, group: pd.DataFrame) -> dict[str, str]:
    """Network, keep rate, and the patch sparsity a paper prints beside the real one."""
    shares = f"{percent(nominal_sparsity(rate))} / {percent(group['patch_sparsity'].iloc[0])}"
    return {"network": name, "keep rate": f"{rate:g}", "dropped: nominal / real": shares}


def compare_columns(results: Results) -> Table:
    """One line a column of Table 4: the paper's accuracies beside ours, and LT − RC tested on whole images."""
    paper = published.read_table("table4").set_index(["model", "keep_rate"])
    rows, called = [], headings(results)
    for (name, rate), group in lines(results.frame).groupby(["model", "keep_rate"], sort=False):
        printed = paper.loc[(name, rate)]
        row = describe_ticket(called[str(name)], rate, group)
        row["LT − RC, paper"] = percent(printed["lt_dense"] - printed["rc_dense"], signed=True)
        row["LT − RC, here"] = with_interval(group["LT dense"] - group["RC dense"], signed=True)
        for line, column in PRINTED.items():
            row[line] = f"{percent(printed[column]) or '–'} / {percent(group[line].mean())}"
        rows.append(row | {"n": str(len(group))})
    return Table(rows)


PRINTED = {  # our lines and the columns of the published table
    "dense": "pretrain",
    "LT dense": "lt_dense",
    "RC dense": "rc_dense",
    "LT sparse": "lt_sparse",
    "RC sparse": "rc_sparse",
}


def describe_stand_ins(results: Results) -> Table:
    """Which network stands for each of the paper's, how it was trained and how good it is on all patches."""
    rows = []
    for arm in results.arms:
        if arm.labels["arm"] == "dense" and isinstance(arm.run, config.TrainRun):
            model, training = arm.run.model, arm.run.training
            dense = results.frame[results.frame["run"] == config.name(arm.run)]["accuracy"]
            row = {"in place of": str(arm.labels["model"]), "here": describe_model(model)}
            row |= {"epochs": f"{training.epochs:g}", "optimiser": training.optimizer}
            row |= {"learning rate": f"{training.learning_rate:g}", "all patches, %": with_interval(dense)}
            rows.append(row | {"n": str(len(dense))})
    return Table(rows)


def check_criterion() -> Table:
    """Table 4 against the paper's own criterion for a winning ticket: at most 0.5 points below the dense network."""
    rows = []
    for column in published.read_table("table4").itertuples():
        lost = round(column.pretrain - column.lt_dense, 4)
        row = {"where": column.locator, "network": column.model, "dense − LT, as printed": percent2(lost)}
        rows.append(row | {"within 0.5 points": "yes" if lost <= 0.005 else "no"})
    return Table(rows)


def percent2(share: float) -> str:
    """A difference in points with two decimals, as Table 4 prints some."""
    return f"{100 * share:+.2f}"


def compare_controls(results: Results) -> Table:
    """Other ways to choose as many patches, beside LT and RC at the same keep rate, on the same network.

    Each student is tested on whole images, on the patches of its own selector, and on random patches.
    """
    frame = results.frame
    others = frame[~frame["arm"].isin(["dense", "LT", "RC"])]
    name, rate = others.iloc[0][["model", "keep_rate"]]
    same = frame[(frame["model"] == name) & (frame["keep_rate"] == rate)]
    base = same[same["arm"] == "LT"].set_index("seed")["accuracy_sparse"]
    rows = [selector_row(results)]
    for arm, group in same.groupby("arm", sort=False):
        row = {"trained on": str(arm), "whole images": with_interval(group["accuracy"])}
        row["its selector's patches"] = with_interval(group["accuracy_sparse"])
        row["random patches"] = percent(group["accuracy_random"].mean())
        gap = group.set_index("seed")["accuracy_sparse"] - base
        row["sparse − LT"] = "" if arm == "LT" or base.empty else with_interval(gap, signed=True)
        rows.append(row | {"n": str(len(group))})
    return Table(rows)


def selector_row(results: Results) -> dict[str, str]:
    """The selecting network of the first control, tested on what it selects without any student."""
    control = next(a.run for a in results.arms if a.labels["arm"] not in ("dense", "LT", "RC"))
    assert isinstance(control, config.TrainRun)
    assert control.patches is not None
    selection = control.patches.source
    whole, sparse = (
        pd.Series([r.metrics[metric] for seed in results.seeds if (r := results.find(run, seed))])
        for run, metric in ((config.parents(selection)[0], "accuracy"), (selection, "accuracy_sparse"))
    )
    row = {"trained on": "all patches: the selector itself", "whole images": with_interval(whole)}
    row |= {"its selector's patches": with_interval(sparse), "random patches": "", "sparse − LT": ""}
    return row | {"n": str(len(sparse))}


def describe_price(results: Results) -> Table | Note:
    """The price of tickets as multiples of the dense run, means over seeds."""
    prices, called = ticket_price(results), headings(results)
    if prices.empty:
        return Note("No student here was trained on stored tickets, whose price this is.")
    titles = {
        "step_flops": "student's step, FLOPs",
        "step_seconds": "student's step, measured",
        "whole_flops": "dense + selection + student, FLOPs",
        "whole_seconds": "the same, measured",
        "inference_flops": "sparse inference with its selector, FLOPs",
    }
    rows = []
    for (name, rate), group in prices.groupby(["model", "keep_rate"], sort=False):
        means = {title: f"{group[column].mean():.2f}" for column, title in titles.items()}
        rows.append({"network": called[str(name)], "keep rate": f"{rate:g}"} | means | {"n": str(len(group))})
    return Table(rows)


def list_agreement(results: Results) -> Table | None:
    """How much of a ticket two selectors share that differ by their seed, beside chance; nothing for one seed."""
    found, called = figure1.agreement(results), headings(results)
    if found.empty:
        return None
    rows = []
    for (name, rate), group in found.groupby(["model", "keep_rate"], sort=False):
        row = {"network": called[str(name)], "keep rate": f"{rate:g}", "shared, %": with_interval(group["shared"])}
        row["by chance, %"] = percent(group["chance"].mean())
        rows.append(row | {"pairs of seeds": str(len(group))})
    return Table(rows)


def describe_turn(results: Results) -> Note:
    """At which keep rates tickets are ahead of random choice, in the mean over seeds, in each of the two tests."""
    sentences, called = [], headings(results)
    for name, group in lines(results.frame).groupby("model", sort=False):
        means = group.groupby("keep_rate", sort=False).mean(numeric_only=True)
        ahead = {kind: means.index[means[f"LT {kind}"] > means[f"RC {kind}"]] for kind in ("sparse", "dense")}
        said = {kind: ", ".join(f"{rate:g}" for rate in rates) or "no keep rate" for kind, rates in ahead.items()}
        sentences.append(
            f"{called[str(name)][0].upper()}{called[str(name)][1:]}. LT is ahead of RC at {said['sparse']} when tested "
            f"on tickets, at {said['dense']} on whole images."
        )
    return Note(" ".join(sentences))


def compare_conditions(results: Results) -> Table:
    """One line a condition: accuracies of LT and RC in both tests, and the two gaps with their interval."""
    frame, rows = results.frame, []
    for (varied, condition), group in gaps(frame).groupby(["varied", "condition"], sort=False):
        row = {"varied": str(varied), "condition": str(condition)}
        same = frame[(frame["varied"] == varied) & (frame["condition"] == condition)].groupby("arm")
        for kind, metric, gap in (("sparse", "accuracy_sparse", "LT − RC"), ("dense", "accuracy", "LT − RC\u00a0")):
            means = same[metric].mean()
            row[f"{kind}: LT / RC"] = f"{percent(means['LT'])} / {percent(means['RC'])}"
            row[gap] = with_interval(group[kind], signed=True)
        rows.append(row | {"n": str(len(group))})
    return Table(rows)


def judge_reasons(results: Results) -> Table:
    """One line a reason: what LT gains on RC on whole images from the first condition to the last, and a verdict."""
    rows = gaps(results.frame)
    return Table(
        {
            "were it the reason": REASONS[varied],
            "from": str(rows[rows["varied"] == varied]["condition"].iloc[0]),
            "to": str(rows[rows["varied"] == varied]["condition"].iloc[-1]),
            "change of LT − RC": with_interval(change, signed=True),
            "verdict": verdict(list(change), "above", 0.0, "points"),
            "n": str(len(change)),
        }
        for varied, change in trends(rows).items()
    )
