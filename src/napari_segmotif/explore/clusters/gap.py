"""The gap statistic: are k clusters tighter than k parts of a single cloud would be? It can say k = 1.

Tibshirani, Walther & Hastie 2001, Estimating the number of clusters in a data set via the gap statistic;
Liu et al. 2008, Statistical significance of clustering for high-dimension, low-sample size data (SigClust).

The cloud compared with is one Gaussian of the same covariance, as in SigClust, and not the paper's uniform
box: measured features are correlated and have tails, and k-means cuts such a cloud into parts much tighter
than those of a box, so that the box sees clusters in nearly every table. The Gaussian in turn takes a
uniform cloud for clusters; that error is caught elsewhere (`valleys`), which the box's is not more reliably.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def dispersion(X: Array, labels: Ints) -> float:
    """Sum of squared distances of objects (n, F) to the mean of their cluster; clusters 1.., 0 = in none."""
    total = 0.0
    for cluster in range(1, int(labels.max(initial=0)) + 1):
        members = X[labels == cluster]
        if len(members):
            total += float(np.square(members - members.mean(axis=0)).sum())
    return total


class SingleCloud:
    """One Gaussian cloud with the covariance of the objects.

    Parameters
    ----------
    X
        (n, F) prepared features.
    """

    def __init__(self, X: Array) -> None:
        self._n = len(X)
        spread = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
        self._deviations = spread / np.sqrt(max(1, self._n - 1))

    def draw(self, rng: np.random.Generator) -> Array:
        """As many objects, (n, min(n, F)), along the cloud's own axes: distances are all that matters."""
        drawn: Array = rng.standard_normal((self._n, len(self._deviations))) * self._deviations
        return drawn


def gap_table(logs: Array, reference_logs: Array) -> tuple[Array, Array]:
    """Gap and its error for every number of clusters.

    Parameters
    ----------
    logs
        (K,) logarithm of the dispersion of the objects in k clusters.
    reference_logs
        (B, K) the same for B clouds without clusters.

    Returns
    -------
    gap, error
        (K,) each; `error` is the standard deviation over the clouds times √(1 + 1/B).
    """
    n_clouds = len(reference_logs)
    error: Array = reference_logs.std(axis=0) * np.sqrt(1 + 1 / n_clouds)
    return reference_logs.mean(axis=0) - logs, error


def best_by_gap(sizes: Sequence[int], gap: Array, error: Array, n_errors: float = 2.0) -> int:
    """The smallest number of clusters that is within `n_errors` errors of the largest gap.

    The paper's own rule stops at the first k after which the gap falls. Compared with a Gaussian of the same
    covariance, six blobs have no larger gap at 2 than at 1, so that rule would stop at 1.
    """
    usable = np.flatnonzero(np.isfinite(gap))
    if not len(usable):
        return 1
    best = usable[np.argmax(gap[usable])]
    enough = [i for i in usable if gap[i] >= gap[best] - n_errors * error[best]]
    return sizes[int(enough[0])]
