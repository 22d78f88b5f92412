"""The speed targets, in three parts: steps of training, what a run costs besides, and a simulated cluster.

Steps are measured side by side: fast and ordinary in turn, ratios of medians.

Absolute times of a shared machine mean little; the ratio of two things timed in turn means more. What else the machine
does changes within seconds, so turns are short, and within minutes, so there are several passes over all rows: a row
is the median of its passes, shown with the lowest and the highest. Every pass of a row has new processes, so that
nothing depends on what earlier rows left in memory. A row is measured as this project trains: in as many processes at
once as `runs.schedule` would train in, each on one thread. Our steps are those of a long training, which is compiled. A
row below its target comes with the operators that took the most time.
"""

import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from tqdm import tqdm

from repro import paths, procedures
from repro.bench.medoids import WAY, describe_medoids, measure_medoids
from repro.bench.steps import Row, Step, list_rows
from repro.config import ConfigError
from repro.disk import write_bytes
from repro.machine import usable_cores
from repro.runs.provenance import provenance
from repro.runs.schedule import chosen_workers
from repro.runs.workers import spread

PARTS = ("steps", "overhead", "cluster")
PASSES, TURNS = 5, 4  # over all rows; of each step in a pass, after one that warms up


def measure_parts(parts: Sequence[str], write: bool) -> None:
    """Measure and print parts of the bench, all for none, and keep them. Raises ConfigError for one there is not."""
    if unknown := [part for part in parts if part not in PARTS]:
        raise ConfigError(f"the bench has no part {unknown[0]!r}: choose of {', '.join(PARTS)}")
    for part in parts or PARTS:
        results = measure_part(part)
        if write:
            keep(part, results)


def measure_part(part: str) -> dict[str, Any]:
    """Measure and print a part of the bench; returns its rows with the provenance of the machine."""
    from repro.bench.cluster import measure_cluster
    from repro.bench.overhead import measure_overhead

    rows = {"steps": measure_steps, "overhead": measure_overhead, "cluster": measure_cluster}[part]()
    return {"rows": rows, "workers": workers_at_once(), "provenance": asdict(provenance(procedures.entry("train")))}


def keep(part: str, results: dict[str, Any]) -> None:
    """Keep a part in book/results/bench.json, in the place of the last one of the same processor."""
    file = paths.RESULTS / "bench.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    device = results["provenance"]["device"]
    mine = results if part == "steps" else {part: results}
    known[device] = known.get(device, {}) | mine
    write_bytes(file, (json.dumps(known, indent=1) + "\n").encode())


def workers_at_once() -> int:
    """Processes that this project trains in on this machine."""
    return chosen_workers() or usable_cores()


def measure_steps() -> list[dict[str, Any]]:
    """Measure and print every row about training and about k-medoids."""
    rows, workers = list_rows(), workers_at_once()
    passes = [in_processes(workers, row) for row in tqdm(rows * PASSES, desc="bench", leave=False, disable=None)]
    results = [summary(row, passes[number :: len(rows)]) for number, row in enumerate(rows)]
    results.append(measure_medoids())
    print("\n".join([*map(describe, results[:-1]), describe_medoids(results[-1])]))
    return results


def in_processes(count: int, row: Row) -> dict[str, Any]:
    """One pass in so many new processes at once: their mean ratio, and the images a second of all."""
    return add_up(list(spread(measure, [(row,)] * count, count)))


def measure(row: Row) -> dict[str, Any]:
    """The ratio of the median times of a row's two steps, timed in turn on one thread, and their images a second."""
    torch.set_num_threads(1)
    fast, ordinary = row.make()
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(TURNS + 1):  # the first turn warms up
        for step, found in zip((fast, ordinary), times, strict=True):
            start = time.perf_counter()
            for _ in range(row.steps):
                step()
            if turn:
                found.append((time.perf_counter() - start) / row.steps)
    medians = [statistics.median(found) for found in times]
    ratio = round(medians[1] / medians[0], 2)
    slow = {"slowest_operators": slowest_operators(fast)} if ratio < row.target else {}
    return {"ratio": ratio, "images_per_second": [round(row.batch / m, 1) for m in medians]} | slow


def add_up(found: list[dict[str, Any]]) -> dict[str, Any]:
    """What processes measured at the same time: their mean ratio, and the images a second of all."""
    speeds = zip(*(one["images_per_second"] for one in found), strict=True)
    total = {"images_per_second": [round(sum(speed), 1) for speed in speeds]}
    slow = {k: v for one in found for k, v in one.items() if k == "slowest_operators"}
    return {"ratio": round(statistics.mean(one["ratio"] for one in found), 2)} | total | slow


def summary(row: Row, passes: list[dict[str, Any]]) -> dict[str, Any]:
    """A row for the record: the median of its passes, and their ratios from the lowest to the highest."""
    passes = sorted(passes, key=lambda one: one["ratio"])
    ratios = [one["ratio"] for one in passes]
    ratio = round(statistics.median(ratios), 2)
    speeds = zip(*(one["images_per_second"] for one in passes), strict=True)
    slow = {"slowest_operators": passes[0]["slowest_operators"]} if ratio < row.target else {}
    found = {"ratio": ratio, "ratios": ratios, "images_per_second": [statistics.median(s) for s in speeds]}
    return {"what": row.what, "target": row.target, WAY: found | slow}


def describe(row: dict[str, Any]) -> str:
    """A row as text."""
    found = row[WAY]
    speed = "{:,.0f} against {:,.0f} images/s".format(*found["images_per_second"])
    spread = "{:.2f} to {:.2f}".format(found["ratios"][0], found["ratios"][-1])
    word = "reached" if found["ratio"] >= row["target"] else f"MISSED; most time in {found['slowest_operators']}"
    return f"{row['what']}\n  {found['ratio']:.2f}x ({spread}; {speed}), target {row['target']}x {word}"


def slowest_operators(step: Step, count: int = 5) -> str:
    """The operators a step spends most of its time in, with their shares."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    times: Counter[str] = Counter()
    for row in profile.key_averages():
        times["compiled" if "CompiledFxGraph" in row.key else row.key] += row.self_cpu_time_total
    return ", ".join(f"{name} {spent / times.total():.0%}" for name, spent in times.most_common(count))
