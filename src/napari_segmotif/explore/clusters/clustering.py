"""Clusters: groups of objects that are alike, and to which of them new objects belong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, ValidationError

from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError, NotFittedError
from ..correlation import warn_of_copies
from ..mapping.landmarks import choose_landmarks, landmark_message
from ..mapping.principal_components import PrincipalComponents, fit_components
from ..preparation import Preparation, PreparedParameters
from ..tables import checked_table
from .partitions import (
    Gaussians,
    Partition,
    hdbscan_job,
    kmeans_job,
    means_of,
    mixture_job,
    ward_job,
)

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Method = Literal["kmeans", "gaussian_mixture", "hdbscan", "agglomerative"]
Space = Literal["features", "pca", "embedding"]

_SHOWN = {
    "kmeans": "k-means",
    "gaussian_mixture": "a Gaussian mixture",
    "hdbscan": "HDBSCAN",
    "agglomerative": "agglomerative clustering",
}


class ClusteringParameters(PreparedParameters):
    """Settings of a clustering, with their bounds: what the constructor checks and the form shows."""

    method: Method = Field(
        default="kmeans",
        title="Method",
        description="k-means: round clusters; Gaussian mixture: elongated ones; HDBSCAN: dense regions, "
        "how many is found; agglomerative: merged step by step.",
    )
    n_clusters: int | None = Field(
        default=5,
        ge=1,
        le=500,
        title="Clusters",
        description="How many; HDBSCAN finds it. Empty: the number with the best BIC (Gaussian mixture).",
    )
    space: Space = Field(
        default="features",
        title="Look for clusters in",
        description="All features, their principal components, or the embedding (which distorts distances).",
    )
    min_cluster_size: int = Field(
        default=15, ge=2, le=100_000, title="Smallest cluster", description="HDBSCAN: fewest objects of one."
    )
    n_components: int = Field(
        default=10, ge=1, le=200, title="Components", description="How many principal components."
    )
    n_init: int = Field(
        default=10, ge=1, le=200, title="Starts", description="k-means: the best of so many starts."
    )
    max_landmarks: int = Field(
        default=8_000,
        ge=100,
        le=50_000,
        title="Most objects compared",
        description="HDBSCAN and agglomerative: the others follow the nearest of these.",
    )
    random_state: int = Field(
        default=0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same clusters."
    )


class Clustering:
    """Clusters of objects, numbered from the largest.

    Features are made comparable first (`Preparation`). Every method but HDBSCAN finds as many clusters as it
    is asked for, whether there are any or not: `cluster_stability` says which can be trusted.

    Parameters
    ----------
    method
        "kmeans", "gaussian_mixture", "hdbscan" or "agglomerative" (Ward's).
    n_clusters
        How many; None with "gaussian_mixture": the number, up to 10, with the best BIC. Not for "hdbscan".
    **settings
        Every other field of `ClusteringParameters`.

    Attributes
    ----------
    labels_
        (n,) int64, a cluster for each row of the table: 1..k, by falling size; 0: in none.
    n_clusters_
        k.
    sizes_
        (k,) int64, objects of each.
    centres_
        (k, D) float64, mean of each cluster in the space in which they were looked for.
    distances_
        (n,) float32, of each object from its cluster's centre; NaN for those in none. The smaller, the more
        typical of its cluster.
    columns_
        The features that were used; empty with `space="embedding"`.
    messages_
        What the user should know.

    Raises
    ------
    InputError
        If a setting is out of its bounds.

    Examples
    --------
    >>> table = pd.DataFrame({"area": [1.0, 9.0, 1.2, 8.8, 9.1], "width": [1.0, 3.0, 1.1, 2.9, 3.0]})
    >>> clustering = Clustering("kmeans", 2).fit(table)
    >>> clustering.labels_.tolist()
    [2, 1, 2, 1, 1]
    >>> clustering.predict(pd.DataFrame({"area": [1.1], "width": [0.9]})).tolist()
    [2]
    """

    labels_: I64
    n_clusters_: int
    sizes_: I64
    centres_: F64
    distances_: F32
    columns_: tuple[str, ...]
    messages_: tuple[str, ...]

    def __init__(self, method: Method = "kmeans", n_clusters: int | None = 5, **settings: Any) -> None:
        try:
            self.parameters = ClusteringParameters(method=method, n_clusters=n_clusters, **settings)
        except ValidationError as error:
            raise InputError.from_validation(error) from error
        if n_clusters is None and method in ("kmeans", "agglomerative"):
            raise InputError(
                f"say how many clusters {_SHOWN[method]} shall find; cluster_stability tells how many there "
                "are (got None)"
            )

    def fit(
        self,
        table: pd.DataFrame | ArrayLike,
        columns: Sequence[str] | None = None,
        embedding: ArrayLike | None = None,
    ) -> Self:
        """Find the clusters of a table's objects: `fit_job`, waited for."""
        return run_job(self.fit_job(table, columns, embedding))

    def fit_job(
        self,
        table: pd.DataFrame | ArrayLike,
        columns: Sequence[str] | None = None,
        embedding: ArrayLike | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Job[Self]:
        """Find the clusters of a table's objects.

        Parameters
        ----------
        table
            Objects, or an array (n, n_features). Missing values are filled with the median.
        columns
            Names of the features; None: all of the table's.
        embedding
            (n, k), with `space="embedding"`: where each object lies.
        cancel
            Cancels from another thread; an earlier fit is untouched.

        Raises
        ------
        InputError
            If the table cannot be used, nothing varies, or there are fewer objects than clusters.
        JobCancelled
            By `cancel`.
        """
        yield Progress(0, 0, "preparing features")
        table = checked_table(table)
        chosen = self.parameters
        if chosen.method != "hdbscan" and (chosen.n_clusters or 1) > len(table):
            raise InputError(
                f"ask for at most as many clusters as there are objects "
                f"(got {chosen.n_clusters} clusters of {len(table)} objects)"
            )
        space, values, messages = self._space(table, columns, embedding)
        if cancel is not None:
            cancel.raise_if_cancelled()
        partition = yield from self._partition_job(values, messages, cancel)
        found = partition.assign(values)
        new, sizes = _by_size(found)
        if not len(sizes):
            messages.append(
                f"No cluster of {chosen.min_cluster_size} or more objects was found: all objects are in none."
            )
        self._partition, self._space_ = partition.renumbered(new), space
        self.labels_ = new[found]
        self.n_clusters_, self.sizes_ = len(sizes), sizes
        self.centres_ = means_of(values, self.labels_, len(sizes) + 1)[1:]
        self.distances_ = _distances(values, self.centres_, self.labels_)
        self.columns_ = space.columns
        self.messages_ = tuple(messages)
        return self

    def predict(self, table: pd.DataFrame | ArrayLike, embedding: ArrayLike | None = None) -> I64:
        """To which cluster the objects of a table, such as that of a new image, belong.

        That of the nearest centre (k-means), the most probable Gaussian, or that of the nearest object that
        was clustered (agglomerative, and HDBSCAN, where an object too far from all is in none). Objects of
        the fitted table get the cluster that they were given.

        Parameters
        ----------
        table
            Objects with the `columns_`.
        embedding
            (n, k), with `space="embedding"`: the place of each, from `Embedding.transform`.

        Returns
        -------
        clusters
            (n,) int64, 1..k; 0: in none.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If the table lacks a column, or the embedding is not given or does not fit.
        """
        if not hasattr(self, "labels_"):
            raise NotFittedError("fit the clustering to a table first (got one that is not fitted)")
        return self._partition.assign(self._space_.values(checked_table(table), embedding))

    def _space(
        self, table: pd.DataFrame, columns: Sequence[str] | None, embedding: ArrayLike | None
    ) -> tuple[_Space, F64, list[str]]:
        """Where clusters are looked for, the objects' coordinates there (n, D), and messages."""
        chosen = self.parameters
        if chosen.space == "embedding":
            values = _checked_embedding(embedding, len(table), None)
            message = (
                "Clusters were looked for in the embedding. It keeps neighbours, not distances or densities, "
                "and can tear one group apart: look for them in the features to be sure, and see whether "
                "they are stable."
            )
            return _Space(None, None, values.shape[1]), values, [message]
        preparation = Preparation(chosen.scale, log_skewed=chosen.log_skewed)
        values = preparation.fit_transform(table, columns)
        messages = [*preparation.messages_, *warn_of_copies(values, preparation.columns_)]
        if chosen.space == "features":
            return _Space(preparation, None, values.shape[1]), values, messages
        rotation = fit_components(values, min(chosen.n_components, values.shape[1]))
        share = rotation.ratio.sum()
        messages.append(f"The {rotation.rank} principal components hold {share:.0%} of the variance.")
        return _Space(preparation, rotation, len(rotation.variance)), rotation.project(values), messages

    def _partition_job(self, values: F64, messages: list[str], cancel: CancelToken | None) -> Job[Partition]:
        """Cluster objects (n, D); `messages` are added to."""
        chosen = self.parameters
        k = self._possible_number(values, messages)
        if chosen.method == "kmeans":
            assert k is not None
            return (
                yield from kmeans_job(
                    values, k, n_init=chosen.n_init, random_state=chosen.random_state, cancel=cancel
                )
            )
        if chosen.method == "gaussian_mixture":
            gaussians: Gaussians = yield from mixture_job(
                values, k, n_init=chosen.n_init, random_state=chosen.random_state, cancel=cancel
            )
            if not gaussians.mixture.full:
                messages.append(
                    "There are few objects for so many features: within a Gaussian, the features were taken "
                    "as uncorrelated."
                )
            return gaussians
        rows = choose_landmarks(len(values), chosen.max_landmarks, chosen.random_state)
        messages += landmark_message(len(values), len(rows), "clustered")
        if chosen.method == "agglomerative":
            assert k is not None
            return (yield from ward_job(values[rows], k, cancel=cancel))
        smallest = min(chosen.min_cluster_size, len(rows))
        return (yield from hdbscan_job(values[rows], smallest, cancel=cancel))

    def _possible_number(self, values: F64, messages: list[str]) -> int | None:
        """The number of clusters, lowered to that of different objects."""
        asked = self.parameters.n_clusters
        if asked is None or self.parameters.method == "hdbscan":
            return None
        different = len(np.unique(values[: 50 * asked], axis=0))
        if different < asked:
            different = len(np.unique(values, axis=0))
        if different < asked:
            messages.append(
                f"Only {different} of {len(values)} objects differ: {different} instead of {asked} clusters."
            )
        return min(asked, different)


class _Space:
    """From a table to the coordinates in which clusters are looked for."""

    def __init__(
        self, preparation: Preparation | None, rotation: PrincipalComponents | None, n_axes: int
    ) -> None:
        self._preparation, self._rotation, self._n_axes = preparation, rotation, n_axes

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self._preparation is None else self._preparation.columns_

    def values(self, table: pd.DataFrame, embedding: ArrayLike | None) -> F64:
        if self._preparation is None:
            return _checked_embedding(embedding, len(table), self._n_axes)
        values = self._preparation.transform(table)
        return values if self._rotation is None else self._rotation.project(values)


def _checked_embedding(embedding: ArrayLike | None, n: int, n_axes: int | None) -> F64:
    if embedding is None:
        raise InputError("give the embedding, too, in which to look for clusters (got None)")
    values = np.asarray(embedding, dtype=np.float64)
    fits = values.ndim == 2 and len(values) == n and values.shape[1] == (n_axes or values.shape[1])
    if not fits or not values.shape[1] or not np.isfinite(values).all():
        wanted = "coordinates" if n_axes is None else f"{n_axes} coordinates"
        raise InputError(f"the embedding must have {wanted} for each of {n} objects (got {values.shape})")
    return values


def _by_size(found: I64) -> tuple[I64, I64]:
    """New numbers for the old, by falling size and, of equal ones, the first to come; and the sizes."""
    old, first, counts = np.unique(found, return_index=True, return_counts=True)
    taken = old > 0
    old, first, counts = old[taken], first[taken], counts[taken]
    order = np.lexsort((first, -counts))
    new = np.zeros(int(found.max(initial=0)) + 1, np.int64)
    new[old[order]] = np.arange(1, len(order) + 1)
    return new, counts[order].astype(np.int64)


def _distances(values: F64, centres: F64, labels: I64) -> F32:
    distances = np.full(len(values), np.nan, np.float32)
    for i, centre in enumerate(centres, start=1):
        members = labels == i
        distances[members] = np.linalg.norm(values[members] - centre, axis=1)
    return distances
