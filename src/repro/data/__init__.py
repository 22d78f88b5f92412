"""Data sets, as tensors where they fit in memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Union

from repro import paths
from repro.compat import mend_torchvision
from repro.config import Data
from repro.data import cifar, digits
from repro.data.memory import remember
from repro.data.tensors import Dataset

if TYPE_CHECKING:
    from repro.data.imagenet import FolderDataset

mend_torchvision()
AnyDataset = Union[Dataset, "FolderDataset"]
LOADERS = {"digit-scans": digits.load_scans, "digit-scenes": digits.load_scenes, "cifar10": cifar.load}
FOLDERS = {"cifar10": cifar.FOLDER}  # of those that are read from files, in the folder of all data


def load_dataset(config: Data) -> AnyDataset:
    """The data set of a config, whole or its first images.

    Raises cifar.DataError where files are missing or damaged, ValueError where fewer images exist than asked for.
    """
    if config.name == "imagenet":
        from repro.data.imagenet import FolderDataset

        return FolderDataset()
    return load_in_memory(config)


def files_of(config: Data) -> list[Path]:
    """The files that a data set is read from; none for one that is made."""
    return sorted((paths.data() / FOLDERS[config.name]).glob("*")) if config.name in FOLDERS else []


@remember(files_of)
def load_in_memory(config: Data) -> Dataset:
    """A data set as tensors."""
    full = LOADERS[config.name]()
    train = full.train.first(config.train_images, config.skipped_images)
    return Dataset(full.name, train, full.test.first(config.test_images), full.classes)
