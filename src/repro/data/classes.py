"""What is known of ImageNet's 1,000 classes without an image: names, definitions, what raters saw, how models fared.

Names, definitions and the raters' labels of the 50,000 validation images (Beyer et al. 2020) come with timm. The
accuracy of four models in each class is counted from the predictions that ImageNet-X released (Idrissi et al. 2023,
CC-BY-NC 4.0): it is read from `REPRO_DATA/imagenet` and is no part of this project.
"""

import functools
import hashlib
import json
import pkgutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repro import paths
from repro.compat import mend_torchvision
from repro.data import files
from repro.data.files import DataError

ACCURACY_FILE = "imagenetx_perclass_acc.npz"
FEATURE_FILE = "class_means.npy"
MODELS = ("ViT", "DINO", "ResNet50", "SimCLR")  # in the order of their accuracy over all classes
CLASSES = 1000
MEND = (
    "it holds the WordNet ids as `syn` and an accuracy of each of "
    f"{', '.join(MODELS)} in each class, counted from the predictions in github.com/facebookresearch/imagenetx; "
    "point REPRO_DATA at the folder that holds `imagenet`"
)


@dataclass(frozen=True)
class Pool:
    """Accuracies of several models in each class, (models, classes) in [0, 1], and the class ids."""

    models: tuple[str, ...]
    classes: tuple[str, ...]
    accuracies: np.ndarray
    checksum: str

    def of(self, models: tuple[str, ...]) -> np.ndarray:
        """The rows of some models, in the order asked for."""
        return self.accuracies[[self.models.index(model) for model in models]]


def _lines(name: str) -> list[str]:
    mend_torchvision()
    content = pkgutil.get_data("timm.data", f"_info/{name}")
    assert content is not None  # part of timm's package
    return content.decode().splitlines()


@functools.cache
def class_ids() -> tuple[str, ...]:
    """WordNet ids of the 1,000 classes, sorted: the order in which every model numbers them."""
    return tuple(_lines("imagenet_synsets.txt"))


@functools.cache
def lemmas() -> dict[str, str]:
    """Words for each of ImageNet-21k's synsets, by id."""
    return dict(line.split("\t") for line in _lines("imagenet_synset_to_lemma.txt"))


@functools.cache
def glosses() -> dict[str, str]:
    """Words and definition of each of ImageNet-21k's 21,844 synsets, by id."""
    definitions = (line.split("\t") for line in _lines("imagenet_synset_to_definition.txt"))
    return {wnid: f"{lemmas()[wnid]}: {text}" for wnid, text in definitions}


@functools.cache
def rater_labels() -> list[list[int]]:
    """The classes that raters saw in each validation image; none for some images."""
    return json.loads("\n".join(_lines("imagenet_real_labels.json")))


@functools.cache
def clarity() -> np.ndarray:
    """Share of the images with a class in which raters saw no other, (1000,): how plain a class is to people."""
    seen, alone = np.zeros(CLASSES), np.zeros(CLASSES)
    for labels in rater_labels():
        seen[labels] += 1
        alone[labels] += len(labels) == 1
    return alone / seen


@functools.cache
def rater_means() -> np.ndarray:
    """Mean over the images of a class of what raters saw in them, (1000, 1000).

    An image's feature is 1 / n for each of the n classes seen in it. It stands in for the mean feature of a network.
    """
    total, seen = np.zeros((CLASSES, CLASSES)), np.zeros(CLASSES)
    for labels in rater_labels():
        seen[labels] += 1
        total[np.ix_(labels, labels)] += 1 / max(1, len(labels))
    return total / seen[:, None]


def read_pool(file: Path | None = None) -> Pool:
    """The four models of ImageNet-X. Raises DataError where the file is missing or not what it should be."""
    file = file or paths.data() / "imagenet" / ACCURACY_FILE
    if not file.is_file():
        raise DataError(f"no file {file}; {MEND}")
    arrays = files.read_arrays(file, MEND)
    try:
        classes = tuple(map(str, arrays["syn"]))
        accuracies = np.stack([arrays[model] for model in MODELS]).astype(float)
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{file} is damaged: {error}; {MEND}") from error
    if classes != class_ids() or not ((accuracies >= 0) & (accuracies <= 1)).all():
        raise DataError(f"{file} is damaged: other classes than ImageNet's, or accuracies outside [0, 1]; {MEND}")
    return Pool(MODELS, classes, accuracies, checksum(accuracies))


def read_features(file: Path | None = None) -> np.ndarray:
    """Mean feature of each class, (1000, dim). Raises DataError; `repro tickets features` makes the file."""
    file = file or paths.data() / "imagenet" / FEATURE_FILE
    mend = (
        "make it with `repro tickets features --model vit_base_patch8_224.dino --images "
        f"$REPRO_DATA/imagenet/val --out {file}`"
    )
    if not file.is_file():
        raise DataError(f"no file {file}; {mend}")
    features = files.read_features(file, mend)
    if len(features) != CLASSES:
        raise DataError(f"{file} holds features of {len(features)} classes, not of ImageNet's {CLASSES:,}; {mend}")
    return features


def checksum(array: np.ndarray) -> str:
    """First 12 hex digits of the SHA-256 of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:12]
