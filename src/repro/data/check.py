"""Whether data sets are here and whole, in lines: counts and labels of ImageNet, the content of the others.

ImageNet's publisher gives no checksums of single images, so its check counts: images, classes, images a class, and
whether training images bear the name of their class. The validation images' names say nothing of their class; where
the list of Kaggle's competition lies beside them it is compared.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from repro import paths
from repro.config import Texts
from repro.data import cifar, text
from repro.data.classes import class_ids
from repro.data.files import DataError
from repro.data.image_files import ImageFiles, find_classes, find_images
from repro.data.imagenet import FolderDataset
from repro.machine import usable_cores

Finding = tuple[bool, str]  # fine or not, and what was found
BLOCK = 10_000  # images that are handed to threads at a time
SOLUTION = "LOC_val_solution.csv"  # ImageId,PredictionString: an image and the wnids of what is on it, first its class


@dataclass(frozen=True)
class Expected:
    """What ImageNet-1K holds."""

    train: int = 1_281_167
    val: int = 50_000
    train_each: tuple[int, int] = (732, 1300)  # fewest and most images of a class
    val_each: tuple[int, int] = (50, 50)

    def counts(self, split: str) -> tuple[int, tuple[int, int]]:
        """Images of a split, and of each of its classes."""
        return (self.train, self.train_each) if split == "train" else (self.val, self.val_each)


def check_imagenet(folder: Path, decode: bool = False, expected: Expected = Expected()) -> Iterator[Finding]:
    """What is found of ImageNet; `decode` reads every image to its end. Raises DataError where it is not there."""
    FolderDataset(folder)
    for split in ("train", "val"):
        yield from check_classes(split, find_classes(folder / split))
        files = find_images(folder / split, class_ids())
        yield from check_counts(split, files, *expected.counts(split))
        yield from check_names(split, files)
        if split == "val" and (folder / SOLUTION).exists():
            yield check_solution(files, folder / SOLUTION)
        if decode:
            yield from check_images(split, files)


def check_classes(split: str, found: Sequence[str]) -> Iterator[Finding]:
    """Whether a split has ImageNet's 1,000 classes and no others."""
    for what, names in (("lacks", set(class_ids()) - set(found)), ("has besides", set(found) - set(class_ids()))):
        if names:
            yield False, f"{split} {what} {len(names):,} classes, such as {', '.join(sorted(names)[:3])}"
    if set(found) == set(class_ids()):
        yield True, f"{split}: the {len(found):,} classes"


def check_counts(split: str, files: ImageFiles, count: int, each: tuple[int, int]) -> Iterator[Finding]:
    """Whether a split has so many images, and each class a number between two."""
    yield (
        len(files.names) == count,
        f"{split}: {len(files.names):,} images" + ("" if len(files.names) == count else f" where {count:,} belong"),
    )
    by_class = Counter(files.labels.tolist())
    odd = [n for n, name in enumerate(class_ids()) if not each[0] <= by_class[n] <= each[1]]
    wanted = f"{each[0]} to {each[1]:,}" if each[0] < each[1] else f"{each[0]}"
    if odd:
        yield (
            False,
            f"{split}: {class_ids()[odd[0]]} has {by_class[odd[0]]:,} images where {wanted} belong"
            + (f", and so do {len(odd) - 1:,} other classes" if len(odd) > 1 else ""),
        )
    else:
        yield True, f"{split}: {wanted} images of each class"


def check_names(split: str, files: ImageFiles) -> Iterator[Finding]:
    """Whether images bear the name of their class, where they bear one, and each is there once."""
    wnids = set(class_ids())
    named = [(name, stem) for name in files.names if (stem := Path(name).stem.partition("_")[0]) in wnids]
    if wrong := [name for name, stem in named if not name.startswith(f"{stem}/")]:
        yield False, f"{split}: {len(wrong):,} images lie in another class than their names say, such as {wrong[0]}"
    elif named:
        yield True, f"{split}: {len(named):,} images lie in the class that their names say"
    times = Counter(name.rpartition("/")[2] for name in files.names)
    if twice := [name for name, count in times.items() if count > 1]:
        yield False, f"{split}: {len(twice):,} images are there more than once, such as {twice[0]}"


def check_solution(files: ImageFiles, file: Path) -> Finding:
    """Whether validation images lie in the classes that a list gives them. Raises DataError."""
    try:
        with file.open(newline="") as stream:
            known = {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(stream)}
    except (OSError, ValueError, LookupError, AttributeError, csv.Error) as error:
        raise DataError(f"{file} is no list of images and classes: {error}; fetch it again or move it away") from error
    labels = [known.get(Path(name).stem) for name in files.names]
    wrong = [name for name, label in zip(files.names, labels, strict=True) if label != name.partition("/")[0]]
    if wrong:
        return False, f"val: {len(wrong):,} images are not of the class that {file.name} says, such as {wrong[0]}"
    return True, f"val: every image is of the class that {file.name} says"


def check_images(split: str, files: ImageFiles) -> Iterator[Finding]:
    """Whether every image can be read to its end; each that cannot is named."""

    def damage(number: int) -> str:
        try:
            files.open(number)
        except DataError as error:
            return str(error).partition("; ")[0]
        return ""

    count, whole = len(files.names), True
    with ThreadPoolExecutor(usable_cores()) as pool:  # Pillow decodes outside the interpreter's lock
        for first in range(0, count, BLOCK):
            for said in filter(None, pool.map(damage, range(first, min(first + BLOCK, count)))):
                whole = False
                yield False, said
    if whole:
        yield True, f"{split}: every image can be read"


def check_cifar(layout: cifar.Layout) -> Iterator[Finding]:
    """What is found of CIFAR-10 or CIFAR-100. Raises DataError."""
    found = cifar.read_dataset(layout, paths.data() / layout.folder)
    yield True, f"{len(found.train):,} and {len(found.test):,} images, content: {found.origin}"


def check_news() -> Iterator[Finding]:
    """What is found of AG News. Raises DataError."""
    news = Texts("ag-news")
    train, test = text.read_news(news)
    yield True, f"{len(train[0]):,} and {len(test[0]):,} texts, content: {text.news_origin(*text.news_files(news))}"


CHECKS: dict[str, Callable[[bool], Iterator[Finding]]] = {
    "cifar10": lambda decode: check_cifar(cifar.CIFAR10),
    "cifar100": lambda decode: check_cifar(cifar.CIFAR100),
    "ag_news": lambda decode: check_news(),
    "imagenet": lambda decode: check_imagenet(paths.data() / "imagenet", decode),
}
