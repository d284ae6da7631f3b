"""How well found objects agree with the true ones: one-to-one matching, average precision, Dice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

IOU_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""The thresholds at which average precision is told, unless others are asked for."""

_TABLE_CELLS = 1 << 22  # pairs of objects counted in a table; more are sorted instead


@dataclass(frozen=True)
class ObjectScores:
    """How many objects were found, missed, and found where there is none, at each IoU threshold.

    Scores of several images add up with `+`: every object then counts the same, whatever image it is in. A
    score whose denominator is 0 is NaN.

    Attributes
    ----------
    thresholds
        IoU from which on a found object counts as a true one.
    true_positives, false_positives, false_negatives
        Objects by threshold.
    """

    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    false_negatives: tuple[int, ...]

    @classmethod
    def empty(cls, thresholds: Sequence[float] = IOU_THRESHOLDS) -> ObjectScores:
        """No image yet: what sums begin with."""
        nothing = (0,) * len(thresholds)
        return cls(tuple(thresholds), nothing, nothing, nothing)

    @property
    def average_precision(self) -> tuple[float, ...]:
        """TP / (TP + FP + FN) by threshold (Caicedo et al., Nature Methods 2019), in [0, 1] or NaN."""
        counts = zip(self.true_positives, self.false_positives, self.false_negatives, strict=True)
        return tuple(_share(tp, tp + fp + fn) for tp, fp, fn in counts)

    @property
    def mean_average_precision(self) -> float:
        """Mean of `average_precision` over the thresholds; NaN where there are no objects at all."""
        return float(np.mean(self.average_precision))

    @property
    def precision(self) -> tuple[float, ...]:
        """Share of the found objects that are true, by threshold."""
        return tuple(_share(tp, tp + fp) for tp, fp in self._pairs(self.false_positives))

    @property
    def recall(self) -> tuple[float, ...]:
        """Share of the true objects that were found, by threshold."""
        return tuple(_share(tp, tp + fn) for tp, fn in self._pairs(self.false_negatives))

    @property
    def f1(self) -> tuple[float, ...]:
        """Harmonic mean of precision and recall, by threshold."""
        counts = zip(self.true_positives, self.false_positives, self.false_negatives, strict=True)
        return tuple(_share(2 * tp, 2 * tp + fp + fn) for tp, fp, fn in counts)

    @property
    def n_true(self) -> int:
        """How many true objects there are."""
        return self.true_positives[0] + self.false_negatives[0]

    @property
    def n_found(self) -> int:
        """How many objects were found."""
        return self.true_positives[0] + self.false_positives[0]

    def as_rows(self) -> list[dict[str, float]]:
        """One dict a threshold, with the scores at it: a table, a CSV, JSON."""
        columns = (self.thresholds, self.average_precision, self.precision, self.recall, self.f1)
        names = ("threshold", "average_precision", "precision", "recall", "f1")
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def __add__(self, other: ObjectScores) -> ObjectScores:
        if not isinstance(other, ObjectScores):
            return NotImplemented
        if self.thresholds != other.thresholds:
            raise InputError(
                "only scores at the same thresholds can be added "
                f"(got {self.thresholds} and {other.thresholds})"
            )
        return ObjectScores(
            self.thresholds,
            _sum(self.true_positives, other.true_positives),
            _sum(self.false_positives, other.false_positives),
            _sum(self.false_negatives, other.false_negatives),
        )

    def _pairs(self, others: tuple[int, ...]) -> zip[tuple[int, int]]:
        return zip(self.true_positives, others, strict=True)


@dataclass(frozen=True)
class Overlaps:
    """Where true and found objects overlap; for scores of the same objects under several conditions.

    Attributes
    ----------
    truth, found
        (n_pairs,) index of the true and of the found object, from 0, of every pair that shares a pixel.
    iou
        (n_pairs,) float64 in (0, 1].
    n_truth
        How many true objects there are.
    found_sizes
        (n_found,) pixels of every found object.
    """

    truth: Ints
    found: Ints
    iou: Floats
    n_truth: int
    found_sizes: Ints

    def scores(self, thresholds: Sequence[float] = IOU_THRESHOLDS, minimum_size: float = 0) -> ObjectScores:
        """Match one to one at each threshold, without the found objects below `minimum_size` pixels."""
        keep = self.found_sizes >= minimum_size
        n_found = int(np.count_nonzero(keep))
        pairs = keep[self.found]
        hits = tuple(self._n_matched(pairs & (self.iou >= t)) for t in thresholds)
        return ObjectScores(
            tuple(float(t) for t in thresholds),
            hits,
            tuple(n_found - n for n in hits),
            tuple(self.n_truth - n for n in hits),
        )

    def _n_matched(self, pairs: NDArray[np.bool_]) -> int:
        """Size of the largest one-to-one matching among these pairs."""
        n_pairs = int(np.count_nonzero(pairs))
        if n_pairs < 2 or self.iou[pairs].min() > 0.5:
            return n_pairs  # nothing overlaps two things by more than half
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import maximum_bipartite_matching

        graph = csr_array(
            (np.ones(n_pairs, np.int8), (self.truth[pairs], self.found[pairs])),
            shape=(self.n_truth, len(self.found_sizes)),
        )
        return int(np.count_nonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0))


def match_objects(
    truth: ArrayLike, predicted: ArrayLike, thresholds: Sequence[float] = IOU_THRESHOLDS
) -> ObjectScores:
    """Count which objects were found, by the best one-to-one matching at each IoU threshold.

    Parameters
    ----------
    truth
        Integer labels, any axes: 0 = background, numbers of objects with gaps or without. Negative = not
        known: these pixels count for nothing, and a found object that lies there with more than half of its
        pixels is left out.
    predicted
        Integer labels of the same shape, 0 = background.
    thresholds
        A true and a found object can match where their intersection over their union is at least this, in
        (0, 1].

    Returns
    -------
    ObjectScores

    Raises
    ------
    InputError
        For shapes that differ, labels that are not integers, negative predicted labels, or thresholds outside
        (0, 1].
    """
    if len(thresholds) == 0 or not all(0 < t <= 1 for t in thresholds):
        raise InputError(f"thresholds must be above 0 and at most 1, one or more (got {list(thresholds)})")
    return find_overlaps(truth, predicted).scores(thresholds)


def find_overlaps(truth: ArrayLike, predicted: ArrayLike) -> Overlaps:
    """Which true and found objects overlap, and by how much; see `match_objects` for the labels."""
    truth_flat, found_flat = _objects(truth, "truth"), _objects(predicted, "predicted")
    if np.shape(truth) != np.shape(predicted):
        raise InputError(
            f"truth and predicted must have the same shape (got {np.shape(truth)} and {np.shape(predicted)})"
        )
    if found_flat.size and found_flat.min() < 0:
        raise InputError(f"predicted labels must be 0 or more (got {found_flat.min()})")
    if truth_flat.size and truth_flat.min() < 0:
        truth_flat, found_flat = _known(truth_flat, found_flat)
    rows, n_truth = _number(truth_flat)
    columns, n_found = _number(found_flat)
    truth_sizes = np.bincount(rows, minlength=n_truth + 1)
    found_sizes = np.bincount(columns, minlength=n_found + 1)
    both = (rows > 0) & (columns > 0)
    pairs = rows[both] * (n_found + 1) + columns[both]
    if (n_truth + 1) * (n_found + 1) <= _TABLE_CELLS:
        table = np.bincount(pairs, minlength=1)
        shared_by = np.flatnonzero(table)
        shared = table[shared_by]
    else:
        shared_by, shared = np.unique(pairs, return_counts=True)
    i, j = np.divmod(shared_by, n_found + 1)
    iou = shared / (truth_sizes[i] + found_sizes[j] - shared)
    return Overlaps(i - 1, j - 1, iou, n_truth, found_sizes[1:])


def dice(truth_mask: ArrayLike, predicted_mask: ArrayLike) -> float:
    """Dice of two masks of the same shape, in [0, 1]; NaN where both are empty.

    Raises
    ------
    InputError
        For shapes that differ.
    """
    truth, predicted = np.asarray(truth_mask).astype(bool), np.asarray(predicted_mask).astype(bool)
    if truth.shape != predicted.shape:
        raise InputError(f"masks must have the same shape (got {truth.shape} and {predicted.shape})")
    both = int(np.count_nonzero(truth & predicted))
    return _share(2 * both, int(np.count_nonzero(truth)) + int(np.count_nonzero(predicted)))


def _objects(values: ArrayLike, name: str) -> NDArray[np.integer]:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise InputError(f"{name} must be integer labels of objects; convert it first (got {array.dtype})")
    return array.reshape(-1)


def _known(
    truth: NDArray[np.integer], found: NDArray[np.integer]
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Pixels whose truth is known, without the found objects that lie elsewhere for the most part."""
    known = truth >= 0
    numbers, n_found = _number(found)
    inside = np.bincount(numbers[known], minlength=n_found + 1)
    counted = 2 * inside >= np.bincount(numbers, minlength=n_found + 1)
    found = np.where(counted[numbers], found, 0)
    return truth[known], found[known]


def _number(labels: NDArray[np.integer]) -> tuple[Ints, int]:
    """Number labels 0..n without gaps (0 stays 0), and n."""
    if not labels.size:
        return labels.astype(np.int64), 0
    highest = int(labels.max())
    if highest > max(labels.size, 1 << 16):  # too sparse for a lookup table
        values, numbers = np.unique(labels, return_inverse=True)
        first = 0 if values[0] == 0 else 1
        return numbers.reshape(-1) + first, len(values) - 1 + first
    there = np.zeros(highest + 1, bool)
    there[labels] = True
    there[0] = False
    number = np.cumsum(there)
    number[0] = 0
    return number[labels], int(there.sum())


def _sum(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _share(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else math.nan
