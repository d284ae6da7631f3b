"""A mixture of Gaussians, fitted by expectation and maximisation (Dempster, Laird and Rubin, 1977)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress

F64 = NDArray[np.float64]

_MOST_STEPS = 200
_CONVERGED = 1e-4  # of the mean log-likelihood per object
_REGULARISED = 1e-6  # share of the mean variance that is added to each
_OBJECTS_PER_NUMBER = 3.0


@dataclass(frozen=True)
class Mixture:
    """k Gaussians with their shares.

    Attributes
    ----------
    weights
        (k,), their sum is 1.
    means
        (k, F).
    roots
        (k, F, F): R with R·Rᵀ = inverse of the covariance.
    bic
        Bayesian information criterion; lower is better (Schwarz, 1978).
    full
        Whether features may correlate within a Gaussian; where there are too few objects, they may not.
    """

    weights: F64
    means: F64
    roots: F64
    bic: float
    full: bool

    def log_densities(self, values: F64) -> F64:
        """Log of weight times density, (n, k)."""
        n, n_features = values.shape
        logs = np.empty((n, len(self.weights)))
        for j, (weight, mean, root) in enumerate(zip(self.weights, self.means, self.roots, strict=True)):
            away = (values - mean) @ root
            logs[:, j] = -0.5 * np.einsum("ij,ij->i", away, away)
            logs[:, j] += np.log(weight) + np.log(np.diag(root)).sum()
        return np.asarray(logs - 0.5 * n_features * np.log(2 * np.pi))

    def posteriors(self, values: F64) -> F64:
        """Probability of each Gaussian for each object, (n, k)."""
        return _normalised(self.log_densities(values))[0]


def enough_for_full(n: int, n_features: int, k: int) -> bool:
    """Whether n objects suffice for k Gaussians within which features may correlate."""
    return n / k >= _OBJECTS_PER_NUMBER * n_features * (n_features + 3) / 2


def fit_mixture_job(
    values: F64, start: NDArray[np.int64], *, full: bool, cancel: CancelToken | None = None
) -> Job[Mixture]:
    """Fit one Gaussian for each cluster of a first partition.

    Parameters
    ----------
    values
        (n, F), finite.
    start
        (n,) cluster 0..k−1 of each object, each with one at least.
    full
        Whether features may correlate within a Gaussian; see `enough_for_full`.

    Raises
    ------
    JobCancelled
        By `cancel`.
    """
    n, n_features = values.shape
    k = int(start.max()) + 1
    numbers_each = n_features * (n_features + 3) / 2
    least = max(_REGULARISED * float(values.var(axis=0).mean()), 1e-12)
    shares = np.zeros((n, k))
    shares[np.arange(n), start] = 1.0
    before = -np.inf
    for step in range(_MOST_STEPS):
        if cancel is not None:
            cancel.raise_if_cancelled()
        yield Progress(step, _MOST_STEPS, f"Gaussian mixture of {k}")
        mixture = _maximised(values, shares, least, full)
        shares, likelihood = _normalised(mixture.log_densities(values))
        if abs(likelihood - before) < _CONVERGED:
            break
        before = likelihood
    n_numbers = k - 1 + k * (numbers_each if full else 2 * n_features)
    bic = n_numbers * np.log(n) - 2 * n * likelihood
    return Mixture(mixture.weights, mixture.means, mixture.roots, float(bic), full)


def _maximised(values: F64, shares: F64, least: float, full: bool) -> Mixture:
    """The mixture that fits best, given how much of each object belongs to each Gaussian."""
    n_features = values.shape[1]
    counts = shares.sum(axis=0) + 1e-10
    means = (shares.T @ values) / counts[:, None]
    roots = np.zeros((len(counts), n_features, n_features))
    for j, mean in enumerate(means):
        away = values - mean
        if full:
            covariance = (away * shares[:, j, None]).T @ away / counts[j]
            covariance[np.diag_indices(n_features)] += least
            lower = np.linalg.cholesky(covariance)
            roots[j] = np.linalg.inv(lower).T
        else:
            variance = shares[:, j] @ (away * away) / counts[j] + least
            roots[j][np.diag_indices(n_features)] = 1 / np.sqrt(variance)
    return Mixture(counts / counts.sum(), means, roots, np.nan, full)


def _normalised(logs: F64) -> tuple[F64, float]:
    """Posteriors (n, k), and the mean log-likelihood."""
    largest = logs.max(axis=1, keepdims=True)
    shares = np.exp(logs - largest)
    total = shares.sum(axis=1, keepdims=True)
    return shares / total, float((largest + np.log(total)).mean())
