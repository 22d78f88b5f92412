import numpy as np
import pytest

from repro.config import ConfigError
from repro.tickets.clusters import cluster_classes, find_medoids, pairwise_distances, unit_vectors


def fan(*degrees):
    """Vectors in the plane at these angles, of different lengths."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, len(degrees) + 1)[:, None]


@pytest.mark.parametrize("method", ["k-medoids", "k-means"])
def test_one_class_of_each_cluster_is_kept(method):
    """Clusters at 0, 5, 12 and at 80, 88, 90 degrees: 1 and 4 are in the middle, nearest to the others and the mean."""
    found = cluster_classes(fan(0, 5, 12, 80, 88, 90), 2, method=method)
    assert list(found) == [1, 4]
    assert all(why.endswith("classes in the cluster: 3") for why in found.values())


def test_length_does_not_count():
    vectors = unit_vectors(fan(10, 10, 200))
    distances = pairwise_distances(vectors)
    assert distances[0, 1] == pytest.approx(0, abs=1e-7)
    assert distances[0, 2] == pytest.approx(2 * np.sin(np.radians(95)))


def test_both_backends_reach_the_same_loss():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(8, 20))
    distances = pairwise_distances(unit_vectors(np.repeat(centres, 15, axis=0) + 0.2 * rng.normal(size=(120, 20))))
    ours = min(find_medoids(distances, 8, seed).loss for seed in range(5))
    assert ours == pytest.approx(find_medoids(distances, 8, 0, "scikit-learn-extra").loss, rel=1e-6)


def test_the_loss_is_the_sum_of_distances_to_the_medoids():
    distances = pairwise_distances(unit_vectors(np.random.default_rng(2).normal(size=(40, 5))))
    for backend in ("kmedoids", "scikit-learn-extra"):
        found = find_medoids(distances, 4, 0, backend)
        assert found.loss == pytest.approx(distances[:, found.kept].min(axis=1).sum(), rel=1e-5)


def test_as_many_clusters_as_classes_keep_every_class():
    assert list(cluster_classes(fan(0, 30, 60), 3)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("features", "options", "said"),
    [
        (fan(0, 30), {"count": 3}, "asked for 3 of 2 classes"),
        (np.zeros((2, 3)), {"count": 1}, "feature of class 0 is zero"),
        (np.array([[1.0, 0.0], [np.nan, 1.0]]), {"count": 1}, "feature of class 1"),
        (np.ones(4), {"count": 1}, r"shape .classes, dim.; got .4,"),
        (fan(0, 30), {"count": 1, "method": "k-modes"}, "k-medoids, k-means; got 'k-modes'"),
        (fan(0, 30), {"count": 1, "backend": "pam"}, "kmedoids, scikit-learn-extra; got 'pam'"),
    ],
)
def test_bad_features_and_choices_are_refused(features, options, said):
    with pytest.raises(ConfigError, match=said):
        cluster_classes(features, **options)
