"""Data sets, as tensors where they fit in memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Union

import torch

from repro import paths
from repro.compat import mend_torchvision
from repro.config import Data
from repro.data import cifar, digits
from repro.data.memory import remember
from repro.data.subsets import keep_images, keep_names
from repro.data.tensors import Dataset, Split

if TYPE_CHECKING:
    from repro.data.imagenet import FolderDataset

mend_torchvision()
AnyDataset = Union[Dataset, "FolderDataset"]
LOADERS = {
    "digit-scans": digits.load_scans,
    "digit-scenes": digits.load_scenes,
    "digit-pairs": digits.load_pairs,
    "cifar10": cifar.load,
    "cifar100": cifar.load_cifar100,
}
# Of those that are read from files, in the folder of all data.
FOLDERS = {"cifar10": cifar.CIFAR10.folder, "cifar100": cifar.CIFAR100.folder}


def load_dataset(config: Data) -> AnyDataset:
    """The data set of a config: what it keeps of classes and images.

    Raises files.DataError where files are missing, damaged or not those published, ValueError where fewer images exist
    than asked for, and ConfigError for a class that does not exist.
    """
    if config.name == "imagenet":
        from repro.data.imagenet import FolderDataset

        return FolderDataset(config=config)
    return load_in_memory(config)


def files_of(config: Data) -> list[Path]:
    """The files that a data set is read from; none for one that is made."""
    return sorted((paths.data() / FOLDERS[config.name]).glob("*")) if config.name in FOLDERS else []


@remember(files_of)
def load_in_memory(config: Data) -> Dataset:
    """A data set as tensors."""
    full = LOADERS[config.name]()
    names = keep_names(full.classes, config)
    train, test = keep(full.train, config, train=True), keep(full.test, config, train=False)
    train, test = train.first(config.train_images, config.skipped_images), test.first(config.test_images)
    return Dataset(full.name, train, test, names, full.origin)


def keep(split: Split, config: Data, *, train: bool) -> Split:
    """The images that a config keeps of a whole split, with the labels they have among the classes kept."""
    if config.classes is None and config.one_in == 1:
        return split
    places, labels = keep_images(split.labels.numpy(), config, train=train)
    return Split(split.images[torch.from_numpy(places)], torch.from_numpy(labels))
