"""Digit scenes: real scans to train on where nothing can be downloaded.

Scikit-learn ships 1,797 scans of handwritten digits, 8x8 pixels. A scene is one scan, enlarged to 16x16 and placed
at random on a 4-pixel grid, over clutter cut from other scans, on a 32x32 canvas in colour: 16 of its 64 patches of
4x4 pixels show the digit. Training and test scenes never share a scan, not even as clutter.
"""

import numpy as np

from repro.data.tensors import Dataset, Split

CANVAS, SCAN, PATCH = 32, 16, 4  # pixels
TEST_SCANS = 500  # of 1,797
TRAIN_SCENES, TEST_SCENES = 6000, 2000
CLUTTER_PIECES = 12  # 4x4 pixels each


def load() -> Dataset:
    """Train and test scenes, 32x32 RGB, ten classes; the same on every machine and in every run."""
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    pixels = (scans.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    pixels = pixels.repeat(2, axis=1).repeat(2, axis=2)  # (scans, 16, 16)
    order = np.random.default_rng(0).permutation(len(pixels))
    held_out, kept = order[:TEST_SCANS], order[TEST_SCANS:]
    names = tuple(str(digit) for digit in range(10))
    return Dataset(
        "digit-scenes",
        train=_scenes(pixels[kept], labels[kept], TRAIN_SCENES, seed=1),
        test=_scenes(pixels[held_out], labels[held_out], TEST_SCENES, seed=2),
        classes=names,
    )


def _scenes(scans: np.ndarray, labels: np.ndarray, count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(scans), size=count)
    ink = np.zeros((count, CANVAS, CANVAS), np.uint8)
    for _ in range(CLUTTER_PIECES):
        _paste(ink, _clutter(scans, count, rng), rng)
    _paste(ink, scans[chosen], rng)
    paper, pen = rng.integers(0, 120, (count, 3)), rng.integers(136, 256, (count, 3))
    share = ink[..., None] / 255.0
    images = (paper[:, None, None] * (1 - share) + pen[:, None, None] * share).astype(np.uint8)
    return Split.of(images, labels[chosen])


def _clutter(scans: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """4x4 pieces of scans, (count, 4, 4)."""
    which = rng.integers(len(scans), size=count)
    top, left = rng.integers(0, SCAN - PATCH + 1, (2, count))
    rows = top[:, None] + np.arange(PATCH)
    columns = left[:, None] + np.arange(PATCH)
    return scans[which[:, None, None], rows[:, :, None], columns[:, None, :]]


def _paste(canvas: np.ndarray, pieces: np.ndarray, rng: np.random.Generator) -> None:
    """Put one piece on each canvas, in place, at a random position of the 4-pixel grid."""
    count, size = len(pieces), pieces.shape[1]
    top, left = PATCH * rng.integers(0, (CANVAS - size) // PATCH + 1, (2, count))
    rows = (top[:, None] + np.arange(size))[:, :, None]
    columns = (left[:, None] + np.arange(size))[:, None, :]
    canvas[np.arange(count)[:, None, None], rows, columns] = pieces
