"""What every artefact is: a grid of runs with labels, and the frame those make."""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_origin, get_type_hints

import pandas as pd

from repro import config, paths
from repro.config.base import choices, conform
from repro.runs import committed, schedule, store
from repro.runs.record import Record
from repro.stats.verdicts import Exact

Find = Callable[[Any, int], Record | None]  # the record of a run and seed
NOT_RUN = pd.Series(dtype=float)  # the values of a claim that no run of an artefact is about
SHORT = {"epochs": 2, "rewind_epoch": 1, "finetune_epochs": 1}  # options of a rehearsal
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
    grid: Callable[..., list[Arm]]  # (preset, *, option: type = ...) -> arms; options left out are the preset's
    # Claim id -> one value a seed, none where it was not run; or an exact one, where nothing is drawn at random.
    claim_values: Callable[[pd.DataFrame], Mapping[str, pd.Series | Exact]] = lambda _: {}
    rehearsed: Callable[[list[Arm]], list[Arm]] = lambda arms: arms  # arms that a rehearsal carries out
    exact: bool = False  # True where nothing is drawn at random: one seed says all, and a claim needs no interval

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that the notebook's parameters may set: what the grid takes besides the preset."""
        return tuple(inspect.signature(self.grid).parameters)[1:]


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


def plan(artefact: Artefact, preset: str, seeds: Sequence[int] | None = None, **options: Any) -> list[tuple[Arm, int]]:
    """Every arm with every seed. Raises ConfigError for a preset, seed or option that is not allowed.

    Seeds and options that are None are left to the preset; zero is a value as any other.
    """
    config.check_preset(preset)
    chosen = config.check_seeds(((0,) if artefact.exact else SEEDS[preset]) if seeds is None else seeds)
    given = check_options(artefact, options)
    try:
        arms = artefact.grid(preset, **given)
        check_labels(arms)
    except config.ConfigError as error:
        said = ", ".join(f"{name}={options[name]!r}" for name in given)
        raise config.ConfigError(f"{error} ({artefact.id} with {said})" if given else str(error)) from error
    return [(arm, seed) for seed in chosen for arm in arms]


def check_options(artefact: Artefact, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not None, each as the grid's annotation has it. Raises ConfigError, naming the option."""
    if unknown := set(options) - set(artefact.options):
        allowed = ", ".join(("preset", "seeds", *artefact.options))
        raise config.ConfigError(f"{artefact.id} has no parameter {sorted(unknown)[0]!r}; it has {allowed}")
    hints = get_type_hints(artefact.grid)
    given = {name: conform(value, hints[name], name) for name, value in options.items() if value is not None}
    if empty := [name for name, value in given.items() if value == ()]:
        raise config.ConfigError(f"{empty[0]} must hold at least one value; None leaves it to the preset; got []")
    return given


def options_of_rehearsal(artefact: Artefact) -> dict[str, Any]:
    """The options that make a rehearsal short, as far as an artefact has them; as a list where it takes several."""
    hints = get_type_hints(artefact.grid)
    short = {name: value for name, value in SHORT.items() if name in artefact.options}
    return {name: (value,) if get_origin(choices(hints[name])[0]) is tuple else value for name, value in short.items()}


def check_labels(arms: list[Arm]) -> None:
    """Raise ConfigError where two lines of a grid would be called the same, as for a value that is given twice."""
    labels, times = Counter(tuple(arm.labels.items()) for arm in arms).most_common(1)[0]
    if times > 1:
        called = ", ".join(f"{name} {value}" for name, value in labels)
        raise config.ConfigError(
            f"there would be {times} lines with {called}: a value is given twice, or is there already"
        )


def collect(artefact: Artefact, preset: str, seeds: Sequence[int] | None = None, **options: Any) -> Results:
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
