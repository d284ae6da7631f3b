"""How well two partitions of the same objects agree: as a whole, cluster by cluster, object by object.

Partitions are (n,) arrays of whole numbers: clusters from 1, and 0 for objects in none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Array = NDArray[np.float64]


def overlap_counts(first: Ints, second: Ints) -> Ints:
    """Objects that each cluster of one shares with each of the other: (k + 1, l + 1), with 0 for none."""
    rows, columns = int(first.max(initial=0)) + 1, int(second.max(initial=0)) + 1
    return np.bincount(first * columns + second, minlength=rows * columns).reshape(rows, columns)


def adjusted_rand(first: Ints, second: Ints) -> float:
    """Adjusted Rand index (Hubert & Arabie 1985): 1 for the same partition, about 0 for unrelated ones.

    Objects in no cluster count as a group of their own.
    """
    counts = overlap_counts(first, second)
    together = _pairs(counts).sum()
    in_first, in_second = _pairs(counts.sum(axis=1)).sum(), _pairs(counts.sum(axis=0)).sum()
    by_chance = in_first * in_second / max(float(_pairs(np.array(len(first)))), 1.0)
    most = (in_first + in_second) / 2
    return 1.0 if most == by_chance else float((together - by_chance) / (most - by_chance))


def cluster_overlaps(reference: Ints, other: Ints, among: NDArray[np.bool_]) -> Array:
    """Jaccard of every pair of clusters, (k + 1, l + 1), over the objects `among`; row and column 0 are zero.

    Intersection over union (Hennig 2007, Cluster-wise assessment of cluster stability).
    """
    k, n_others = int(reference.max(initial=0)), int(other.max(initial=0))
    counts = np.zeros((k + 1, n_others + 1), np.int64)
    found = overlap_counts(reference[among], other[among])
    counts[: found.shape[0], : found.shape[1]] = found
    union = counts.sum(axis=1)[:, None] + counts.sum(axis=0)[None, :] - counts
    jaccard: Array = np.divide(counts, union, out=np.zeros(counts.shape), where=union > 0)
    jaccard[0], jaccard[:, 0] = 0.0, 0.0
    return jaccard


def _pairs(counts: NDArray[np.int64]) -> Array:
    values = np.asarray(counts, np.float64)
    pairs: Array = values * (values - 1) / 2
    return pairs
