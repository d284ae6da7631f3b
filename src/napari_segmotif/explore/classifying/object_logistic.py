"""Logistic regression for objects: the simple alternative to a forest, with weights that can be read.

The loss is summed by a plain loop and not by the machine's linear algebra, whose last digits depend on the
number of its threads: the same objects give the same weights in every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ...errors import ModelFileError

Floats = NDArray[np.float64]
_MOST_STEPS = 300
_NEVER = -1e4  # as an intercept: exp of it is 0


@dataclass(frozen=True)
class ObjectLogistic:
    """Weights of a multinomial logistic regression.

    Attributes
    ----------
    weights
        (n_classes, n_features + 1) float64; the last column is the intercept. A class that was not in the
        training objects has so low a one that it is never predicted.
    """

    weights: Floats

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.weights)

    @property
    def importances(self) -> Floats:
        """(n_features,) mean size of a feature's weights, summing to 1; features are on the same scale."""
        size: Floats = np.abs(self.weights[:, :-1]).mean(axis=0)
        total = float(size.sum())
        return np.asarray(size / total) if total > 0 else size

    def predict_proba(self, X: Floats, n_threads: int = 1, cancel: CancelToken | None = None) -> Floats:
        """Class probabilities (n, n_classes) for prepared features (n, n_features)."""
        probabilities = np.empty((len(X), self.n_classes))
        _probabilities(np.ascontiguousarray(X), self.weights, probabilities)
        return probabilities

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that a model file holds."""
        return {"weights": self.weights}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], n_features: int, n_classes: int
    ) -> ObjectLogistic:
        """The inverse of `to_arrays`; ModelFileError where the arrays are no such model."""
        weights = arrays.get("weights")
        if (
            weights is None
            or weights.dtype != np.float64
            or weights.shape != (n_classes, n_features + 1)
            or not np.isfinite(weights).all()
        ):
            got = "nothing" if weights is None else f"{weights.dtype} {weights.shape}"
            raise ModelFileError(f"the weights in this model file are damaged: save it again (got {got})")
        return cls(np.ascontiguousarray(weights))


def fit_logistic(
    X: Floats,
    y: NDArray[np.integer],
    n_classes: int,
    *,
    regularization: float = 1.0,
    balanced: bool = True,
    cancel: CancelToken | None = None,
) -> Job[ObjectLogistic]:
    """Fit a multinomial logistic regression with an L2 penalty, as scikit-learn's `LogisticRegression`.

    Parameters
    ----------
    X
        (n, n_features) prepared features, finite and on comparable scales.
    y
        (n,) classes 0 … n_classes − 1.
    n_classes
        Number of classes; one that is not in `y` is never predicted.
    regularization
        1 / C of scikit-learn; larger keeps the weights smaller.
    balanced
        Every class counts the same, however many objects of it there are.
    cancel
        Looked at in each step.

    Yields
    ------
    Progress

    Raises
    ------
    JobCancelled
    """
    from scipy.optimize import minimize

    X = np.ascontiguousarray(X, dtype=np.float64)
    counts = np.bincount(y, minlength=n_classes)
    present = np.flatnonzero(counts)
    place = np.searchsorted(present, y)
    weight = len(y) / (len(present) * counts[y]) if balanced else np.ones(len(y))
    shape = (len(present), X.shape[1] + 1)

    def loss(flat: Floats) -> tuple[float, Floats]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        gradient = np.empty(shape)
        value = _loss(X, place, weight, flat.reshape(shape), regularization, gradient)
        return value, gradient.reshape(-1)

    yield Progress(0, 1, "logistic regression")
    options = {"maxiter": _MOST_STEPS, "ftol": 1e-12, "gtol": 1e-6}
    start = np.zeros(shape[0] * shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    yield Progress(1, 1, "logistic regression")
    weights = np.zeros((n_classes, shape[1]))
    weights[:, -1] = _NEVER
    weights[present] = found.reshape(shape)
    return ObjectLogistic(weights)


@njit(nogil=True, cache=True)
def _softmax(row, weights, probabilities):  # type: ignore[no-untyped-def]
    """Write a row's class probabilities."""
    n_classes, n_features = weights.shape[0], weights.shape[1] - 1
    largest = -np.inf
    for c in range(n_classes):
        score = weights[c, n_features]
        for f in range(n_features):
            score += weights[c, f] * row[f]
        probabilities[c] = score
        largest = max(largest, score)
    total = 0.0
    for c in range(n_classes):
        probabilities[c] = np.exp(probabilities[c] - largest)
        total += probabilities[c]
    for c in range(n_classes):
        probabilities[c] /= total


@njit(nogil=True, cache=True)
def _probabilities(X, weights, probabilities):  # type: ignore[no-untyped-def]
    for i in range(len(X)):
        _softmax(X[i], weights, probabilities[i])


@njit(nogil=True, cache=True)
def _loss(X, y, row_weight, weights, penalty, gradient):  # type: ignore[no-untyped-def]
    """Weighted cross-entropy plus penalty / 2 × squared weights, and its gradient."""
    n_classes, n_features = weights.shape[0], weights.shape[1] - 1
    probabilities = np.empty(n_classes)
    gradient[:] = 0.0
    value = 0.0
    for i in range(len(X)):
        _softmax(X[i], weights, probabilities)
        value -= row_weight[i] * np.log(max(probabilities[y[i]], 1e-300))
        for c in range(n_classes):
            away = row_weight[i] * (probabilities[c] - (1.0 if c == y[i] else 0.0))
            for f in range(n_features):
                gradient[c, f] += away * X[i, f]
            gradient[c, n_features] += away
    for c in range(n_classes):
        for f in range(n_features):
            value += 0.5 * penalty * weights[c, f] ** 2
            gradient[c, f] += penalty * weights[c, f]
    return value
