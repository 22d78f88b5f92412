"""Image files of named classes: in a folder of class folders, or in tar shards; one that is damaged is an error.

timm's own data set warns of an image that it cannot read and takes the next one, so that a run would train on other
images than its record says. Its reader of shards reads them whole to list them, and keeps the list as a pickle. Here a
shard is listed by its headers once, which is kept under REPRO_HOME, and images are read at their places in it. Both
layouts of the same images have the same names in the same order, so a run is the same on either.
"""

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.data.readers.reader_image_folder import find_images_and_targets
from timm.utils.misc import natural_key

from repro.data import shards
from repro.data.files import DataError
from repro.disk import reopening


class ImageFiles(ABC):
    """Images by number, in the order of their names, with the number of their class."""

    names: list[str]  # class and file, such as n01440764/n01440764_10026.JPEG
    labels: np.ndarray  # (images,)

    @abstractmethod
    def where(self, number: int) -> str:
        """Where an image lies, for a person."""

    @abstractmethod
    def size(self, number: int) -> int:
        """Bytes of an image."""

    @abstractmethod
    def read(self, number: int) -> bytes:
        """The bytes of an image. Raises OSError."""

    def open(self, number: int) -> Image.Image:
        """An image in RGB. Raises DataError where it is damaged, naming it."""
        try:
            return Image.open(io.BytesIO(self.read(number))).convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(
                f"{self.where(number)} is damaged: {error}; unpack or fetch it again, `repro data check imagenet "
                "--decode` names all that are"
            ) from error


class InFolders(ImageFiles):
    """Images in class folders."""

    def __init__(self, folder: Path, classes: Iterable[str]) -> None:
        self.folder = folder
        found, _ = find_images_and_targets(str(folder), class_to_idx={name: n for n, name in enumerate(classes)})
        self.names = [str(Path(file).relative_to(folder)) for file, _ in found]
        self.labels = np.array([label for _, label in found], int)

    def where(self, number: int) -> str:
        """Its path, and that of the shard where it lies in one."""
        return str(self.folder / self.names[number])

    def size(self, number: int) -> int:
        """Bytes of an image."""
        return (self.folder / self.names[number]).stat().st_size

    def read(self, number: int) -> bytes:
        """The bytes of an image. Raises OSError, or StaleFile."""
        file = self.folder / self.names[number]
        return reopening(file, file.read_bytes)


class InShards(ImageFiles):
    """Images in tar files of a folder."""

    def __init__(self, folder: Path, classes: Iterable[str]) -> None:
        self.index = shards.read_index(folder)
        number = {name: n for n, name in enumerate(classes)}
        found = [(place, name) for place, name in enumerate(self.index.names()) if name.partition("/")[0] in number]
        found.sort(key=lambda one: natural_key(one[1]))
        self.places = np.array([place for place, _ in found], int)
        self.names = [name for _, name in found]
        self.labels = np.array([number[name.partition("/")[0]] for name in self.names], int)

    def where(self, number: int) -> str:
        """Its path, and that of the shard where it lies in one."""
        return f"{self.index.file(self.places[number])}: {self.names[number]}"

    def size(self, number: int) -> int:
        """Bytes of an image."""
        return int(self.index.sizes[self.places[number]])

    def read(self, number: int) -> bytes:
        """The bytes of an image. Raises OSError, or StaleFile."""
        return self.index.read(self.places[number])


class Images(torch.utils.data.Dataset):
    """Images of some numbers, as (image, label), transformed."""

    def __init__(
        self, files: ImageFiles, numbers: np.ndarray, labels: np.ndarray, transform: Callable[[Any], Any] | None = None
    ) -> None:
        self.files, self.numbers, self.labels, self.transform = files, numbers, labels, transform

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        image = self.files.open(int(self.numbers[place]))
        return self.transform(image) if self.transform else image, int(self.labels[place])

    @property
    def names(self) -> list[str]:
        """Class and file of each."""
        return [self.files.names[number] for number in self.numbers]

    def sizes(self) -> Iterator[int]:
        """Bytes of each."""
        return (self.files.size(number) for number in self.numbers)


def find_images(folder: Path, classes: Iterable[str]) -> ImageFiles:
    """The images of these classes in a folder, whichever way they lie there. Raises DataError."""
    return InShards(folder, classes) if holds_shards(folder) else InFolders(folder, classes)


def find_classes(folder: Path) -> tuple[str, ...]:
    """Names of the classes that a folder has images of, sorted. Raises DataError."""
    if holds_shards(folder):
        return tuple(sorted({name.partition("/")[0] for name in shards.read_index(folder).names()}))
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))


def holds_shards(folder: Path) -> bool:
    """Whether the images of a folder lie in tar files. Raises DataError where there are class folders too."""
    if not any(folder.glob("*.tar")):
        return False
    if mixed := next((path for path in folder.iterdir() if path.is_dir()), None):
        raise DataError(f"{folder} holds tar shards and the folder {mixed.name}; move one of the two away")
    return True


def say_alone(batches: Iterable[Any]) -> Iterator[Any]:
    """What a torch DataLoader gives; an error of a worker process is said in the worker's words alone."""
    try:
        yield from batches
    except DataError as error:
        raise DataError(str(error).rpartition("DataError: ")[2].strip()) from error
