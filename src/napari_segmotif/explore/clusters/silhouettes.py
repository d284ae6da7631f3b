"""Silhouettes over the same sampled objects for every partition: the distances are computed once.

Rousseeuw 1987, Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_SAMPLED = 1000


class Silhouettes:
    """Mean silhouettes of partitions of the same objects.

    Parameters
    ----------
    X
        (n, F) prepared features.
    rng
        Draws the objects that are looked at, where there are more than 1,000.
    """

    def __init__(self, X: Array, rng: np.random.Generator) -> None:
        n = len(X)
        self._rows = np.sort(rng.choice(n, MAX_SAMPLED, replace=False)) if n > MAX_SAMPLED else np.arange(n)
        chosen = X[self._rows]
        squares = np.square(chosen).sum(axis=1)
        distances = squares[:, None] + squares[None, :] - 2 * chosen @ chosen.T
        self._distances = np.sqrt(np.maximum(distances, 0.0))
        np.fill_diagonal(self._distances, 0.0)

    def mean(self, labels: Ints) -> float:
        """Mean over the sampled objects in a cluster, in [−1, 1]; NaN for fewer than two clusters.

        An object that is alone in its cluster has 0.
        """
        labels = labels[self._rows]
        inside = np.flatnonzero(labels > 0)
        _, own = np.unique(labels[inside], return_inverse=True)
        if len(inside) == 0 or own.max() == 0:
            return float("nan")
        members = np.eye(own.max() + 1)[own]  # (m, k)
        sizes = members.sum(axis=0)
        sums = self._distances[np.ix_(inside, inside)] @ members
        rows = np.arange(len(inside))
        within = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / sizes
        means[rows, own] = np.inf
        nearest = means.min(axis=1)
        largest = np.maximum(within, nearest)
        values = np.divide(nearest - within, largest, out=np.zeros(len(inside)), where=largest > 0)
        return float(np.where(sizes[own] > 1, values, 0.0).mean())
