"""Data sets, as tensors where they fit in memory."""

from functools import lru_cache
from typing import TYPE_CHECKING, Union

from repro.compat import mend_torchvision
from repro.config import Data
from repro.data.tensors import Dataset

if TYPE_CHECKING:
    from repro.data.imagenet import FolderDataset

mend_torchvision()
AnyDataset = Union[Dataset, "FolderDataset"]


@lru_cache(maxsize=2)
def load_dataset(config: Data) -> AnyDataset:
    """The data set of a config, whole or its first images; kept in memory between the runs of a process.

    Raises files.DataError where files are missing, damaged or not those published, ValueError where fewer images exist
    than asked for.
    """
    from repro.data import cifar, digits

    if config.name == "imagenet":
        from repro.data.imagenet import FolderDataset

        return FolderDataset()
    loaders = {"digit-scans": digits.load_scans, "digit-scenes": digits.load_scenes, "cifar10": cifar.load}
    full = loaders[config.name]()
    train = full.train.first(config.train_images, config.skipped_images)
    return Dataset(full.name, train, full.test.first(config.test_images), full.classes, full.origin)
