"""Tables of paper B: pruning curves, essential sparsity, convergence, its cost, and soups."""

import math

import pandas as pd

from repro import config
from repro.artefacts import lotus_convergence, lotus_soup, lotus_sparsity
from repro.artefacts.base import Results
from repro.artefacts.shared import lotus
from repro.artefacts.shared.lotus_cost import scoring_share, step_macs
from repro.config import TrainRun
from repro.report.evidence import DATA
from repro.report.networks import describe_model
from repro.report.tables import Note, Table, first_training, percent, with_interval

COMPARABLE = 1.5  # factor between the speeds of two runs up to which their seconds mean something


def describe_pretrained(results: Results) -> Note:
    """What the pretrained network has seen, and how good it is before and after fine-tuning on the other images."""
    run = first_training(results)
    parent = config.parents(run)[0]
    first = results.frame[results.frame["run"] == config.name(run)]
    start = "from published weights " if isinstance(parent.start, config.Published) else ""
    return Note(
        f"{describe_model(run.model)}. Pretrained {start}for {parent.training.epochs:g} epochs on the first "
        f"{parent.data.train_images:,} training images of {DATA[parent.data.name]}: "
        f"{with_interval(lotus.before(first))} %. Unpruned and on all patches, after "
        f"{run.training.epochs:g} epochs of fine-tuning on the next {run.data.train_images:,}: "
        f"{with_interval(first['accuracy'])} % (n = {len(first)})."
    )


def compare_sparsities(results: Results) -> Table:
    """Accuracy at each sparsity, as pretrained and after fine-tuning, and what pruning costs, with its interval."""
    costs = lotus_sparsity.losses(results.frame)
    frame = results.frame.assign(before=lotus.before(results.frame))
    rows = []
    for pruned, group in frame.groupby("pruned", sort=False):
        cost = costs[costs["pruned"] == pruned]
        row = {"pruned, %": percent(float(pruned)), "as pretrained": percent(group["before"].mean())}
        row |= {"unpruned − pruned": with_interval(cost["before"], signed=True)}
        row |= {"fine-tuned": percent(group["accuracy"].mean())}
        row |= {"unpruned − pruned\u00a0": with_interval(cost["after"], signed=True)}
        rows.append(row | {"n": str(len(group))})
    return Table(rows)


def list_essential(results: Results) -> Table:
    """The essential sparsity, as pretrained and after fine-tuning."""
    rows = []
    for when, said in (("before", "as pretrained"), ("after", "fine-tuned")):
        found = lotus_sparsity.essential_sparsity(results.frame, when)
        rows.append({"network": said, "essential sparsity, %": with_interval(found), "n": str(len(found))})
    return Table(rows)


def compare_convergence(results: Results) -> Table:
    """One line an arm: accuracy in both tests, and epochs until it is near the all-patches run and near its own end."""
    rows = []
    for (arm, dropped), group in lotus_convergence.convergence(results.frame).groupby(["arm", "dropped"], sort=False):
        row = {"trained on": str(arm), "dropped, %": f"{percent(dropped)} / {percent(group['patch_sparsity'].mean())}"}
        row |= {"whole images": with_interval(group["accuracy"])}
        row |= {"its ticket": "" if arm == "all patches" else percent(group["accuracy_sparse"].mean())}
        row |= {"epochs to near all patches": describe_epochs(group)}
        row |= {"to near its own end": f"{group['own'].mean():.1f}", "n": str(len(group))}
        rows.append(row)
    return Table(rows)


def describe_epochs(group: pd.DataFrame) -> str:
    """Mean epochs of the seeds that get there, and how many do not."""
    reached, last = group["epochs"].dropna(), group["last"].iloc[0]
    said = f"{reached.mean():.1f}" if len(reached) else f"not within {last:g}"
    return said if len(reached) in (0, len(group)) else f"{said} ({len(group) - len(reached)} of {len(group)} never)"


def compare_costs(results: Results) -> Table:
    """What a fine-tuning costs, in multiples of the one on all patches: its scoring counted, and until it is near.

    Seconds stand only where the runs had the machine in the same way, so that they can be compared.
    """
    near = lotus_convergence.convergence(results.frame).set_index(["run", "seed"])
    whole = first_training(results)
    seconds = {(r.name, r.seed): r.timing["seconds"] for r in results.records}
    rows, timed = [], speed_spread(results) <= COMPARABLE
    for arm in results.arms:
        run = arm.run
        assert isinstance(run, TrainRun)
        share = step_macs(run) / step_macs(whole)
        scoring = scoring_share(run, whole)
        reached = pd.Series([near.loc[(config.name(run), seed), "epochs"] for seed in results.seeds])
        epochs = float(reached.mean(skipna=False)) / whole.training.epochs
        ratio = [seconds[config.name(run), s] / seconds[config.name(whole), s] for s in results.seeds]
        row = {"trained on": arm.labels["arm"], "dropped, %": percent(arm.labels["dropped"])}
        row |= {"a step, FLOPs": f"{share:.2f}", "scoring, FLOPs": f"{scoring:.3f}"}
        row |= {"all epochs with scoring, FLOPs": f"{share + scoring:.2f}"}
        row |= {"until near, FLOPs": "never in some seed" if math.isnan(epochs) else f"{share * epochs + scoring:.2f}"}
        row |= {"all epochs, measured seconds": f"{sum(ratio) / len(ratio):.2f}"} if timed else {}
        rows.append(row | {"n": str(len(ratio))})
    return Table(rows)


def describe_load(results: Results) -> Note:
    """Whether the seconds of these runs can be compared: how far their speeds differ, FLOPs accounted for."""
    spread = speed_spread(results)
    said = f"FLOPs a second differ by a factor of {spread:.1f} between the fastest and the slowest of these runs."
    if spread > COMPARABLE:
        said += (
            " The machine had other work beside some of them, so **their seconds cannot be compared** and are left out."
        )
    return Note(said)


def speed_spread(results: Results) -> float:
    """The fastest run's FLOPs a second, in multiples of the slowest's."""
    speed = {(r.name, r.seed): r.timing["images_per_second"] for r in results.records}
    rates = [
        speed[config.name(arm.run), seed] * step_macs(arm.run)
        for arm in results.arms
        for seed in results.seeds
        if isinstance(arm.run, TrainRun)
    ]
    return max(rates) / min(rates)


def compare_soups(results: Results) -> Table:
    """One line an arm: the sparsity each merge left, accuracy before and after fine-tuning, and the epochs it took."""
    found = lotus_soup.summary(results.frame)
    size = lotus.SIZES[results.preset]
    one_shot = found[found["arm"] == "one-shot"].set_index(["target", "seed"])["accuracy"]
    rows = []
    for arm in results.arms:
        assert isinstance(arm.run, TrainRun)
        group = found[found["run"] == config.name(arm.run)]
        row = {"pruned by": arm.labels["arm"], "sparsity after each step, %": describe_steps(arm.run, results)}
        row |= {"before fine-tuning": percent(group["before"].mean()), "after": with_interval(group["accuracy"])}
        equal = nearest_target(group["sparsity"].mean(), one_shot)
        gap = group.set_index("seed")["accuracy"] - one_shot.get(equal, pd.Series(dtype=float))
        compared = equal is not None and arm.labels["arm"] != "one-shot"
        row["− one-shot as sparse"] = with_interval(gap, signed=True) if compared else ""
        row["epochs"] = f"{lotus_soup.epochs_spent(arm.run, size):.1f}"
        rows.append(row | {"n": str(len(group))})
    return Table(rows)


def nearest_target(sparsity: float, one_shot: pd.Series) -> float | None:
    """The sparsity of a one-shot run within two points of this one, if there is any."""
    near = [target for target in one_shot.index.unique("target") if abs(target - sparsity) <= 0.02]
    return near[0] if near else None


def describe_steps(run: TrainRun, results: Results) -> str:
    """Sparsities of the steps that led to a network, means over seeds."""
    shares = []
    for step in lotus_soup.steps_of(run, lotus.SIZES[results.preset].pretrained):
        records = [results.find(step, seed) for seed in results.seeds]
        shares.append(sum(r.metrics.get("sparsity", 0.0) for r in records if r) / len(records))
    return ", ".join(percent(share) for share in shares)
