"""A random forest as flat arrays, and its evaluation for 64 neighbouring pixels at once.

Trained by scikit-learn, walked by us. A packet of 64 pixels goes through a tree together: at each node one
vector comparison tells which pixels go left and which go right, as the bits of an integer, and a branch
that no pixel takes is skipped. Thresholds are rounded down to float32, so that every pixel ends in the very
leaf in which scikit-learn puts it. Where only the label is wanted, pixels whose majority is certain leave the
packet, and trees stop being asked once none is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...errors import ModelFileError
from ..filtering.vector_intrinsics import LANES, add_to_lanes, lanes_at_most

_EVERY_LANE = np.uint64(0xFFFFFFFFFFFFFFFF)
_TREES_BETWEEN_CHECKS = 8
_ARRAYS = ("roots", "feature", "threshold", "right", "leaf_values")


@dataclass(frozen=True)
class PackedForest:
    """The trees of a random forest, one behind the other, each in depth-first order.

    The left child of node i is node i + 1.

    Attributes
    ----------
    roots
        (n_trees,) uint32, the first node of each tree.
    feature
        (n_nodes,) uint16, the feature that a node compares; n_features or more marks a leaf.
    threshold
        (n_nodes,) float32; a pixel goes left where its feature is not larger.
    right
        (n_nodes,) uint32, the right child of a node; for a leaf its row in `leaf_values`.
    leaf_values
        (n_leaves, n_classes) float32, class probabilities of the leaves that are not pure. A pure leaf of
        class c has `feature` n_features + 1 + c and no row; another leaf has `feature` n_features.
    n_features, n_classes
        What goes in and what comes out.
    """

    roots: NDArray[np.uint32]
    feature: NDArray[np.uint16]
    threshold: NDArray[np.float32]
    right: NDArray[np.uint32]
    leaf_values: NDArray[np.float32]
    n_features: int
    n_classes: int
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", self._checked_depth())

    @classmethod
    def from_trees(cls, trees: Sequence[Any], n_features: int, n_classes: int) -> PackedForest:
        """Pack fitted `sklearn.tree.DecisionTreeClassifier`s whose classes are 0 … n_classes - 1."""
        roots, features, thresholds, rights, values = [], [], [], [], []
        n_nodes = n_values = 0
        for estimator in trees:
            tree = estimator.tree_
            leaf = tree.children_left < 0
            value = tree.value[:, 0, :]
            pure = leaf & (value.max(axis=1) == 1.0)
            mixed = leaf & ~pure
            feature = np.where(pure, n_features + 1 + value.argmax(axis=1), tree.feature)
            feature[mixed] = n_features
            right = np.where(leaf, 0, tree.children_right + n_nodes)
            right[mixed] = n_values + np.arange(mixed.sum())
            roots.append(n_nodes)
            features.append(feature.astype(np.uint16))
            thresholds.append(np.where(leaf, np.float32(0), _round_down(tree.threshold)))
            rights.append(right.astype(np.uint32))
            values.append(value[mixed].astype(np.float32))
            n_nodes += tree.node_count
            n_values += int(mixed.sum())
        return cls(
            np.array(roots, dtype=np.uint32),
            np.concatenate(features),
            np.concatenate(thresholds),
            np.concatenate(rights),
            np.concatenate(values).reshape(-1, n_classes),
            n_features,
            n_classes,
        )

    @classmethod
    def from_sklearn(cls, forest: Any) -> PackedForest:
        """Pack a fitted `sklearn.ensemble.RandomForestClassifier`."""
        return cls.from_trees(forest.estimators_, forest.n_features_in_, len(forest.classes_))

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all trees."""
        return len(self.feature)

    def vote(self, features: NDArray[np.float32], *, stop_when_decided: bool = False) -> NDArray[np.float32]:
        """Sum the trees' class probabilities for every pixel.

        Parameters
        ----------
        features
            (n_packets, n_features, 64) float32.
        stop_when_decided
            Do not ask further trees for a pixel once its class with the most votes is certain. The sums are
            then too small, but the largest is where it would have been.

        Returns
        -------
        ndarray (n_packets, n_classes, 64), float32
            Divided by the number of trees they are the probabilities.
        """
        n_packets = features.shape[0]
        sums = np.empty((n_packets, self.n_classes, LANES), dtype=np.float32)
        _vote(
            features.reshape(-1), self.n_features, self.roots, self.feature, self.threshold, self.right,
            self.leaf_values, self.depth, stop_when_decided, sums,
        )  # fmt: skip
        return sums

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that a model file holds."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], n_features: int, n_classes: int) -> PackedForest:
        """The inverse of `as_arrays`; raises ModelFileError where the arrays are no forest."""
        dtypes = (np.uint32, np.uint16, np.float32, np.uint32, np.float32)
        members = []
        for name, dtype in zip(_ARRAYS, dtypes, strict=True):
            array = arrays.get(name)
            if array is None or array.dtype != dtype or array.ndim != (2 if name == "leaf_values" else 1):
                raise ModelFileError(f"the forest in this model file is damaged (got no usable {name!r})")
            members.append(np.ascontiguousarray(array))
        roots, feature, threshold, right, values = members
        try:
            return cls(roots, feature, threshold, right, values, n_features, n_classes)
        except ValueError as error:
            raise ModelFileError(f"the forest in this model file is damaged (got {error})") from error

    def _checked_depth(self) -> int:
        """The depth of the deepest tree; raises ValueError where a walk could leave the arrays."""
        n = len(self.feature)
        if not len(self.threshold) == len(self.right) == n or not 1 <= len(self.roots) <= n:
            raise ValueError("arrays of different lengths")
        if self.leaf_values.shape[1:] != (self.n_classes,) or self.n_features + self.n_classes > 65_000:
            raise ValueError("leaves of another number of classes")
        if not np.isfinite(self.leaf_values).all():
            raise ValueError("leaves that are not finite")
        depth = _depth_of_forest(
            self.roots, self.feature, self.right, self.n_features, self.n_classes, len(self.leaf_values)
        )
        if depth < 0:
            raise ValueError("nodes that lead nowhere")
        return int(depth)


def _round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each threshold: the same answer for every float32 feature."""
    rounded = thresholds.astype(np.float32)
    too_large = rounded.astype(np.float64) > thresholds
    rounded[too_large] = np.nextafter(rounded[too_large], np.float32(-np.inf))
    return rounded


@njit(nogil=True, cache=True)
def _depth_of_forest(roots, feature, right, n_features, n_classes, n_values):  # type: ignore[no-untyped-def]
    """Depth of the deepest tree, or -1 where a tree is not in depth-first order or points outside."""
    n = feature.size
    deepest = 0
    expected = np.empty(n + 1, dtype=np.int64)
    for t in range(roots.size):
        start = np.int64(roots[t])
        stop = np.int64(roots[t + 1]) if t + 1 < roots.size else n
        if (t == 0 and start != 0) or start >= stop or stop > n:
            return -1
        pending = 0
        for i in range(start, stop):
            f = feature[i]
            if f < n_features:
                child = np.int64(right[i])
                if child <= i + 1 or child >= stop:
                    return -1
                expected[pending] = child
                pending += 1
                deepest = max(deepest, pending)
            else:
                if f > n_features + n_classes or (f == n_features and right[i] >= n_values):
                    return -1
                # After a leaf comes the right child of the innermost open node, or the end of the tree.
                if pending == 0:
                    if i + 1 != stop:
                        return -1
                else:
                    pending -= 1
                    if expected[pending] != i + 1:
                        return -1
        if pending != 0 or feature[stop - 1] < n_features:
            return -1
    return deepest


@njit(nogil=True, cache=True)
def _undecided(sums, start, n_classes, remaining):  # type: ignore[no-untyped-def]
    """The lanes, as bits, whose leading class another can still reach with so many votes to come."""
    mask = np.uint64(0)
    for lane in range(LANES):
        best = np.float32(-1.0)
        second = np.float32(-1.0)
        for c in range(n_classes):
            value = sums[start + c * LANES + lane]
            if value > best:
                second = best
                best = value
            elif value > second:
                second = value
        mask |= np.uint64(best - second <= remaining) << np.uint64(lane)
    return mask


@njit(nogil=True, cache=True)
def _vote(  # type: ignore[no-untyped-def]
    features, n_features, roots, feature, threshold, right, leaf_values, depth, stop_when_decided, sums
):
    n_packets, n_classes, _ = sums.shape
    n_trees = roots.size
    nodes = np.empty(depth + 1, dtype=np.uint32)
    masks = np.empty(depth + 1, dtype=np.uint64)
    # Pixels that reached a pure leaf, class by class; the first place is for leaves that are not pure.
    reached = np.empty(n_classes + 1, dtype=np.uint64)
    one, none, n_inner = np.uint64(1), np.uint64(0), np.uint64(n_features)
    sums[:] = 0.0
    flat = sums.reshape(-1)
    for packet in range(n_packets):
        base = packet * n_features * LANES
        start = packet * n_classes * LANES
        asked = _EVERY_LANE
        for t in range(n_trees):
            for c in range(n_classes + 1):
                reached[np.uint64(c)] = none
            waiting = none
            node, mask = np.uint64(roots[t]), asked
            while True:
                f = np.uint64(feature[node])
                if f >= n_inner:
                    reached[f - n_inner] |= mask
                    if f == n_inner:
                        for c in range(n_classes):
                            add_to_lanes(flat, start + c * LANES, mask, leaf_values[right[node], c])
                    if waiting == none:
                        break
                    waiting -= one
                    node, mask = np.uint64(nodes[waiting]), masks[waiting]
                    continue
                answer = lanes_at_most(features, base + np.int64(f) * LANES, threshold[node])
                left, other = mask & answer, mask & ~answer
                # The right branch is put aside without asking whether anybody takes it: no misprediction.
                nodes[waiting], masks[waiting] = right[node], other
                waiting += np.uint64((left != none) & (other != none))
                node = node + one if left != none else np.uint64(right[node])
                mask = left if left != none else other
            for c in range(n_classes):
                add_to_lanes(flat, start + c * LANES, reached[np.uint64(c + 1)], np.float32(1.0))
            if stop_when_decided and (t + 1) % _TREES_BETWEEN_CHECKS == 0 and 2 * (t + 1) >= n_trees:
                # Sums of rounded leaves: a hair's breadth more than the votes to come makes it certain.
                asked = _undecided(flat, start, n_classes, n_trees - t - 1 + 1e-3)
                if asked == none:
                    break
