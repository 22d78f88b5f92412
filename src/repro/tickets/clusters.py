"""WEC and SEC of paper C (section 3.3): classes clustered by an embedding, one kept of each cluster.

The paper tests k-means and k-medoids. Of a k-means cluster the class nearest to its mean is kept, of a k-medoids
cluster the medoid. Medoids come from the package `kmedoids`; scikit-learn-extra's PAM is the other backend, over a
hundred times slower at the same loss (`repro bench`). Both end where no swap of a medoid helps, from a random start
(FasterPAM) or a greedy one (PAM). Vectors are brought to unit length first, so that distance is angle.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from repro.config import ConfigError

Method = Literal["k-medoids", "k-means"]
Backend = Literal["kmedoids", "scikit-learn-extra"]


@dataclass(frozen=True)
class Clusters:
    """The kept member of each cluster, the cluster of each class, and the sum of distances to the kept members."""

    kept: np.ndarray  # (clusters,)
    labels: np.ndarray  # (classes,)
    loss: float


def check_clustering(method: str, backend: str) -> None:
    """Raise ConfigError unless a method and a backend are known."""
    for name, value, allowed in (("method", method, Method), ("backend", backend, Backend)):
        if value not in get_args(allowed):
            raise ConfigError(f"{name} must be one of {', '.join(get_args(allowed))}; got {value!r}")


def unit_vectors(features: np.ndarray) -> np.ndarray:
    """Features (classes, dim) at unit length. Raises ConfigError for another shape, a NaN, or a row of zeros."""
    found = np.asarray(features, float)
    if found.ndim != 2:
        raise ConfigError(f"features must have the shape (classes, dim); got {found.shape}")
    lengths = np.linalg.norm(found, axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise ConfigError(f"the feature of class {bad[0]} is zero or no number")
    return found / lengths[:, None]


def pairwise_distances(vectors: np.ndarray) -> np.ndarray:
    """Euclidean distances (classes, classes) of unit vectors."""
    return np.sqrt(np.maximum(0, 2 - 2 * vectors @ vectors.T))


def find_medoids(distances: np.ndarray, count: int, seed: int, backend: Backend = "kmedoids") -> Clusters:
    """k-medoids on distances (classes, classes), by FasterPAM or by PAM."""
    if backend == "kmedoids":
        import kmedoids

        found = kmedoids.fasterpam(distances, count, random_state=seed)
        return Clusters(np.asarray(found.medoids, int), np.asarray(found.labels, int), float(found.loss))
    from sklearn_extra.cluster import KMedoids

    pam = KMedoids(count, metric="precomputed", method="pam", init="build", random_state=seed).fit(distances)
    return Clusters(pam.medoid_indices_, pam.labels_, float(pam.inertia_))


def find_means(vectors: np.ndarray, count: int, seed: int) -> Clusters:
    """k-means on vectors (classes, dim), the best of ten starts; kept is the member nearest to each mean."""
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=10, random_state=seed).fit(vectors)
    away = np.linalg.norm(vectors - found.cluster_centers_[found.labels_], axis=1)
    members = (np.flatnonzero(found.labels_ == cluster) for cluster in range(count))
    kept = np.array([group[np.argmin(away[group])] for group in members])
    loss = np.linalg.norm(vectors - vectors[kept][found.labels_], axis=1).sum()
    return Clusters(kept, found.labels_, float(loss))


def cluster_classes(
    features: np.ndarray, count: int, seed: int = 0, method: Method = "k-medoids", backend: Backend = "kmedoids"
) -> dict[int, str]:
    """The kept class of each of `count` clusters, sorted, with the size of its cluster. Raises ConfigError."""
    check_clustering(method, backend)
    vectors = unit_vectors(features)
    if not 1 <= count <= len(vectors):
        raise ConfigError(f"asked for {count} of {len(vectors)} classes; ask for 1 to {len(vectors)}")
    if method == "k-means":
        found = find_means(vectors, count, seed)
    else:
        found = find_medoids(pairwise_distances(vectors), count, seed, backend)
    sizes = np.bincount(found.labels, minlength=count)
    what = "medoid" if method == "k-medoids" else "nearest to the mean"
    return {int(c): f"{what}; classes in the cluster: {sizes[found.labels[c]]}" for c in np.sort(found.kept)}
