"""The data set of a run, where its classes may be those that another run chose (paper C)."""

from dataclasses import replace
from pathlib import Path

from repro.config import ChooseRun, ConfigError, Data, Model
from repro.data import AnyDataset, load_dataset
from repro.procedures.origins import FolderOf
from repro.training.checkpoint import load_tensors

CLASSES_FILE = "classes.safetensors"  # what a run that chooses classes leaves: `ids`, int64 and rising


def open_data(config: Data, folder_of: FolderOf, model: Model | None = None) -> AnyDataset:
    """The data set of a run; `folder_of` names the folder of the run that chose its classes.

    Raises ConfigError where `model` is given and has not one output for each class, and DamagedFile.
    """
    if isinstance(config.classes, ChooseRun):
        config = replace(config, classes=read_classes(folder_of(config.classes)))
    dataset = load_dataset(config)
    if model and model.classes != (count := len(dataset.classes)):
        raise ConfigError(
            f"the data have {count} classes, and {model.name} has {model.classes} outputs; use Model(classes={count})"
        )
    return dataset


def check_data(config: Data) -> None:
    """Raise DataError where the files of a data set are not here; which classes a run chooses need not be known yet."""
    load_dataset(replace(config, classes=None) if isinstance(config.classes, ChooseRun) else config)


def read_classes(folder: Path) -> tuple[int, ...]:
    """The classes that a finished run chose. Raises DamagedFile."""
    return tuple(load_tensors(folder / CLASSES_FILE)[0]["ids"].tolist())
