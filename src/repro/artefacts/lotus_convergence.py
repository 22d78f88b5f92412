"""Attention tickets of paper B: fine-tuning on the patches that attention scores highest, and how fast it converges.

The class token's attention, averaged over layers with the sink mended, drops the lowest tenth of the patches of each
image once; the ticket is fixed per image. The summary leaves layer, score and the reading of "sink" open, so each is
varied on its own. The decision a reader may doubt: "near the best" is measured against the last epoch of the run on
all patches, because the best epoch would be chosen on the test set; between two tests accuracy is taken as linear.
"""

from dataclasses import replace

import pandas as pd

from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.lotus import NEAR, QUOTED, Size, finetuned, one_shot, with_epochs
from repro.artefacts.shared.lotus_cost import scoring_share, step_macs
from repro.config import AttentionScore, ConfigError, PatchTicket, SelectRun, TrainRun

DROPPED = 0.1  # share of patches that the paper drops
MORE = (0.2, 0.3, 0.4, 0.5)
EPOCH = 5  # by which the paper is near its best


def grid(preset: str, *, dropped: tuple[float, ...] = MORE, epochs: float | None = None) -> list[Arm]:
    """All patches, tickets and random patches; other scores and other shares; tickets on pruned weights."""
    if any(not 0 < share < 1 for share in dropped):
        raise ConfigError(f"each of dropped must lie above 0 and below 1; got {list(dropped)}")
    size = with_epochs(preset, epochs)
    base = selection(size, DROPPED)
    arms = [
        Arm({"arm": "all patches", "dropped": 0.0}, finetuned(size)),
        Arm({"arm": "LT", "dropped": DROPPED}, finetuned(size, patches=PatchTicket(base))),
        Arm({"arm": "RC", "dropped": DROPPED}, finetuned(size, patches=PatchTicket(base, "random", fixed=False))),
    ]
    for name, score in SCORES.items():
        ticket = PatchTicket(replace(base, score=score))
        arms.append(Arm({"arm": f"LT, {name}", "dropped": DROPPED}, finetuned(size, patches=ticket)))
    for share in dropped:
        arms.append(Arm({"arm": "LT", "dropped": share}, finetuned(size, patches=PatchTicket(selection(size, share)))))
    most = PatchTicket(selection(size, max(dropped)), "random", fixed=False)
    arms.append(Arm({"arm": "RC", "dropped": max(dropped)}, finetuned(size, patches=most)))
    pruned = one_shot(size, QUOTED)
    both = finetuned(size, patches=PatchTicket(base), ticket=pruned)
    arms.append(Arm({"arm": "LT on pruned weights", "dropped": DROPPED}, both))
    return [with_cost(arm, finetuned(size)) for arm in arms]


# One thing at a time is other than in the paper's ticket.
SCORES = {
    "last layer": AttentionScore(layer="last"),
    "mean over all tokens": AttentionScore(query="mean"),
    "sink as it is": AttentionScore(mend_sink=False),
}


def selection(size: Size, dropped: float) -> SelectRun:
    """The paper's tickets, at another share where it is asked for."""
    return SelectRun(size.pretrained, round(1 - dropped, 6), size.data, AttentionScore())


def with_cost(arm: Arm, whole: TrainRun) -> Arm:
    """An arm that also says what it costs, in multiples of the fine-tuning on all patches: a step, and the scoring."""
    assert isinstance(arm.run, TrainRun)
    cost = {"step": step_macs(arm.run) / step_macs(whole), "scoring": scoring_share(arm.run, whole)}
    return Arm(arm.labels | cost, arm.run)


def epochs_to(history: list[dict[str, float]], target: float) -> float:
    """Epochs until accuracy first reaches `target`, linear between tests; not a number where it never does."""
    last = history[0]
    if last["accuracy"] >= target:
        return 0.0
    for point in history[1:]:
        if point["accuracy"] >= target:
            share = (target - last["accuracy"]) / (point["accuracy"] - last["accuracy"])
            return float(last["epoch"] + share * (point["epoch"] - last["epoch"]))
        last = point
    return float("nan")


def convergence(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a run: epochs, and shares of them, until it is near the all-patches run's last epoch, and near its own.

    `epochs` is not a number for a run that never gets there; `counted` takes its last epoch instead, which flatters it.
    """
    goal = frame[frame["arm"] == "all patches"].set_index("seed")["accuracy"] - NEAR
    rows = frame[["arm", "dropped", "step", "scoring", "seed", "accuracy", "patch_sparsity", "run"]].copy()
    rows["accuracy_sparse"] = frame["accuracy_sparse"].fillna(frame["accuracy"])
    rows["start"] = [history[0]["accuracy"] for history in frame["history"]]
    rows["epochs"] = [epochs_to(h, goal[s]) for h, s in zip(frame["history"], frame["seed"], strict=True)]
    rows["own"] = [epochs_to(h, h[-1]["accuracy"] - NEAR) for h in frame["history"]]
    rows["by_epoch"] = [accuracy_at(history, EPOCH) for history in frame["history"]]
    rows["last"] = [history[-1]["epoch"] for history in frame["history"]]
    rows["counted"] = rows["epochs"].fillna(rows["last"])
    rows["patch_sparsity"] = rows["patch_sparsity"].fillna(0.0)
    return rows.reset_index(drop=True)


def accuracy_at(history: list[dict[str, float]], epoch: float) -> float:
    """Accuracy after an epoch, or the last one where there were fewer."""
    return float(next((p["accuracy"] for p in history if p["epoch"] >= epoch), history[-1]["accuracy"]))


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed."""
    rows = convergence(frame).set_index("seed")
    everything = rows[rows["arm"] == "all patches"]
    lt, rc, sink, both = (
        rows[(rows["arm"] == arm) & (rows["dropped"] == DROPPED)]
        for arm in ("LT", "RC", "LT, sink as it is", "LT on pruned weights")
    )
    return {
        "lotus-convergence-cost": (everything["counted"] - lt["step"] * lt["counted"]) / everything["last"]
        - lt["scoring"],
        "lotus-convergence-sink": lt["accuracy"] - sink["accuracy"],
        "lotus-convergence-both": everything["accuracy"] - both["accuracy"],
        "lotus-convergence-faster": (everything["counted"] - lt["counted"]) / everything["last"],
        "lotus-convergence-epoch-5": everything["accuracy"] - lt["by_epoch"],
        "lotus-convergence-ticket": everything["accuracy"] - lt["accuracy"],
        "lotus-convergence-gap": lt["accuracy"] - rc["accuracy"],
    }


ARTEFACT = Artefact(
    "lotus-convergence",
    "Fine-tuning on attention tickets",
    "paper B, key findings 2 and 4",
    grid,
    claim_values,
    rehearsed=lambda arms: [arms[-1]],
)
