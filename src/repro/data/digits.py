"""Digit scans, scenes and pairs: real images to train on where nothing can be downloaded.

Scikit-learn ships 1,797 scans of handwritten digits, 8x8 pixels. A scene is one scan, enlarged to 16x16 and placed
at random on a 4-pixel grid, over clutter cut from other scans, on a 32x32 canvas in colour: 16 of its 64 patches of
4x4 pixels show the digit. A pair is two scans side by side, each at most a pixel off the middle of a 16x16 canvas: a
hundred classes, for subsets of classes. Training and test images never share a scan, not even as clutter.
"""

import numpy as np

from repro.data.tensors import Dataset, Split

CANVAS, SCAN, PATCH = 32, 16, 4  # pixels
CLASSES = tuple(str(digit) for digit in range(10))
TEST_SCANS = 500  # of 1,797
TRAIN_SCENES, TEST_SCENES = 6000, 2000
CLUTTER_PIECES = 12  # 4x4 pixels each
PAIR, HALF, TOP = 16, 8, 4  # pixels of a pair's sides, of a scan's, and above a scan in the middle
PAIRS = tuple(f"{number:02}" for number in range(100))
TRAIN_PAIRS, TEST_PAIRS = 100, 30  # of each class


def load_scenes() -> Dataset:
    """Train and test scenes, 32x32 RGB, ten classes; the same on every machine and in every run."""
    (train_scans, train_labels), (test_scans, test_labels) = _split_scans(enlarge=SCAN // 8)
    train = _scenes(train_scans, train_labels, TRAIN_SCENES, seed=1)
    return Dataset("digit-scenes", train, _scenes(test_scans, test_labels, TEST_SCENES, seed=2), CLASSES)


def load_scans() -> Dataset:
    """The 1,297 and 500 scans alone, each enlarged to fill its 32x32 RGB image: an easier task for a small network."""
    train, test = (
        Split.of(scans[..., None].repeat(3, axis=3), labels) for scans, labels in _split_scans(enlarge=CANVAS // 8)
    )
    return Dataset("digit-scans", train, test, CLASSES)


def load_pairs() -> Dataset:
    """Train and test pairs, 16x16 RGB of equal channels, by class; the same on every machine and in every run."""
    train, test = (
        _pairs(scans, labels, count, seed)
        for (scans, labels), count, seed in zip(_split_scans(enlarge=1), (TRAIN_PAIRS, TEST_PAIRS), (3, 4), strict=True)
    )
    return Dataset("digit-pairs", train, test, PAIRS)


def _split_scans(enlarge: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scans (n, 8 * enlarge, 8 * enlarge) uint8 and labels (n,), for training and for test."""
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    pixels = (scans.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    pixels = pixels.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    order = np.random.default_rng(0).permutation(len(pixels))
    return [(pixels[part], labels[part]) for part in (order[TEST_SCANS:], order[:TEST_SCANS])]


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


def _pairs(scans: np.ndarray, labels: np.ndarray, count: int, seed: int) -> Split:
    """`count` pairs of each class, in the order of classes; each scan at a height of its own."""
    rng, classes = np.random.default_rng(seed), np.repeat(np.arange(len(PAIRS)), count)
    ink = np.zeros((len(classes), PAIR, PAIR), np.uint8)
    for side, digits in enumerate(divmod(classes, 10)):
        chosen = np.array([rng.choice(np.flatnonzero(labels == digit)) for digit in digits])
        rows = TOP + rng.integers(-1, 2, len(classes))[:, None] + np.arange(HALF)
        columns = side * HALF + np.arange(HALF)
        ink[np.arange(len(classes))[:, None, None], rows[:, :, None], columns] = scans[chosen]
    return Split.of(ink[..., None].repeat(3, axis=3), classes)


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
