"""Principal components: the directions along which prepared features vary most (Pearson, 1901)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

_DIGITS = 11  # sums of many numbers differ beyond these with the number of threads
_NOTHING = 1e-10


@dataclass(frozen=True)
class PrincipalComponents:
    """A rotation of features.

    Attributes
    ----------
    mean
        (F,), of each feature.
    axes
        (F, k), orthonormal columns; zeros where there are fewer than k directions.
    variance
        (k,), along each axis, falling.
    total
        Variance of all features together.
    """

    mean: F64
    axes: F64
    variance: F64
    total: float

    @property
    def ratio(self) -> F64:
        """Share of the variance that each component explains, (k,)."""
        return self.variance / self.total if self.total > 0 else np.zeros_like(self.variance)

    @property
    def rank(self) -> int:
        """How many of the k components vary at all."""
        return int((self.variance > 0).sum())

    def project(self, values: F64) -> F64:
        """Coordinates of objects (n, F) along the axes, (n, k)."""
        return np.asarray((values - self.mean) @ self.axes)

    def loadings(self) -> F64:
        """Axes times the standard deviation along them, (F, k): how much of each is in each feature."""
        return np.asarray(self.axes * np.sqrt(self.variance))


def fit_components(values: F64, n_components: int) -> PrincipalComponents:
    """The first components of objects (n, F), n ≥ 1.

    The sign of an axis is such that its largest entry, by its size, is positive.
    """
    n, n_features = values.shape
    mean = values.mean(axis=0)
    centred = values - mean
    covariance = centred.T @ centred / max(1, n - 1)
    largest = float(np.abs(covariance).max(initial=0.0))
    axes = np.zeros((n_features, n_components))
    variance = np.zeros(n_components)
    if largest > 0:
        # Rounded, so that one more thread, which sums in another order, gives the very same axes.
        spread, vectors = np.linalg.eigh(np.round(covariance / largest, _DIGITS))
        order = np.argsort(spread, kind="stable")[::-1][: min(n_components, n - 1)]
        order = order[spread[order] > _NOTHING * spread[-1]]
        chosen = vectors[:, order]
        heaviest = np.argmax(np.round(np.abs(chosen), 6), axis=0)
        chosen = chosen * np.where(chosen[heaviest, np.arange(len(order))] < 0, -1.0, 1.0)
        axes[:, : len(order)] = chosen
        variance[: len(order)] = spread[order] * largest
    return PrincipalComponents(mean, axes, variance, float(np.trace(covariance)))


def enough_components(components: PrincipalComponents, share: float) -> int:
    """The smallest number of components that explain this share of the variance; at least 1."""
    needed = int(np.searchsorted(np.cumsum(components.ratio), share - 1e-9)) + 1
    return max(1, min(needed, components.rank))
