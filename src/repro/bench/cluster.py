"""A campaign on a cluster that is not there: the real plan, walk and driver over a real store, on a clock of its own.

Only the workers are simulated. What they leave is written as real ones leave it, so that planning, looking up records
and starting again after the driver was killed cost what they really cost: those seconds are measured, and pass on the
cluster's clock too. Everything that happens is drawn from a seed; how long a run takes is its count of operations over
an assumed speed.
"""

import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from repro import config, procedures
from repro.artefacts import REGISTRY
from repro.artefacts.shared.work import work_of
from repro.bench.world import NO_FAULTS, Faults, Killed, SimulatedCluster, World
from repro.data.loader import derive_seed
from repro.runs import needs, store
from repro.runs import record as records
from repro.runs.graph import Name, Task, Walk, identity, parents, plan
from repro.runs.progress import Progress
from repro.runs.provenance import Provenance
from repro.runs.rehearsal import homes_at
from repro.runs.schedule import Driver
from repro.training.checkpoint import save_tensors
from repro.training.loop import STATE_FILE

PRESET = "paper"
EVEN, SHORT = (
    "30 to 300 epochs, as many of each",
    "mostly short, some 300 epochs",
)  # of Table 1: up to 19 hours on a GPU
EPOCHS = {EVEN: tuple(range(300, 0, -30)), SHORT: (300, 200, 130, 90, 60, 40, 30, 20)}
USUAL, NOTHING = "as described", "nothing goes wrong"
CASES = (  # workers, lengths of the runs, what goes wrong
    *((workers, EVEN, USUAL) for workers in (250, 500, 1000, 2000)),
    (1000, EVEN, NOTHING),
    (1000, SHORT, USUAL),
)
DRAWN = (1000, EVEN, USUAL)  # the case whose busy workers are kept
RUNS = 10_000
OTHER_SECONDS = 30.0  # of a run whose operations are not counted
SPREAD = 0.1  # of the logarithm of a run's seconds
FAULTS = {USUAL: Faults(), NOTHING: NO_FAULTS}
POINTS = 200  # of the record of how many workers are busy


@dataclass(frozen=True)
class Outcome:
    """How a campaign went."""

    runs: int
    workers: int
    hours: float  # from its start to its end
    work_hours: float  # that its finished runs take, of one worker that never fails
    chain_hours: float  # of its longest chain
    efficiency: float  # work over workers times hours
    bound: float  # the most that could be reached: with nothing lost, as soon as work and longest chain allow
    shares: dict[str, float]  # of workers times hours: what else they did
    counts: dict[str, int]  # of what happened
    own_seconds: float  # of the driver, planning included
    busy: list[tuple[float, int]]  # hour, and workers that were at work


def measure_cluster() -> list[dict[str, Any]]:
    """Simulate and print a campaign on clusters of several sizes."""
    found = []
    for workers, lengths, case in tqdm(CASES, desc="cluster", leave=False, disable=None):
        outcome = simulate(campaign(RUNS, EPOCHS[lengths]), workers, FAULTS[case])
        print(f"{lengths}, {case}: {describe(outcome)}")
        drawn = {} if (workers, lengths, case) == DRAWN else {"busy": []}
        found.append({"lengths": lengths, "case": case} | asdict(outcome) | drawn)
    return found


def campaign(runs: int, lengths: Sequence[float] = EPOCHS[EVEN]) -> list[Task]:
    """So many runs or a few more: Table 1 at several lengths of training, with as many seeds as that takes."""
    arms = [arm.run for epochs in lengths for arm in REGISTRY["table1"].grid(PRESET, epochs=epochs)]
    each = len(store.with_parents((run, 0) for run in arms))
    return [(run, seed) for seed in range(-(-runs // each)) for run in arms]


def seconds_of(task: Task) -> float:
    """How long a run takes a worker that never fails: its operations at an assumed speed, more or less."""
    run, seed = task
    work = work_of(run)
    least, most = work.gpu_range if work else (OTHER_SECONDS, OTHER_SECONDS)
    usual = max(1.0, (least * most) ** 0.5)
    draw = random.Random(derive_seed(config.name(run), seed))
    return usual * draw.lognormvariate(0.0, SPREAD)


def simulate(wanted: list[Task], workers: int, faults: Faults = FAULTS[USUAL], seed: int = 0) -> Outcome:
    """Carry a campaign out on simulated workers, the driver being killed once and started again."""
    tasks = store.with_parents(wanted)
    seconds = {identity(task): seconds_of(task) for task in tasks}
    chain, work = longest(tasks, seconds), sum(seconds.values())
    least = max(work / workers, chain)
    with empty_store() as leave:
        world = World(workers, seconds, random.Random(seed), faults.kill_at * least, leave, faults)
        while not drive(wanted, world):
            world.now += faults.driver_away
    done, capacity = sum(seconds[name] for name in world.done), workers * world.now
    shares = {what: spent / capacity for what, spent in world.spent.items()}
    return Outcome(
        runs=len(tasks),
        workers=workers,
        hours=world.now / 3600,
        work_hours=done / 3600,
        chain_hours=chain / 3600,
        efficiency=done / capacity,
        bound=work / workers / least,
        shares=shares | {"idle": 1 - done / capacity - sum(shares.values())},
        counts=dict(world.counts),
        own_seconds=world.own,
        busy=thin(world.curve),
    )


def longest(tasks: list[Task], seconds: dict[Name, float]) -> float:
    """Seconds of the longest chain of tasks that need each other; parents stand first."""
    ends: dict[Name, float] = {}
    for task in tasks:
        before = max((ends[identity(parent)] for parent in parents(task)), default=0.0)
        ends[identity(task)] = before + seconds[identity(task)]
    return max(ends.values())


def thin(curve: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """At most so many points of a curve, in hours; the last one is among them."""
    step = max(1, len(curve) // POINTS)
    return [(round(at / 3600, 4), busy) for at, busy in [*curve[:-1:step], curve[-1]]]


def drive(wanted: list[Task], world: World) -> bool:
    """One driver, from planning until all is done, or until it is killed; whether all is done."""
    world.begin()
    walk = Walk(plan(wanted, store.find_local)[0])
    try:
        Driver(walk, SimulatedCluster(world), Quiet(walk, {})).run()
    except Killed:
        return False
    world.counts.update({"failed": len(walk.failed), "not carried out": len(walk.blocked)})
    return True


class Quiet(Progress):
    """Says nothing, and keeps its file as any other."""

    def say(self, text: str) -> None:
        """Nothing."""

    def _note(self, text: str) -> None:
        pass


@contextmanager
def empty_store() -> Iterator[Callable[[Task, bool], None]]:
    """A store for a while, and what has runs leave something there: a record with small files, or a checkpoint."""
    with tempfile.TemporaryDirectory() as folder, homes_at(folder):
        tensors = Path(folder) / "tensors"
        save_tensors(tensors, {"nothing": torch.zeros(1)})

        def leave(task: Task, is_done: bool) -> None:
            home = store.folder(*task)
            home.mkdir(parents=True, exist_ok=True)
            if not is_done:
                (home / STATE_FILE).touch()
                return
            for name in procedures.find(task[0]).kept_files(task[0]):
                os.link(tensors, home / name)
            (home / store.RECORD_FILE).write_text(records.write(record_of(task)))
            if not (file := needs.file_of(task[0])).exists():
                file.parent.mkdir(exist_ok=True)
                file.write_text(json.dumps({"memory_mb": 1000, "seconds": seconds_of(task)}))

        yield leave


def record_of(task: Task) -> records.Record:
    """The record of a run that nobody carried out."""
    made = Provenance("unknown", False, "none", {}, "none", "today")
    return records.Record(
        config.name(task[0]), task[1], config.canonical(task[0]), {"accuracy": 0.5}, {"seconds": 1.0}, "", "none", made
    )


def describe(outcome: Outcome) -> str:
    """An outcome as text."""
    lost = ", ".join(f"{what} {share:.1%}" for what, share in outcome.shares.items())
    return (
        f"{outcome.runs:,} runs on {outcome.workers:,} simulated workers: {outcome.hours:.2f} h, of which "
        f"{outcome.efficiency:.1%} work ({outcome.bound:.1%} at best)\n  the rest: {lost}; "
        f"the driver took {outcome.own_seconds:.0f} s"
    )
