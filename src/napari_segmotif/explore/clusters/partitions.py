"""Ways to part objects into clusters, each of which can say where a new object belongs.

What is fitted is kept as plain arrays. An object of the fitted table gets the cluster that it was given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ..mapping.nearest_neighbours import nearest, nearest_job
from ..mapping.principal_components import fit_components
from ..watched import Watch, watched_job
from .gaussian_mixture import Mixture, enough_for_full, fit_mixture_job

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

MOST_GAUSSIANS = 10
_LARGEST_SEED = np.iinfo(np.int32).max


class Partition(Protocol):
    """Something that says for objects (n, F) to which cluster they belong, 1..k; 0 for none."""

    def assign(self, values: F64) -> I64:
        """Clusters (n,) of objects (n, F)."""

    def renumbered(self, new: I64) -> Partition:
        """The same clusters, of which the old number i has become new[i]."""


@dataclass(frozen=True)
class Centres:
    """Each object belongs to the nearest centre; `numbers` (k,) says which cluster that is."""

    centres: F64
    numbers: I64

    def assign(self, values: F64) -> I64:
        """Clusters (n,) of objects (n, F)."""
        return np.asarray(self.numbers[nearest(values, self.centres, 1)[0][:, 0]])

    def renumbered(self, new: I64) -> Centres:
        """The same clusters, of which the old number i has become new[i]."""
        return replace(self, numbers=new[self.numbers])


@dataclass(frozen=True)
class Gaussians:
    """Each object belongs to the Gaussian that it most probably comes from."""

    mixture: Mixture
    numbers: I64

    def assign(self, values: F64) -> I64:
        """Clusters (n,) of objects (n, F)."""
        return np.asarray(self.numbers[np.argmax(self.mixture.log_densities(values), axis=1)])

    def renumbered(self, new: I64) -> Gaussians:
        """The same clusters, of which the old number i has become new[i]."""
        return replace(self, numbers=new[self.numbers])


@dataclass(frozen=True)
class Neighbours:
    """Each object belongs where the nearest of the clustered ones does, unless it is too far from it.

    Attributes
    ----------
    landmarks
        (m, F) float32, objects that were clustered.
    numbers
        (m,) their clusters; 0 for none.
    reach
        (m,) how far from each its cluster reaches; inf for everywhere.
    """

    landmarks: F32
    numbers: I64
    reach: F32

    def assign(self, values: F64) -> I64:
        """Clusters (n,) of objects (n, F)."""
        found, distances = (part[:, 0] for part in nearest(values, self.landmarks, 1))
        return np.where(distances <= self.reach[found], self.numbers[found], 0)

    def renumbered(self, new: I64) -> Neighbours:
        """The same clusters, of which the old number i has become new[i]."""
        return replace(self, numbers=new[self.numbers])


def kmeans_job(
    values: F64, k: int, *, n_init: int, random_state: int, cancel: CancelToken | None = None
) -> Job[Centres]:
    """The best of several k-means (Lloyd, 1982; started as by Arthur and Vassilvitskii, 2007)."""
    from sklearn.cluster import KMeans

    seeds = np.random.RandomState(random_state).randint(_LARGEST_SEED, size=n_init)
    best, least = None, np.inf
    for i, seed in enumerate(seeds):
        if cancel is not None:
            cancel.raise_if_cancelled()
        yield Progress(i, n_init, f"k-means into {k}, start {i + 1} of {n_init}")
        fitted = KMeans(k, n_init=1, random_state=int(seed)).fit(values)
        # Two starts often end in the same clusters: the last bits shall not decide between them.
        if fitted.inertia_ < least * (1 - 1e-9) or best is None:
            best, least = np.asarray(fitted.labels_), float(fitted.inertia_)
    assert best is not None
    return Centres(means_of(values, best, k), np.arange(1, k + 1))


def mixture_job(
    values: F64, k: int | None, *, n_init: int, random_state: int, cancel: CancelToken | None = None
) -> Job[Gaussians]:
    """A mixture of k Gaussians; None: the number, up to 10, with the best BIC.

    The better of two: started from k-means, and from k-means of the same objects stretched until they vary
    alike in all directions, which finds long clusters that lie side by side.
    """
    most = min(MOST_GAUSSIANS, len(np.unique(values, axis=0))) if k is None else k
    stretched = _stretched(values)
    best: Mixture | None = None
    for number in range(1, most + 1) if k is None else (k,):
        for seen in (values,) if number == 1 else (values, stretched):
            start = yield from kmeans_job(
                seen, number, n_init=n_init, random_state=random_state, cancel=cancel
            )
            _, clusters = np.unique(start.assign(seen), return_inverse=True)
            full = enough_for_full(len(values), values.shape[1], number)
            # Where the number is free, so is the shape: else its change would look like a better number.
            for shape in sorted({full, False} if k is None else {full}):
                mixture = yield from fit_mixture_job(values, clusters, full=shape, cancel=cancel)
                if best is None or mixture.bic < best.bic - 1e-6 * abs(best.bic):
                    best = mixture
    assert best is not None
    return Gaussians(best, np.arange(1, len(best.weights) + 1))


def _stretched(values: F64) -> F64:
    components = fit_components(values, values.shape[1])
    rank = max(1, components.rank)
    projected = components.project(values)[:, :rank]
    return np.asarray(projected / np.sqrt(np.maximum(components.variance[:rank], 1e-300)))


def hdbscan_job(values: F64, min_cluster_size: int, *, cancel: CancelToken | None = None) -> Job[Neighbours]:
    """Clusters as dense regions (Campello, Moulavi and Sander, 2013); sparse objects are in none."""
    watch = Watch("HDBSCAN (cannot be cancelled within this step)", cancel)

    def work() -> NDArray[np.int64]:
        from sklearn.cluster import HDBSCAN

        return np.asarray(HDBSCAN(min_cluster_size=min_cluster_size, copy=True).fit(values).labels_)

    numbers = (yield from watched_job(work, watch)).astype(np.int64) + 1
    _, distances = yield from nearest_job(
        values,
        values,
        min(min_cluster_size, len(values)),
        cancel=cancel,
        message="HDBSCAN: how far it reaches",
    )
    # A cluster reaches as far around its objects as the sparsest of them had to look for company.
    farthest = np.zeros(numbers.max() + 1, np.float32)
    np.maximum.at(farthest, numbers, distances[:, -1])
    return Neighbours(values.astype(np.float32), numbers, farthest[numbers])


def ward_job(values: F64, k: int, *, cancel: CancelToken | None = None) -> Job[Neighbours]:
    """Clusters merged so that their variance grows least (Ward, 1963), until k are left."""
    watch = Watch("merging clusters (cannot be cancelled within this step)", cancel)

    def work() -> NDArray[np.int64]:
        from sklearn.cluster import AgglomerativeClustering

        return np.asarray(AgglomerativeClustering(k, linkage="ward").fit(values).labels_)

    numbers = (yield from watched_job(work, watch)).astype(np.int64) + 1
    return Neighbours(values.astype(np.float32), numbers, np.full(len(values), np.inf, np.float32))


def means_of(values: F64, clusters: I64, k: int) -> F64:
    """Mean (k, F) of the objects of each cluster 0..k−1; summed row by row, so always to the same bits."""
    counts = np.maximum(np.bincount(clusters, minlength=k), 1)
    sums = [np.bincount(clusters, weights=column, minlength=k) for column in values.T]
    return np.asarray(np.stack(sums, axis=1) / counts[:, None])
