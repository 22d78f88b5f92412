"""Class tickets from labels and accuracies: RS, ERC, PD and NiR of paper C (sections 3.1 to 3.3 and A).

Each policy takes plain arrays and returns the ids of the kept classes, sorted, each with the reason why it was kept.
Ties are what a reader may doubt: the paper's sign is a strict one, so by default a class in which two neighbouring
models are equally good is not consistent; where classes are sorted by accuracy, equal ones stay in the order of their
ids.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from repro.config import ConfigError

Ticket = dict[int, str]  # id of a kept class -> why it was kept, ids in rising order
Pattern = Literal["top", "mid", "bottom", "uniform"]
THRESHOLD, TARGET = 200, 100  # T and M_target of Algorithm 1


def check_count(count: int, classes: int) -> None:
    """Raise ConfigError unless 1 to `classes` classes are asked for."""
    if not 1 <= count <= classes:
        raise ConfigError(f"asked for {count} of {classes} classes; ask for 1 to {classes}")


def check_accuracies(accuracies: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
    """Accuracies (..., classes) as floats. Raises ConfigError for one that is no number or outside [0, 1]."""
    found = np.asarray(accuracies, float)
    bad = np.argwhere(~((found >= 0) & (found <= 1)))
    if len(bad):
        place = tuple(bad[0])
        who = names[place[-1]] if names else f"class {place[-1]}"
        raise ConfigError(f"accuracies must be numbers in [0, 1]; {who} has {found[place]}")
    return found


def sample_classes(classes: int, count: int, seed: int) -> Ticket:
    """RS: `count` classes, each set of that size equally likely. Raises ConfigError where there are too few."""
    check_count(count, classes)
    kept = np.sort(np.random.default_rng(seed).choice(classes, count, replace=False))
    return {int(c): f"drawn at random, seed {seed}" for c in kept}


def order_models(accuracies: np.ndarray) -> list[int]:
    """Rows of (models, classes) from the best to the worst over all classes. Raises ConfigError where two are equal."""
    if accuracies.ndim != 2 or len(accuracies) < 2:
        raise ConfigError(f"a pool needs the accuracies of at least two models; got {len(np.atleast_2d(accuracies))}")
    overall = accuracies.mean(axis=1).round(12)
    if len(np.unique(overall)) < len(overall):
        raise ConfigError("two models are equally good over all classes, so they have no order; leave one out")
    return [int(row) for row in np.argsort(-overall)]


def is_consistent(accuracies: np.ndarray, strict: bool = True) -> np.ndarray:
    """Which classes rank the models as all classes together do, (classes,), from accuracies (models, classes).

    Algorithm 1, line 2, with accuracy for risk as the paper does in practice. A class in which two neighbours of the
    order are equal passes only where `strict` is false.
    """
    ordered = accuracies[order_models(accuracies)]
    steps = ordered[:-1] - ordered[1:]
    return np.all(steps > 0 if strict else steps >= 0, axis=0)


def tied_share(accuracies: np.ndarray) -> np.ndarray:
    """Share of the classes in which each two neighbours of the order are equally good, (models - 1,)."""
    ordered = accuracies[order_models(accuracies)]
    return (ordered[:-1] == ordered[1:]).mean(axis=1)


def consistent_classes(
    accuracies: np.ndarray,
    *,
    strict: bool = True,
    threshold: int = THRESHOLD,
    target: int = TARGET,
    seed: int = 0,
) -> Ticket:
    """ERC, Algorithm 1: every consistent class; where those are more than `threshold`, `target` of them at random.

    Takes accuracies (models, classes) in any order of models. Raises ConfigError for fewer than two models, two that
    are equally good over all, an accuracy that is no number, a target below 1 or above the threshold, and where no
    class is consistent.
    """
    if target < 1:
        raise ConfigError(f"asked for {target} classes; ask for at least 1")
    if target > threshold:
        raise ConfigError(
            f"target {target} exceeds threshold {threshold}, so a reduced ticket would break its own limit"
        )
    found = np.flatnonzero(is_consistent(check_accuracies(accuracies), strict))
    if not len(found):
        raise ConfigError("no class ranks the models as all classes do; use fewer models, or allow ties")
    why = "ranks the models as all classes do"
    if len(found) > threshold:
        why += f"; one of {target} drawn from {len(found)}, seed {seed}"
        found = np.sort(np.random.default_rng(seed).choice(found, target, replace=False))
    return {int(c): why for c in found}


def rank_classes(accuracy: np.ndarray, pattern: Pattern, count: int) -> Ticket:
    """PD: the easiest, middle, hardest or evenly spaced classes by one model's accuracy in each, (classes,).

    Raises ConfigError for an accuracy that is no number in [0, 1] and where there are too few classes.
    """
    if pattern not in get_args(Pattern):
        raise ConfigError(f"pattern must be one of {', '.join(get_args(Pattern))}; got {pattern!r}")
    order = np.argsort(check_accuracies(accuracy), kind="stable")  # hardest first
    classes = len(order)
    check_count(count, classes)
    middle = (classes - count) // 2
    places = {
        "bottom": range(count),
        "top": range(classes - count, classes),
        "mid": range(middle, middle + count),
        "uniform": [(2 * k + 1) * classes // (2 * count) for k in range(count)],
    }[pattern]
    why = {int(order[place]): f"place {place + 1} of {classes} from the hardest" for place in places}
    return dict(sorted(why.items()))


def reduce_images(labels: np.ndarray, divisor: int = 10, seed: int = 0) -> np.ndarray:
    """NiR: positions of the images that are kept, sorted: of each class's n images ceil(n / divisor), at random.

    Every class has a draw of its own, so a class keeps the same images whatever others are there. Raises ConfigError
    for a divisor below 1.
    """
    if divisor < 1:
        raise ConfigError(f"divisor must be at least 1; got {divisor}")
    kept = []
    for label in np.unique(labels):
        images = np.flatnonzero(labels == label)
        order = np.random.default_rng([seed, int(label)]).permutation(len(images))
        kept.append(images[order[: -(-len(images) // divisor)]])
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, int)
