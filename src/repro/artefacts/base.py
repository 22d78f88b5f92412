"""What every artefact is: a grid of runs with labels, and the frame those make."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from repro import config
from repro.runs import schedule, store

SEEDS = {"demo": (0, 1), "pocket": (0,), "gpu": (0, 1, 2), "paper": (0, 1, 2)}  # where none are asked for


@dataclass(frozen=True)
class Arm:
    """One line of a grid: a run and what the page calls it."""

    labels: dict[str, Any]
    run: config.TrainRun


@dataclass(frozen=True)
class Artefact:
    """One table or figure of a paper."""

    id: str
    title: str
    source: str  # paper and number
    grid: Callable[..., list[Arm]]  # (preset, **options) -> arms; options left out are the preset's
    options: tuple[str, ...] = ()  # names of the options that the notebook's parameters may set


@dataclass(frozen=True)
class Results:
    """What the runs of an artefact gave: one row an arm and seed, and the records behind it."""

    artefact: Artefact
    preset: str
    seeds: tuple[int, ...]
    frame: pd.DataFrame
    records: list[store.Record]


def plan(artefact: Artefact, preset: str, seeds: Iterable[int] = (), **options: Any) -> list[tuple[Arm, int]]:
    """Every arm with every seed. Raises ConfigError for a preset, seed or option that is not allowed.

    An option that is zero or empty is left to the preset.
    """
    config.check_preset(preset)
    chosen = config.check_seeds(list(seeds) or SEEDS[preset])
    if unknown := set(options) - set(artefact.options):
        allowed = ", ".join(("preset", "seeds", *artefact.options))
        raise config.ConfigError(f"{artefact.id} has no parameter {sorted(unknown)[0]!r}; it has {allowed}")
    arms = artefact.grid(preset, **{name: value for name, value in options.items() if value})
    return [(arm, seed) for seed in chosen for arm in arms]


def collect(artefact: Artefact, preset: str, seeds: Iterable[int] = (), **options: Any) -> Results:
    """Get or compute every run of an artefact. Raises ConfigError, or RunFailed from a run."""
    planned = plan(artefact, preset, seeds, **options)
    records = schedule.get_or_compute((arm.run, seed) for arm, seed in planned)
    rows = [
        arm.labels | {"seed": seed} | record["metrics"] | {"run": record["name"]}
        for (arm, seed), record in zip(planned, records, strict=True)
    ]
    unique = list({(r["name"], r["seed"]): r for r in records}.values())
    return Results(artefact, preset, tuple(dict.fromkeys(s for _, s in planned)), pd.DataFrame(rows), unique)


def paired(frame: pd.DataFrame, index: list[str]) -> pd.DataFrame:
    """LTH beside RR, one row for each value of `index` and seed: columns LTH, RR and difference."""
    wide = frame.pivot_table("accuracy", [*index, "seed"], "arm", sort=False, dropna=False)
    wide["difference"] = wide["LTH"] - wide["RR"]
    return wide.reset_index()
