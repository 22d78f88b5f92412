"""Where the claims on weight tickets turn: Tables 1 and 2 of paper A at several lengths and learning rates.

Ours, not paper A's. Where every training is short, a mask cut from trained weights is a head start, and LTH leads RR
for that reason alone. What decides is the trend: the same comparison while the trainings grow, dense network, tickets
and controls alike. Rewinding goes back to the same epoch at every length. The decision a reader may doubt: between two
lengths the whole schedule is stretched, so that every training ends with a rate that has fallen to the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from repro.artefacts import table1, table2
from repro.artefacts.base import Arm, Artefact
from repro.artefacts.shared.recipes import lasting
from repro.artefacts.shared.weights import check_rewind_epoch, prune_in_rounds
from repro.config import ConfigError, Rewind, Schedule, TrainRun, WeightTicket

Network = Literal["ViT", "ResNet-20"]
NETWORKS: tuple[Network, ...] = ("ViT", "ResNet-20")
VIT, RESNET = NETWORKS
SCOPE, SPARSITY = table1.ROWS[-1]  # of the ViT's ticket


@dataclass(frozen=True)
class Turn:
    """The lengths and learning rates of a preset."""

    vit_epochs: tuple[float, ...]
    resnet_epochs: tuple[float, ...]
    rounds: tuple[int, ...] = (4, 8, 14)  # of pruning in ResNet-20: 59, 83 and 96 % of the weights
    schedule: Schedule = "multistep"  # of ResNet-20's learning rate
    vit_rates: tuple[float, ...] = ()  # times the recipe's, at vit_rates_at
    vit_rates_at: float = 0  # epochs
    resnet_rates: tuple[float, ...] = ()  # besides the recipe's, at resnet_rates_at
    resnet_rates_at: float = 0  # epochs


SIZES = {
    "demo": Turn((2, 4), (3, 6), rounds=(8, 14)),
    "pocket": Turn(
        (4, 8),
        (4, 8),
        schedule="cosine",
        vit_rates=(1 / 3, 3),
        vit_rates_at=8,
        resnet_rates=(0.01,),
        resnet_rates_at=16,
    ),
    "gpu": Turn(
        (12, 50, 200), (10, 40, 160), vit_rates=(1 / 3, 3), vit_rates_at=50, resnet_rates=(0.01,), resnet_rates_at=40
    ),
    "paper": Turn((75, 300), (40, 160), resnet_rates=(0.01,), resnet_rates_at=160),
}


def grid(
    preset: str,
    *,
    epochs: tuple[float, ...] | None = None,
    networks: tuple[Network, ...] = NETWORKS,
    rewind_epoch: int | None = None,
) -> list[Arm]:
    """Dense, LTH, RR, rewound LTH and their controls, for both networks at every length and rate."""
    turn = SIZES[preset]
    rewind = table1.SIZES[preset].rewind_epoch if rewind_epoch is None else check_rewind_epoch(rewind_epoch)
    if epochs is not None and min(epochs) <= rewind:
        raise ConfigError(f"each of epochs must be longer than the epoch rewound to; got {list(epochs)}")
    arms: list[Arm] = []
    for network in networks:
        make, own = (vit_arms, turn.vit_epochs) if network == VIT else (resnet_arms, turn.resnet_epochs)
        for length in own if epochs is None else epochs:
            arms += make(preset, turn, length, rewind_epoch)
    return arms


def vit_arms(preset: str, turn: Turn, epochs: float, rewind_epoch: int | None) -> Iterator[Arm]:
    """One-shot tickets of Table 1's sparsest row, at the recipe's learning rate and at multiples of it."""
    size = table1.SIZES[preset]
    epoch = rewind_epoch or size.rewind_epoch
    training = lasting(size.training, epochs)
    for times in (1, *(turn.vit_rates if epochs == turn.vit_rates_at else ())):
        rate = round(times * training.learning_rate, 6)
        kept = replace(training, learning_rate=rate, snapshot_epochs=(0, epoch))
        dense = TrainRun(data=size.data, model=size.model, training=kept)
        ticket = WeightTicket(dense, SPARSITY, SCOPE, counted_over="model")
        lth = replace(dense, training=replace(kept, snapshot_epochs=()), ticket=ticket, start=Rewind(dense))
        rewound = Rewind(dense, epoch)
        labels = {"network": VIT, "epochs": epochs, "learning_rate": rate, "pruned": SPARSITY}
        yield Arm(labels | {"pruned": 0.0, "arm": "dense"}, dense)
        yield from pair(labels, lth, replace(lth, start=None, draw=1))
        yield Arm(labels | {"arm": "rewound"}, replace(lth, start=rewound))
        if times == 1:
            held = replace(rewound, optimizer=True)
            yield Arm(labels | {"arm": "rewound, optimiser kept"}, replace(lth, start=held))


def resnet_arms(preset: str, turn: Turn, epochs: float, rewind_epoch: int | None) -> Iterator[Arm]:
    """Tickets of Table 2 after some of its rounds of pruning, at its first learning rate and at others."""
    size = table2.SIZES[preset]
    epoch = rewind_epoch or size.rewind_epoch
    for rate in (size.learning_rates[0], *(turn.resnet_rates if epochs == turn.resnet_rates_at else ())):
        dense = table2.dense_run(size, rate, epoch, epochs, turn.schedule)
        labels = {"network": RESNET, "epochs": epochs, "learning_rate": rate}
        yield Arm(labels | {"pruned": 0.0, "arm": "dense"}, dense)
        chains = [list(prune_in_rounds(dense, turn.rounds, Rewind(dense, back))) for back in (0, epoch)]
        for (_, lth, rr), (_, rewound, _) in zip(*chains, strict=True):
            assert isinstance(lth.ticket, WeightTicket)
            at = labels | {"pruned": round(lth.ticket.sparsity, 4)}
            yield from pair(at, lth, rr)
            yield Arm(at | {"arm": "rewound"}, rewound)


def pair(labels: dict, lth: TrainRun, rr: TrainRun) -> Iterator[Arm]:
    """LTH and RR, and what each knows before its first step."""
    for name, run in (("LTH", lth), ("RR", rr)):
        yield Arm(labels | {"arm": name}, run)
        yield Arm(labels | {"arm": f"{name}, step 0"}, replace(run, training=replace(run.training, epochs=0)))


INDEX = ["network", "learning_rate", "pruned", "epochs", "seed"]
EFFECTS = {
    "LTH − RR": ("LTH", "RR"),
    "dense − LTH": ("dense", "LTH"),
    "rewound − LTH": ("rewound", "LTH"),
    "dense for twice as long − LTH": ("dense, twice", "LTH"),
    "optimiser kept − rewound": ("rewound, optimiser kept", "rewound"),
    "step 0: LTH − RR": ("LTH, step 0", "RR, step 0"),
}


def effects(frame: pd.DataFrame) -> pd.DataFrame:
    """One row an effect, network, learning rate, sparsity, length and seed: `value` beside the `dense` accuracy."""
    dense = frame[frame["arm"] == "dense"].set_index(["network", "learning_rate", "epochs", "seed"])["accuracy"]
    wide = frame[frame["arm"] != "dense"].pivot_table("accuracy", INDEX, "arm", sort=False)
    rows = wide.reset_index().join(dense, on=dense.index.names).rename(columns={"accuracy": "dense"})
    later = pd.MultiIndex.from_frame(rows[dense.index.names].assign(epochs=2 * rows["epochs"]))
    rows["dense, twice"] = dense.reindex(later).to_numpy()
    found = [
        rows[[*INDEX, "dense"]].assign(effect=name, value=rows[more] - rows[less])
        for name, (more, less) in EFFECTS.items()
        if more in rows and less in rows
    ]
    return pd.concat(found).dropna(subset="value").reset_index(drop=True)


def at_recipe(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs at the learning rate of a network's recipe, which comes first."""
    return frame[frame["learning_rate"] == frame.groupby("network")["learning_rate"].transform("first")]


CLAIMED = {  # what a claim is about: network, sparsity, effect
    "vit-gap": (VIT, SPARSITY, "LTH − RR"),
    "vit-short": (VIT, SPARSITY, "dense − LTH"),
    "vit-rewinding": (VIT, SPARSITY, "rewound − LTH"),
    "resnet-matches": (RESNET, 0.832, "dense − LTH"),
    "resnet-gap": (RESNET, 0.956, "LTH − RR"),
    "resnet-rewinding": (RESNET, 0.956, "rewound − LTH"),
}


def claim_values(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The value each claim is about, one a seed: an effect at the greatest length, or what it grew since the least."""
    rows, found = effects(at_recipe(frame)), {}
    for name, (network, pruned, effect) in CLAIMED.items():
        same = (rows["network"] == network) & (rows["effect"] == effect) & ((rows["pruned"] - pruned).abs() < 0.001)
        lengths = rows[same].pivot_table("value", "seed", "epochs").dropna(axis=1)  # those that all seeds have
        last, first = lengths.iloc[:, -1:].sum(axis=1), lengths.iloc[:, :1].sum(axis=1)
        found[f"weights-turn-{name}"] = last
        found[f"weights-turn-{name}-trend"] = (last - first)[: len(last) if lengths.shape[1] > 1 else 0]
    return found


def rehearsed(arms: list[Arm]) -> list[Arm]:
    """The controls of the ViT at its first length, which bring its dense run along."""
    return [arm for arm in arms[:7] if arm.labels["arm"] in ("RR, step 0", "rewound, optimiser kept")]


ARTEFACT = Artefact(
    "weights-turn",
    "Where weight tickets turn",
    "paper A, Tables 1 and 2, varied",
    grid,
    claim_values,
    rehearsed=rehearsed,
)
