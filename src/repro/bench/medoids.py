"""The speed of k-medoids: FasterPAM by the package kmedoids against scikit-learn-extra's PAM, at equal loss.

Both end in a local optimum of the same loss. FasterPAM starts at random, so its loss is the mean over its turns; it
counts as equal where it is at most a thousandth above that of PAM.
"""

import time
from typing import Any

import numpy as np

from repro.tickets.clusters import Backend, find_medoids, pairwise_distances, unit_vectors

POINTS, DIMENSIONS, CLUSTERS, TURNS, TARGET = 1000, 768, 100, 9, 100.0
WAY = "as trained"  # how rows are measured: as runs are carried out, one thread a process
WHAT = f"k-medoids of {POINTS:,} points in {DIMENSIONS} dimensions, k = {CLUSTERS}, against scikit-learn-extra's PAM"


def measure_medoids() -> dict[str, Any]:
    """A row of the bench: ratio of times, losses of both, and how many classes a second."""
    vectors = np.random.default_rng(0).normal(size=(POINTS, DIMENSIONS))
    distances = pairwise_distances(unit_vectors(vectors))
    fast = [timed(distances, "kmedoids", seed) for seed in range(TURNS)]
    slow, loss = timed(distances, "scikit-learn-extra", 0)
    seconds = float(np.median([s for s, _ in fast[1:]]))  # the first turn warms up
    return {
        "what": WHAT,
        "target": TARGET,
        WAY: {
            "ratio": round(slow / seconds, 2),
            "seconds": [round(seconds, 4), round(slow, 2)],
            "loss": [round(float(np.mean([found for _, found in fast])), 3), round(loss, 3)],
        },
    }


def timed(distances: np.ndarray, backend: Backend, seed: int) -> tuple[float, float]:
    """Seconds and loss of one clustering."""
    start = time.perf_counter()
    loss = find_medoids(distances, CLUSTERS, seed, backend).loss
    return time.perf_counter() - start, loss


def describe_medoids(row: dict[str, Any]) -> str:
    """The row as text."""
    found = row[WAY]
    reached = found["ratio"] >= row["target"] and found["loss"][0] <= 1.001 * found["loss"][1]
    times, losses = ("{:g} against {:g}".format(*found[name]) for name in ("seconds", "loss"))
    word = "reached" if reached else "MISSED"
    return f"{row['what']}\n  {found['ratio']:.0f}x ({times} s, loss {losses}), target {row['target']:g}x {word}"
