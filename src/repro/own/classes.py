"""Class tickets of a data set of your own: files in, a policy of paper C (section 3), CSV out.

Classes are numbered from 0 in the order of the file that names them: the accuracies, the list of names, or the class
folders in the order of their names. What a policy does not look at is refused, so that nobody believes it counted.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from repro.config import ConfigError
from repro.data.embeddings import embed_labels
from repro.data.files import list_images, read_features, read_names, read_per_class
from repro.data.wordnet import ancestry, known_nouns
from repro.tickets.classes import (
    Ticket,
    consistent_classes,
    rank_classes,
    reduce_images,
    sample_classes,
)
from repro.tickets.clusters import check_clustering, cluster_classes
from repro.tickets.hierarchy import merge_deepest, merge_smallest, stand_ins

MERGES = {"": merge_deepest, "literal": merge_deepest, "balanced": merge_smallest}
SEEDS = 2**32  # what every generator takes


@dataclass(frozen=True)
class Policy:
    """The file that a policy cannot do without, and what else it looks at."""

    needs: str
    takes: tuple[str, ...]


RANKED = Policy("per_class", ("model", "count"))
POLICIES = {
    "rs": Policy("names", ("per_class", "count", "seed")),
    "erc": Policy("per_class", ("threshold", "count", "ties", "seed")),
    **dict.fromkeys(("pd-top", "pd-mid", "pd-bottom", "pd-uniform"), RANKED),
    "wnh": Policy("names", ("per_class", "variant", "count")),
    "wec": Policy("names", ("per_class", "variant", "backend", "count", "seed")),
    "sec": Policy("features", ("names", "per_class", "variant", "backend", "count", "seed")),
    "nir": Policy("images", ("divisor", "seed")),
}


@dataclass(frozen=True)
class Files:
    """What is known of the classes; see `repro tickets classes --help`."""

    per_class: Path | None = None
    names: Path | None = None
    features: Path | None = None
    images: Path | None = None


@dataclass(frozen=True)
class Choices:
    """What a policy leaves open; each policy looks at its own."""

    count: int = 100
    threshold: int = 200
    ties: bool = False
    variant: str = ""
    backend: str = "kmedoids"
    divisor: int = 10
    model: str = ""
    seed: int = 0


def choose_classes(policy: str, files: Files, chosen: Mapping[str, Any], out: TextIO) -> None:
    """Write the ticket as CSV: number, class (nir: file), reason. Raises ConfigError, DataError.

    `chosen` are fields of Choices; the others keep their defaults.
    """
    check_options(policy, {name: file for name, file in vars(files).items() if file} | dict(chosen))
    choices = Choices(**chosen)
    if not 0 <= choices.seed < SEEDS:
        raise ConfigError(f"--seed must be a whole number from 0 to {SEEDS - 1}; got {choices.seed}")
    rows: list[tuple[int, str, str]]
    if files.images is not None:
        rows = reduce_folder(files.images, choices)
    else:
        names, ticket = find_ticket(policy, files, choices)
        rows = [(number, names[number] if names else "", why) for number, why in ticket.items()]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["number", "file" if policy == "nir" else "class", "reason"])
    writer.writerows(rows)


def check_options(policy: str, given: Mapping[str, Any]) -> None:
    """Raise ConfigError for an unknown policy, a lacking file, and an option that the policy does not look at."""
    if policy not in POLICIES:
        raise ConfigError(f"unknown policy {policy!r}: choose one of {', '.join(POLICIES)}")
    needs, takes = POLICIES[policy].needs, POLICIES[policy].takes
    for name in given:
        if name not in (needs, *takes):
            options = ", ".join(map(as_option, (needs, *takes)))
            raise ConfigError(f"policy {policy} does not look at {as_option(name)}; it takes {options}")
    if needs not in given and not (needs == "names" and "per_class" in given):
        raise ConfigError(f"policy {policy} needs {as_option(needs)}")
    if "names" in given and "per_class" in given:
        raise ConfigError("--names and --per-class both name the classes; give one of them")
    if given.get("variant") == "k-means" and "backend" in given:
        raise ConfigError("k-means does not look at --backend; leave it out, or choose --variant k-medoids")


def as_option(name: str) -> str:
    """A field as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def find_ticket(policy: str, files: Files, choices: Choices) -> tuple[list[str], Ticket]:
    """Names of all classes, and the ticket. Raises ConfigError."""
    names, models, accuracies = read_classes(files)
    if policy == "rs":
        return names, sample_classes(len(names), choices.count, choices.seed)
    if policy == "erc":
        sizes = {"threshold": choices.threshold, "target": choices.count, "seed": choices.seed}
        return names, consistent_classes(accuracies, strict=not choices.ties, **sizes)
    if policy.startswith("pd-"):
        pattern: Any = policy.removeprefix("pd-")
        row = pick_model(choices.model, models, accuracies)
        return names, rank_classes(accuracies[row], pattern, choices.count)
    if policy == "wnh":
        return names, merge(names, choices)
    return names, cluster(names, files.features, choices)


def merge(names: list[str], choices: Choices) -> Ticket:
    """WNH on WordNet ids."""
    if choices.variant not in MERGES:
        raise ConfigError(f"variant of wnh must be literal or balanced; got {choices.variant!r}")
    nouns = known_nouns(names)
    groups = MERGES[choices.variant]([ancestry(name, nouns) for name in names], choices.count)
    return stand_ins({f"{nouns[node].word} ({node})": classes for node, classes in groups.items()})


def cluster(names: list[str], features: Path | None, choices: Choices) -> Ticket:
    """WEC on the names, SEC on the features."""
    method: Any = choices.variant or "k-medoids"
    backend: Any = choices.backend
    check_clustering(method, backend)
    vectors, by = embed_labels(names, names) if features is None else (read_features(features), "features")
    if names and len(vectors) != len(names):
        raise ConfigError(f"{len(vectors)} features do not belong to {len(names)} names")
    found = cluster_classes(vectors, choices.count, choices.seed, method, backend)
    return {number: f"{why}, by {by}" for number, why in found.items()}


def read_classes(files: Files) -> tuple[list[str], list[str], np.ndarray]:
    """Names of the classes, names of the models and accuracies (models, classes); empty where there are none."""
    if files.per_class:
        return read_per_class(files.per_class)
    return read_names(files.names) if files.names else [], [], np.empty((0, 0))


def pick_model(wanted: str, models: list[str], accuracies: np.ndarray) -> int:
    """Row of the model that PD sorts by: the one asked for, else the best over all. Raises ConfigError."""
    if wanted and wanted not in models:
        raise ConfigError(f"no model {wanted!r}; there are {', '.join(models)}")
    return models.index(wanted) if wanted else int(accuracies.mean(axis=1).argmax())


def reduce_folder(folder: Path, choices: Choices) -> list[tuple[int, str, str]]:
    """Number, file and reason of each image that NiR keeps of a folder of class folders."""
    files, classes = list_images(folder)
    labels = np.array([classes.index(file.parent.name) for file in files])
    kept = reduce_images(labels, choices.divisor, choices.seed)
    why = f"one in {choices.divisor} of its class, seed {choices.seed}"
    return [(int(k), files[k].relative_to(folder).as_posix(), why) for k in kept]
