"""CIFAR-10 in the publisher's binary layout (Krizhevsky 2009): one label byte and 3,072 pixel bytes an image.

Files are read by size and range, never unpickled. `REPRO_DATA` may point at a folder that already holds
`cifar-10-batches-bin`.
"""

from pathlib import Path

import numpy as np

from repro import paths
from repro.data.files import DataError
from repro.data.tensors import Dataset, Split

FOLDER = "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILE = "test_batch.bin"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGES_PER_FILE, RECORD_BYTES = 10_000, 1 + 3 * 32 * 32
MEND = "mend it with `repro data fetch cifar10`, or point REPRO_DATA at a folder that holds it"


def load(folder: Path | None = None) -> Dataset:
    """The 50,000 training and 10,000 test images. Raises DataError where a file is missing or damaged."""
    folder = folder or paths.data() / FOLDER
    train = [read_batch(folder / name) for name in TRAIN_FILES]
    images, labels = (np.concatenate(arrays) for arrays in zip(*train, strict=True))
    return Dataset("cifar10", Split.of(images, labels), Split.of(*read_batch(folder / TEST_FILE)), CLASSES)


def read_batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (10000, 32, 32, 3) uint8 and labels (10000,) of one file. Raises DataError."""
    if not file.is_file():
        raise DataError(f"CIFAR-10 is not here: no file {file}; {MEND}")
    expected = IMAGES_PER_FILE * RECORD_BYTES
    if file.stat().st_size != expected:
        raise DataError(f"{file} is damaged: {file.stat().st_size:,} bytes where {expected:,} belong; {MEND}")
    records = np.fromfile(file, np.uint8).reshape(-1, RECORD_BYTES)
    labels = records[:, 0]
    if labels.max() >= len(CLASSES):
        raise DataError(f"{file} is damaged: image {labels.argmax():,} has label {labels.max()}, over 9; {MEND}")
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels
