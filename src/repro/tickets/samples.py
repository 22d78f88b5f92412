"""Tickets made of samples (paper C, Appendix I): which of the training items a subset keeps. Pure: arrays in, ids out.

The paper says only that consistent samples across four configurations are taken until a tenth of the data is reached.
Two readings are here. `ordered` is its Algorithm 1 on single samples: a sample is consistent where its losses are
strictly ordered as the configurations are on the whole data; chance orders 1 in 24 so, fewer than a tenth, and the
reader may doubt what fills the rest: here the samples nearest to that order, by Kendall's distance. `agreed` scans
samples in random order and takes those that every configuration gets right.
"""

from itertools import pairwise

import numpy as np


def rank_configurations(accuracies: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Numbers of the configurations, best first: by accuracy (configurations,), where equal by the lower loss."""
    return np.lexsort((losses, -accuracies))


def find_consistent(losses: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Whether each sample's losses (configurations, samples) rise strictly from the best configuration to the worst."""
    ranked = losses[order]
    return np.all([low < high for low, high in pairwise(ranked)], axis=0)


def count_inversions(losses: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Kendall's distance of each sample: pairs of configurations whose losses do not rise from the better to the worse.

    Equal losses count as an inversion, so 0 is the same as consistent.
    """
    ranked = losses[order]
    pairs = [ranked[i] >= ranked[j] for i in range(len(ranked)) for j in range(i + 1, len(ranked))]
    return np.sum(pairs, axis=0)


def choose_ordered(losses: np.ndarray, order: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The `count` samples nearest to the configurations' order, sorted; drawn at random among equally near ones.

    So where more are consistent than wanted, it is a random choice of them, as in Algorithm 1.
    """
    distance = count_inversions(losses, order)
    check_count(count, len(distance))
    return np.sort(np.lexsort((rng.permutation(len(distance)), distance))[:count])


def choose_agreed(correct: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The first `count` samples of a random scan that every configuration gets right, sorted.

    `correct` is (configurations, samples). Raises ValueError where there are fewer.
    """
    agreed = np.flatnonzero(correct.all(axis=0))
    check_count(count, len(agreed))
    return np.sort(rng.permutation(agreed)[:count])


def choose_random(samples: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of `samples` ids, drawn at random, sorted."""
    check_count(count, samples)
    return np.sort(rng.permutation(samples)[:count])


def choose_stratified(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` ids in which each class has its share of all, to within one, drawn at random in each class, sorted."""
    check_count(count, len(labels))
    sizes = np.bincount(labels)
    exact = sizes * count / len(labels)
    wanted = np.floor(exact).astype(int)
    wanted[np.argsort(wanted - exact, kind="stable")[: count - wanted.sum()]] += 1
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in enumerate(wanted)]
    return np.sort(np.concatenate(chosen))


def choose_margin(margins: np.ndarray, count: int, *, smallest: bool = True) -> np.ndarray:
    """The `count` ids with the smallest margins |z| along a probe (App. F.1), or with the largest, sorted."""
    check_count(count, len(margins))
    order = np.argsort(np.abs(margins), kind="stable")
    return np.sort(order[:count] if smallest else order[len(order) - count :])


def check_count(count: int, available: int) -> None:
    """Raise ValueError unless `count` samples, at least one, can be taken of those available."""
    if not 1 <= count <= available:
        raise ValueError(f"{count} samples are asked for; between 1 and {available} can be chosen")
