"""A random forest for objects: grown by scikit-learn's trees, kept and asked as plain arrays.

What is kept is all that predicting needs, so that a forest from a file gives the same bits as the forest that
was saved. Each tree draws its objects class by class: where somebody picked three mitoses among a thousand
cells, no tree may miss them. Results do not depend on the number of threads, nor on the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ...errors import ModelFileError

Floats = NDArray[np.float64]
MAX_DRAWN = 5_000
"""A tree sees so many objects at most; of more, an equal share of each class is drawn."""

_TREES_PER_STEP = 16
_OBJECT_TREES_PER_STEP = 40_000  # trees of so many objects together take about a third of a second
_ROWS_PER_CALL = 2048
_ROWS_AT_ONCE = 64  # rows that go through one tree before the next tree is fetched
_LARGEST = float(np.finfo(np.float32).max)
_ARRAYS: dict[str, Any] = {
    "roots": np.int64,
    "feature": np.int32,
    "threshold": np.float32,
    "right": np.int32,
    "leaves": np.float64,
}


@dataclass(frozen=True)
class ObjectForest:
    """The trees of a random forest, one behind the other, each in depth-first order.

    The left child of node i is node i + 1.

    Attributes
    ----------
    roots
        (n_trees,) int64, the first node of each tree.
    feature
        (n_nodes,) int32, the feature that a node compares; −1 marks a leaf.
    threshold
        (n_nodes,) float32; an object goes left where its feature is not larger.
    right
        (n_nodes,) int32, the right child of a node; for a leaf its row in `leaves`.
    leaves
        (n_leaves, n_classes) float64, class probabilities.
    importances
        (n_features,) float64, mean decrease of impurity, summing to 1, or zeros where no tree asks anything.
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    right: NDArray[np.int32]
    leaves: Floats
    importances: Floats

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.leaves.shape[1])

    def predict_proba(self, X: Floats, n_threads: int = 1, cancel: CancelToken | None = None) -> Floats:
        """Mean of the trees' class probabilities, (n, n_classes), for prepared features (n, n_features)."""
        rows = _as_float32(X)
        votes = np.zeros((len(rows), self.n_classes))

        def vote(start: int) -> None:
            if cancel is not None:
                cancel.raise_if_cancelled()
            part = slice(start, start + _ROWS_PER_CALL)
            _add_votes(
                rows[part], self.roots, self.feature, self.threshold, self.right, self.leaves, votes[part]
            )

        starts = range(0, len(rows), _ROWS_PER_CALL)
        if n_threads == 1 or len(starts) <= 1:
            for start in starts:
                vote(start)
        else:
            with ThreadPoolExecutor(max_workers=n_threads) as pool:
                list(pool.map(vote, starts))
        return votes / len(self.roots)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that a model file holds."""
        return {name: getattr(self, name) for name in (*_ARRAYS, "importances")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_features: int, n_classes: int) -> ObjectForest:
        """The inverse of `to_arrays`.

        Raises
        ------
        ModelFileError
            Where the arrays are no forest, or a walk through them could leave it or never end.
        """
        forest = cls(**{name: arrays.get(name) for name in (*_ARRAYS, "importances")})  # type: ignore[arg-type]
        if problem := _problem(forest, n_features, n_classes):
            raise ModelFileError(f"the forest in this model file is damaged: save it again (got {problem})")
        return forest


def grow_forest(
    X: Floats,
    y: NDArray[np.integer],
    n_classes: int,
    *,
    n_estimators: int = 200,
    max_depth: int | None = None,
    min_samples_leaf: int = 1,
    max_features: Literal["sqrt", "log2"] | float = "sqrt",
    balanced: bool = True,
    random_state: int = 0,
    n_threads: int = 1,
    cancel: CancelToken | None = None,
) -> Job[ObjectForest]:
    """Grow a random forest (Breiman, 2001), a few trees at a time.

    Parameters
    ----------
    X
        (n, n_features) prepared features, finite.
    y
        (n,) classes 0 … n_classes − 1.
    n_classes
        Number of classes; one that is not in `y` gets no votes.
    n_estimators, max_depth, min_samples_leaf, max_features
        As in `sklearn.ensemble.RandomForestClassifier`.
    balanced
        Every class counts the same, however many objects of it there are.
    random_state
        Seed; tree t draws from a generator of its own.
    n_threads
        Trees that are grown side by side.
    cancel
        Looked at after each few trees.

    Yields
    ------
    Progress

    Raises
    ------
    JobCancelled
    """
    from sklearn import config_context
    from sklearn.tree import DecisionTreeClassifier

    rows = _as_float32(X)
    members = [np.flatnonzero(y == c) for c in range(n_classes)]
    present = [rows_of_class for rows_of_class in members if len(rows_of_class)]
    share = min(1.0, MAX_DRAWN / len(rows))
    drawn_per_class = [max(1, round(share * len(own))) for own in present]
    n_drawn = sum(drawn_per_class)

    def grow(number: int) -> dict[str, Any]:
        rng = np.random.default_rng([random_state, number])
        seed = int(rng.integers(2**31 - 1))
        times = np.zeros(len(rows))
        for own, n in zip(present, drawn_per_class, strict=True):
            weight = n_drawn / (len(present) * n) if balanced else 1.0
            times[own] = weight * np.bincount(rng.integers(0, len(own), n), minlength=len(own))
        used = np.flatnonzero(times)
        tree = DecisionTreeClassifier(
            max_depth=max_depth,
            min_samples_leaf=min_samples_leaf,
            max_features=max_features,
            random_state=seed,
        )
        with config_context(assume_finite=True, skip_parameter_validation=True):  # checked by our caller
            tree.fit(rows[used], y[used], sample_weight=times[used], check_input=False)
        return _plain(tree, n_classes)

    step = max(n_threads, min(_TREES_PER_STEP, _OBJECT_TREES_PER_STEP // n_drawn))
    trees: list[dict[str, Any]] = []
    with ThreadPoolExecutor(max_workers=n_threads) as pool:
        while len(trees) < n_estimators:
            if cancel is not None:
                cancel.raise_if_cancelled()
            numbers = range(len(trees), min(len(trees) + step, n_estimators))
            trees += map(grow, numbers) if n_threads == 1 else pool.map(grow, numbers)
            yield Progress(len(trees), n_estimators, f"tree {len(trees)} of {n_estimators}")
    return _pack(trees, rows.shape[1])


def _plain(estimator: Any, n_classes: int) -> dict[str, Any]:
    """What is kept of a fitted tree."""
    tree = estimator.tree_
    leaf = tree.children_left < 0
    probabilities = np.zeros((int(leaf.sum()), n_classes))
    value = tree.value[leaf, 0, :]
    probabilities[:, estimator.classes_.astype(np.int64)] = value / value.sum(axis=1, keepdims=True)
    right = tree.children_right.astype(np.int64)
    right[leaf] = np.arange(len(probabilities))
    return {
        "leaf": leaf,
        "feature": np.where(leaf, -1, tree.feature),
        "threshold": np.where(leaf, np.float32(0), _round_down(tree.threshold)),
        "right": right,
        "leaves": probabilities,
        "importances": estimator.feature_importances_,
    }


def _pack(trees: list[dict[str, Any]], n_features: int) -> ObjectForest:
    n_nodes = np.array([len(tree["leaf"]) for tree in trees])
    n_leaves = np.array([len(tree["leaves"]) for tree in trees])
    first_node, first_leaf = np.cumsum(n_nodes) - n_nodes, np.cumsum(n_leaves) - n_leaves
    right = [
        tree["right"] + np.where(tree["leaf"], leaf, node)
        for tree, node, leaf in zip(trees, first_node, first_leaf, strict=True)
    ]
    importances = np.mean([tree["importances"] for tree in trees], axis=0)
    total = float(importances.sum())
    return ObjectForest(
        roots=first_node.astype(np.int64),
        feature=np.concatenate([tree["feature"] for tree in trees]).astype(np.int32),
        threshold=np.concatenate([tree["threshold"] for tree in trees]).astype(np.float32),
        right=np.concatenate(right).astype(np.int32),
        leaves=np.concatenate([tree["leaves"] for tree in trees]),
        importances=importances / total if total > 0 else np.zeros(n_features),
    )


def _problem(forest: ObjectForest, n_features: int, n_classes: int) -> str:
    """Why these arrays are no forest, or nothing. A walk that always moves on must end in a leaf."""
    for name, dtype in _ARRAYS.items():
        array = getattr(forest, name)
        if array is None or array.dtype != dtype or array.ndim != (2 if name == "leaves" else 1):
            return f"no usable {name!r}"
    n, roots = len(forest.feature), forest.roots
    if not len(forest.threshold) == len(forest.right) == n or not 1 <= len(roots) <= n:
        return "arrays of different lengths"
    leaves, importances = forest.leaves, forest.importances
    if leaves.shape[1:] != (n_classes,) or not ((leaves >= 0) & (leaves <= 1)).all():
        return "leaves without probabilities of each class"
    if importances is None or importances.dtype != np.float64 or importances.shape != (n_features,):
        return "importances of other features"
    if not np.isfinite(importances).all() or np.isnan(forest.threshold).any():
        return "numbers that are not finite"
    if roots[0] != 0 or (np.diff(roots) <= 0).any() or roots[-1] >= n:
        return "trees that do not follow each other"
    stop = np.repeat(np.append(roots[1:], n), np.diff(np.append(roots, n)))
    asks, node = forest.feature >= 0, np.arange(n)
    onwards = (forest.right > node + 1) & (forest.right < stop)  # so the left child is inside, too
    ends = (forest.feature == -1) & (forest.right >= 0) & (forest.right < len(leaves))
    if (forest.feature >= n_features).any() or not np.where(asks, onwards, ends).all():
        return "nodes that lead nowhere"
    return ""


def _as_float32(X: Floats) -> NDArray[np.float32]:
    """Features as the trees compare them; what float32 cannot hold is put at its end."""
    return np.ascontiguousarray(np.clip(X, -_LARGEST, _LARGEST), dtype=np.float32)


def _round_down(thresholds: Floats) -> NDArray[np.float32]:
    """The largest float32 not above each threshold: the same answer for every float32 feature."""
    rounded = thresholds.astype(np.float32)
    too_large = rounded > thresholds
    rounded[too_large] = np.nextafter(rounded[too_large], np.float32(-np.inf))
    return rounded


@njit(nogil=True, cache=True)
def _add_votes(X, roots, feature, threshold, right, leaves, votes):  # type: ignore[no-untyped-def]
    """Add the leaves that each row reaches, tree after tree: sums do not depend on the rows beside."""
    n, n_classes = votes.shape
    for start in range(0, n, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, n)
        for t in range(roots.size):
            for i in range(start, stop):
                node = roots[t]
                while feature[node] >= 0:
                    goes_left = X[i, feature[node]] <= threshold[node]
                    node = node + 1 if goes_left else np.int64(right[node])
                leaf = right[node]
                for c in range(n_classes):
                    votes[i, c] += leaves[leaf, c]
