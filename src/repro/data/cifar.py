"""CIFAR-10 and CIFAR-100 in the publisher's binary layout (Krizhevsky 2009).

An image is its label bytes and 3,072 pixel bytes. CIFAR-10 has one label byte, CIFAR-100 a coarse and a fine one, of
which the fine one is the label here. Files are read by size and range, never unpickled. `REPRO_DATA` may point at a
folder that already holds `cifar-10-batches-bin` or `cifar-100-binary`.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repro import paths
from repro.data.content import check_allowed, file_state, unordered_checksum
from repro.data.files import DataError
from repro.data.tensors import Dataset, Split
from repro.data.wordnet import read_cifar100

PIXEL_BYTES = 3 * 32 * 32


@dataclass(frozen=True, eq=False)
class Layout:
    """Where one of the two lies, how its files are made up, and what they hold."""

    name: str
    title: str
    folder: str
    train: dict[str, int]  # file -> images in it
    test: dict[str, int]
    label_bytes: int  # the last one is the label
    classes: tuple[str, ...]
    published: tuple[str, str]  # unordered checksums of the training and of the test records

    @property
    def mend(self) -> str:
        """What to do where a file is missing or damaged."""
        return f"mend it with `repro data fetch {self.name}`, or point REPRO_DATA at a folder that holds {self.folder}"


CIFAR10 = Layout(
    name="cifar10",
    title="CIFAR-10",
    folder="cifar-10-batches-bin",
    train={f"data_batch_{i}.bin": 10_000 for i in range(1, 6)},
    test={"test_batch.bin": 10_000},
    label_bytes=1,
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    published=("55a61f79a40e", "325704b01eb9"),
)
CIFAR100 = Layout(
    name="cifar100",
    title="CIFAR-100",
    folder="cifar-100-binary",
    train={"train.bin": 50_000},
    test={"test.bin": 10_000},
    label_bytes=2,
    classes=tuple(read_cifar100()),
    published=("7077d87fc363", "96adb3db8da7"),
)


def load(folder: Path | None = None) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images. Raises DataError as `read_dataset` does."""
    return read_dataset(CIFAR10, folder or paths.data() / CIFAR10.folder)


def load_cifar100(folder: Path | None = None) -> Dataset:
    """CIFAR-100 with its 100 fine labels: 50,000 training and 10,000 test images. Raises DataError."""
    return read_dataset(CIFAR100, folder or paths.data() / CIFAR100.folder)


def read_dataset(layout: Layout, folder: Path) -> Dataset:
    """Both splits from a folder, read once by a process unless a file changes.

    Raises DataError where a file is missing or damaged, and where images or labels are not those published, unless
    `REPRO_ALLOW_OTHER_DATA` lets them in.
    """
    files = (folder / name for name in layout.train | layout.test)
    dataset, other = _read(layout, folder, tuple(file_state(file) if file.is_file() else None for file in files))
    if other:
        check_allowed(f"{folder}: the images of {' and of '.join(other)}", layout.mend)
    return dataset


@functools.lru_cache(maxsize=2)
def _read(layout: Layout, folder: Path, _: tuple) -> tuple[Dataset, list[str]]:
    """Both splits, and the files whose content is not the published one; the states of the files are for the cache."""
    splits, other = [], []
    for files, published in zip((layout.train, layout.test), layout.published, strict=True):
        records = np.concatenate([read_records(layout, folder / name, images) for name, images in files.items()])
        splits.append(make_split(layout, records))
        if unordered_checksum(records) != published:
            other.append(" to ".join(sorted({min(files), max(files)})))
    train, test = splits
    return Dataset(layout.name, train, test, layout.classes, "other" if other else "published"), other


def read_records(layout: Layout, file: Path, images: int) -> np.ndarray:
    """Label and pixel bytes (images, record bytes) of one file. Raises DataError."""
    if not file.is_file():
        raise DataError(f"{layout.title} is not here: no file {file}; {layout.mend}")
    record_bytes = layout.label_bytes + PIXEL_BYTES
    expected, found = images * record_bytes, file.stat().st_size
    if found != expected:
        raise DataError(f"{file} is damaged: {found:,} bytes where {expected:,} belong; {layout.mend}")
    records = np.fromfile(file, np.uint8).reshape(-1, record_bytes)
    labels, highest = records[:, layout.label_bytes - 1], len(layout.classes) - 1
    if labels.max() > highest:
        where = f"image {labels.argmax():,} has label {labels.max()}, over {highest}"
        raise DataError(f"{file} is damaged: {where}; {layout.mend}")
    return records


def make_split(layout: Layout, records: np.ndarray) -> Split:
    """Images (n, 32, 32, 3) and labels (n,) of records, whose pixels lie plane by plane."""
    pixels = records[:, layout.label_bytes :].reshape(-1, 3, 32, 32)
    return Split.of(pixels.transpose(0, 2, 3, 1), records[:, layout.label_bytes - 1])
