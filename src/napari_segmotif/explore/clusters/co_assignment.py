"""Who stays with whom when the objects are resampled: a Jaccard for each cluster, a share for each object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .partition_agreement import cluster_overlaps

Ints = NDArray[np.int64]
Array = NDArray[np.float64]

STABLE, DOUBTFUL = 0.75, 0.6  # Hennig 2007: at least this is stable; below the second a cluster is not


class CoAssignment:
    """Gathers, resample by resample, how the clusters of a reference come back.

    Parameters
    ----------
    reference
        (n,) cluster of each object, 1..k; 0 = none.
    """

    def __init__(self, reference: Ints) -> None:
        self._reference = reference
        self._n_clusters = int(reference.max(initial=0))
        self._best = np.zeros(self._n_clusters + 1)
        self._overlaps: list[Array] = []

    def add(self, labels: Ints, drawn: NDArray[np.bool_]) -> None:
        """Take in the clusters (n,) of a resample; `drawn` are the objects that were in it."""
        overlaps = cluster_overlaps(self._reference, labels, drawn)
        self._overlaps.append(overlaps)
        self._best += overlaps.max(axis=1)

    def jaccard(self) -> dict[int, float]:
        """For each cluster, the mean over resamples of the Jaccard with the most similar one found there."""
        n = max(1, len(self._overlaps))
        return {c: float(self._best[c] / n) for c in range(1, self._n_clusters + 1)}

    def agreement(self, resample: int, reference: Ints, labels: Ints) -> Array:
        """Share of companions that an object kept in a resample, (m,) in [0, 1].

        Of all objects that are with it in the reference or in the resample, those that are in both: near 1
        if its cluster came back with it, near 0 if it went to another. For an object in no cluster, 1 where
        the resample put it in none either.

        Parameters
        ----------
        resample
            Which one, in the order of `add`.
        reference, labels
            (m,) clusters of the objects asked about, in the reference and in that resample.
        """
        kept: Array = self._overlaps[resample][reference, labels]
        return np.where(reference > 0, kept, (labels == 0).astype(np.float64))


def stability_word(jaccard: float) -> str:
    """What a cluster's Jaccard means: "stable", "doubtful" or "not stable"."""
    if jaccard >= STABLE:
        return "stable"
    return "doubtful" if jaccard >= DOUBTFUL else "not stable"
