"""One run of a clustering method on prepared features, as `Clustering` would do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job
from .partitions import Partition, hdbscan_job, kmeans_job, mixture_job, ward_job

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["kmeans", "gaussian_mixture", "hdbscan", "agglomerative"]
METHODS: tuple[Method, ...] = ("kmeans", "gaussian_mixture", "hdbscan", "agglomerative")
SEEDED: tuple[Method, ...] = ("kmeans", "gaussian_mixture")  # the others have nothing random in them
MANY, SOME, ONE = 10, 3, 1  # random starts, of which the best is taken


@dataclass(frozen=True)
class PartitionRun:
    """Clusters found on some objects.

    Attributes
    ----------
    labels
        (n,) cluster of each of them, 1..k without gaps; 0 = none.
    partition
        Says where other objects belong.
    """

    labels: Ints
    partition: Partition

    @property
    def n_clusters(self) -> int:
        """Number of clusters, k."""
        return int(self.labels.max(initial=0))


def partition_run_job(
    method: Method,
    X: Array,
    size: int,
    seed: int,
    starts: int = MANY,
    *,
    cancel: CancelToken | None = None,
) -> Job[PartitionRun]:
    """Cluster objects.

    Parameters
    ----------
    method
        One of `METHODS`.
    X
        (n, F) prepared features.
    size
        Number of clusters, at most as many as there are different objects; for HDBSCAN the smallest number
        of objects in one.
    seed
        Of the random starts, where the method has any.
    starts
        How many random starts, of which the best is taken.
    cancel
        Token to stop with.
    """
    found: Partition
    if method == "kmeans":
        found = yield from kmeans_job(X, size, n_init=starts, random_state=seed, cancel=cancel)
    elif method == "gaussian_mixture":
        found = yield from mixture_job(X, size, n_init=starts, random_state=seed, cancel=cancel)
    elif method == "agglomerative":
        found = yield from ward_job(X, size, cancel=cancel)
    else:
        found = yield from hdbscan_job(X, min(size, len(X)), cancel=cancel)
    labels = found.assign(X)
    used = np.unique(labels[labels > 0])
    without_gaps = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    if method == "gaussian_mixture":  # a Gaussian may be the most probable one for no object
        without_gaps = np.zeros(size + 1, np.int64)
    without_gaps[used] = np.arange(1, len(used) + 1)
    return PartitionRun(without_gaps[labels], found.renumbered(without_gaps))
