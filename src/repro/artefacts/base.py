"""What every artefact is: a grid of runs with labels, and the frame those make."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from repro import config, paths
from repro.runs import committed, schedule, store
from repro.runs.record import Record
from repro.stats.verdicts import Estimate

Find = Callable[[Any, int], Record | None]  # the record of a run and seed
SEEDS = {"demo": (0, 1, 2), "pocket": (0,), "gpu": (0, 1, 2), "paper": (0, 1, 2)}  # where none are asked for


@dataclass(frozen=True)
class Arm:
    """One line of a grid: a run and what the page calls it."""

    labels: dict[str, Any]
    run: config.Run


@dataclass(frozen=True)
class Artefact:
    """One table or figure of a paper."""

    id: str
    title: str
    source: str  # paper and number
    grid: Callable[..., list[Arm]]  # (preset, **options) -> arms; options left out are the preset's
    # Claim id -> one value a seed; or an estimate, where the interval is over something else than seeds.
    claim_values: Callable[[pd.DataFrame], Mapping[str, pd.Series | Estimate]] = lambda _: {}
    options: tuple[str, ...] = ()  # names of the options that the notebook's parameters may set
    rehearsed: Callable[[list[Arm]], list[Arm]] = lambda arms: arms  # arms that a rehearsal carries out
    exact: bool = False  # True where nothing is drawn at random: one seed says all, and a claim needs no interval


@dataclass(frozen=True)
class Results:
    """What the runs of an artefact gave: one row an arm and seed, and the records behind it."""

    artefact: Artefact
    preset: str
    seeds: tuple[int, ...]
    arms: list[Arm]
    frame: pd.DataFrame
    records: list[Record]
    find: Find  # of any run behind these results, from where these came


def plan(artefact: Artefact, preset: str, seeds: Iterable[int] = (), **options: Any) -> list[tuple[Arm, int]]:
    """Every arm with every seed. Raises ConfigError for a preset, seed or option that is not allowed.

    An option that is zero or empty is left to the preset.
    """
    config.check_preset(preset)
    chosen = config.check_seeds(list(seeds) or ((0,) if artefact.exact else SEEDS[preset]))
    if unknown := set(options) - set(artefact.options):
        allowed = ", ".join(("preset", "seeds", *artefact.options))
        raise config.ConfigError(f"{artefact.id} has no parameter {sorted(unknown)[0]!r}; it has {allowed}")
    arms = artefact.grid(preset, **{name: value for name, value in options.items() if value})
    return [(arm, seed) for seed in chosen for arm in arms]


def collect(artefact: Artefact, preset: str, seeds: Iterable[int] = (), **options: Any) -> Results:
    """Get or compute every run of an artefact. Raises ConfigError, or RunFailed from a run.

    All records are own ones, or all committed ones: two machines round differently, and a ticket belongs beside the
    network it was cut from. They are mixed only where neither alone suffices.
    """
    planned = plan(artefact, preset, seeds, **options)
    tasks = [(arm.run, seed) for arm, seed in planned]
    file = paths.recorded(artefact.id, preset)
    find, published = partial(committed.find, first=file), partial(committed.find_committed, first=file)
    records = all_found(store.find_local, tasks)
    if records is None and (records := all_found(published, tasks)):
        find = published
    records = records or schedule.get_or_compute(tasks, first=file)
    found = [(arm, seed, record) for (arm, seed), record in zip(planned, records, strict=True)]
    return assemble(artefact, preset, found, find)


def all_found(find: Find, tasks: list[schedule.Task]) -> list[Record] | None:
    """The records of tasks, or None where one is lacking."""
    records = [record for task in tasks if (record := find(*task))]
    return records if len(records) == len(tasks) else None


def assemble(
    artefact: Artefact, preset: str, found: list[tuple[Arm, int, Record]], find: Find = committed.find
) -> Results:
    """Results from arms, seeds and their records."""
    rows = [
        arm.labels | {"seed": seed} | record.metrics | {"run": record.name, "history": record.history or None}
        for arm, seed, record in found
    ]
    unique = {(record.name, seed): record for _, seed, record in found}
    seeds = tuple(dict.fromkeys(seed for _, seed, _ in found))
    arms = [arm for arm, seed, _ in found if seed == seeds[0]]
    frame = pd.DataFrame(rows).fillna({"sparsity": 0.0, "sparsity_over_model": 0.0})  # a dense run has no ticket
    return Results(artefact, preset, seeds, arms, frame, list(unique.values()), find)


def recorded(artefact: Artefact, preset: str) -> Results | None:
    """What the committed records alone give at a preset, over the seeds they are complete for; None for no seed."""
    file = paths.recorded(artefact.id, preset)
    if not file.exists():
        return None  # the same runs may belong to another preset too
    known = committed.committed(file)
    arms = artefact.grid(preset)
    seeds = sorted({seed for _, seed in known})
    complete = [s for s in seeds if all((config.name(arm.run), s) in known for arm in arms)]
    if not complete:
        return None
    found = [(arm, seed, known[config.name(arm.run), seed]) for seed in complete for arm in arms]
    return assemble(artefact, preset, found, partial(committed.find_committed, first=file))


def is_same_everywhere(artefact: Artefact) -> bool:
    """Whether an artefact asks for the same runs at every preset, so that each page of it is as good as the others."""
    return all(artefact.grid(preset) == artefact.grid(config.PRESETS[0]) for preset in config.PRESETS)


def best_recorded(artefact: Artefact) -> Results | None:
    """What is recorded at the largest preset with complete records; at the smallest where all ask for the same runs."""
    presets = config.PRESETS if is_same_everywhere(artefact) else config.PRESETS[::-1]
    return next(filter(None, (recorded(artefact, preset) for preset in presets)), None)


def first_and_last(arms: list[Arm]) -> list[Arm]:
    """The dense run of a weight-ticket table, and its last LTH, rewound LTH and RR."""
    return [arms[0], *arms[-4:]]


def paired(frame: pd.DataFrame, index: list[str]) -> pd.DataFrame:
    """LTH beside RR, one row for each value of `index` and seed: columns LTH, RR and difference."""
    wide = frame.pivot_table("accuracy", [*index, "seed"], "arm", sort=False)
    wide["difference"] = wide["LTH"] - wide["RR"]
    return wide.reset_index()
