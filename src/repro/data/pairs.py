"""Per-class accuracies where nothing can be downloaded: four classifiers on pairs of digit scans, classes 00 to 99.

A pair is two of scikit-learn's scans side by side; training and test pairs share no scan. Each class has as many test
pairs as an ImageNet class has validation images, so ties are as common. The classifiers are deterministic.
"""

import functools

import numpy as np

from repro.data.classes import Pool, checksum

CLASSES = 100
TRAIN_PAIRS, TEST_PAIRS = 12, 50  # of each class
TEST_SCANS = 500  # of 1,797
MODELS = ("naive Bayes", "nearest neighbour", "logistic regression", "decision tree")  # by accuracy over all classes


@functools.cache
def read_pool() -> Pool:
    """Accuracy of four classifiers in each of the 100 classes."""
    (train, train_labels), (test, test_labels) = load_pairs()
    hits = [classifier.fit(train, train_labels).predict(test) == test_labels for classifier in classifiers()]
    accuracies = np.stack([hit.reshape(CLASSES, TEST_PAIRS).mean(axis=1) for hit in hits])
    return Pool(MODELS, tuple(f"{number:02}" for number in range(CLASSES)), accuracies, checksum(accuracies))


def classifiers() -> list:
    """The classifiers, in the order of MODELS."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    return [
        GaussianNB(var_smoothing=0.1),
        KNeighborsClassifier(1),
        LogisticRegression(C=0.01, max_iter=200),
        DecisionTreeClassifier(random_state=0),
    ]


def load_pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pixels (pairs, 128) in [0, 1] and classes (pairs,), sorted by class, for training and for test."""
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(scans))
    return [
        _pairs(scans[part] / 16, labels[part], count, rng)
        for part, count in ((order[TEST_SCANS:], TRAIN_PAIRS), (order[:TEST_SCANS], TEST_PAIRS))
    ]


def _pairs(
    scans: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    of_digit = [np.flatnonzero(labels == digit) for digit in range(10)]
    classes = np.repeat(np.arange(CLASSES), count)
    left, right = (np.array([rng.choice(of_digit[digit]) for digit in digits]) for digits in divmod(classes, 10))
    return np.hstack([scans[left], scans[right]]), classes
