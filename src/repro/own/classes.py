"""Class tickets of a data set of your own: files in, a policy of paper C (section 3), CSV out.

Classes are numbered from 0 in the order of the file that names them: the accuracies, the list of names, or the class
folders in the order of their names. Every policy takes the seed; those that draw nothing do not use it.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from repro.config import ConfigError
from repro.data.embeddings import embed_labels
from repro.data.wordnet import ancestry, known_nouns
from repro.tickets.classes import (
    Ticket,
    check_accuracies,
    consistent_classes,
    rank_classes,
    reduce_images,
    sample_classes,
)
from repro.tickets.clusters import check_clustering, cluster_classes
from repro.tickets.hierarchy import merge_deepest, merge_smallest, stand_ins

NEEDS = {  # policy -> the file it cannot do without
    "rs": "names",
    "erc": "per_class",
    **dict.fromkeys(("pd-top", "pd-mid", "pd-bottom", "pd-uniform"), "per_class"),
    "wnh": "names",
    "wec": "names",
    "sec": "features",
    "nir": "images",
}
MERGES = {"": merge_deepest, "literal": merge_deepest, "balanced": merge_smallest}


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


def choose_classes(policy: str, files: Files, choices: Choices, out: TextIO) -> None:
    """Write the ticket as CSV: number, class (nir: file), reason. Raises ConfigError."""
    if policy not in NEEDS:
        raise ConfigError(f"unknown policy {policy!r}: choose one of {', '.join(NEEDS)}")
    needed = NEEDS[policy]
    if getattr(files, needed) is None and not (needed == "names" and files.per_class):
        raise ConfigError(f"policy {policy} needs --{needed.replace('_', '-')}")
    if policy == "nir":
        assert files.images is not None  # checked above
        rows = reduce_folder(files.images, choices)
    else:
        names, ticket = find_ticket(policy, files, choices)
        rows = [(number, names[number] if names else "", why) for number, why in ticket.items()]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["number", "file" if policy == "nir" else "class", "reason"])
    writer.writerows(rows)


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
    return names, cluster(policy, names, files.features, choices)


def merge(names: list[str], choices: Choices) -> Ticket:
    """WNH on WordNet ids."""
    if choices.variant not in MERGES:
        raise ConfigError(f"variant of wnh must be literal or balanced; got {choices.variant!r}")
    nouns = known_nouns(names)
    groups = MERGES[choices.variant]([ancestry(name, nouns) for name in names], choices.count)
    return stand_ins({f"{nouns[node].word} ({node})": classes for node, classes in groups.items()})


def cluster(policy: str, names: list[str], features: Path | None, choices: Choices) -> Ticket:
    """WEC on the names, SEC on the features."""
    method: Any = choices.variant or "k-medoids"
    backend: Any = choices.backend
    check_clustering(method, backend)
    vectors, by = (
        embed_labels(names, names) if features is None or policy == "wec" else (read_array(features), "features")
    )
    if names and len(vectors) != len(names):
        raise ConfigError(f"{len(vectors)} features do not belong to {len(names)} names")
    found = cluster_classes(vectors, choices.count, choices.seed, method, backend)
    return {number: f"{why}, by {by}" for number, why in found.items()}


def read_array(file: Path) -> np.ndarray:
    """An array from a .npy file. Raises ConfigError where it is missing or no such file."""
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"{file} is no .npy file that can be read: {error}") from error


def read_classes(files: Files) -> tuple[list[str], list[str], np.ndarray]:
    """Names of the classes, names of the models and accuracies (models, classes); empty where there are none."""
    if files.per_class:
        return read_per_class(files.per_class)
    if files.names is None:
        return [], [], np.empty((0, 0))
    names = [line.strip() for line in read_text(files.names).splitlines() if line.strip()]
    check_distinct(names, files.names)
    return names, [], np.empty((0, 0))


def read_per_class(file: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Names of classes and models, and accuracies (models, classes), from CSV. Raises ConfigError, naming the line."""
    header, *rows = list(csv.reader(read_text(file).splitlines())) or [[]]
    if len(header) < 2 or not rows:
        raise ConfigError(f"{file} must have a header `class,model,...` and a line for each class")
    values = []
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ConfigError(f"{file}, line {number}: {len(row)} columns where the header has {len(header)}")
        try:
            values.append([float(cell) for cell in row[1:]])
        except ValueError as error:
            raise ConfigError(f"{file}, line {number}: {error}; accuracies are numbers in [0, 1]") from error
    names = [row[0] for row in rows]
    check_distinct(names, file)
    return names, header[1:], check_accuracies(np.array(values).T, names)


def pick_model(wanted: str, models: list[str], accuracies: np.ndarray) -> int:
    """Row of the model that PD sorts by: the one asked for, else the best over all. Raises ConfigError."""
    if wanted and wanted not in models:
        raise ConfigError(f"no column {wanted!r}; there are {', '.join(models)}")
    return models.index(wanted) if wanted else int(accuracies.mean(axis=1).argmax())


def reduce_folder(folder: Path, choices: Choices) -> list[tuple[int, str, str]]:
    """Number, file and reason of each image that NiR keeps of a folder of class folders."""
    files = sorted(file for file in folder.glob("*/*") if file.is_file())
    if not files:
        raise ConfigError(f"no images in the class folders of {folder}")
    classes = sorted({file.parent.name for file in files})
    labels = np.array([classes.index(file.parent.name) for file in files])
    kept = reduce_images(labels, choices.divisor, choices.seed)
    why = f"one in {choices.divisor} of its class, seed {choices.seed}"
    return [(int(k), files[k].relative_to(folder).as_posix(), why) for k in kept]


def read_text(file: Path) -> str:
    """A file's text. Raises ConfigError where it cannot be read."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def check_distinct(names: list[str], file: Path) -> None:
    """Raise ConfigError where a class is named twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigError(f"{file} names class {name!r} twice")
        seen.add(name)
