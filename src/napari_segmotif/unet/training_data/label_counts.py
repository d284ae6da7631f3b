"""Which labels there are, how often and where, in one pass over the pixels and without sorting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

_MOST_BINS = 1 << 22

Ints = NDArray[np.int64]
I32 = NDArray[np.int32]


def count_labels(labels: NDArray[Any]) -> tuple[Ints, Ints]:
    """Labels that occur, ascending, and how many pixels each has; integers of any shape, also negative."""
    if labels.size == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    low, high = int(labels.min()), int(labels.max())
    if high - low >= _MOST_BINS:
        values, counts = np.unique(labels, return_counts=True)
        return values.astype(np.int64), counts.astype(np.int64)
    bins = np.zeros(high - low + 1, np.int64)
    _count(labels.reshape(-1), low, bins)
    present = np.flatnonzero(bins)
    return present + low, bins[present]


def object_boxes(labels: I32) -> Ints:
    """(n, D, 2) first and last + 1 pixel of every object along each axis; labels up to 0 are no objects."""
    if labels.size and labels.max() >= _MOST_BINS:  # numbers with large gaps: find_objects lists all between
        _, dense = np.unique(np.maximum(labels, 0), return_inverse=True)
        labels = dense.reshape(labels.shape).astype(np.int32) + np.int32(not (labels <= 0).any())
    boxes = [box for box in ndimage.find_objects(labels) if box is not None]
    found = [[(part.start, part.stop) for part in box] for box in boxes]
    return np.array(found, np.int64).reshape(-1, labels.ndim, 2)


def counts_along(labels: I32, classes: Sequence[int]) -> dict[int, Ints]:
    """How many pixels of every class lie at each position along Y and X.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X).
    classes
        Ascending; other labels do not count.

    Returns
    -------
    dict
        Axis, −2 for Y and −1 for X → (K, n) counts.
    """
    planes = labels.reshape(-1, *labels.shape[-2:])
    rows = np.zeros((len(classes), planes.shape[1]), np.int64)
    columns = np.zeros((len(classes), planes.shape[2]), np.int64)
    _count_along(planes, np.array(classes, np.int32), rows, columns)
    return {-2: rows, -1: columns}


def ignore_labels(labels: I32, unwanted: Ints, ignored: int = -1) -> None:
    """Write `ignored` wherever a label is one of some positive ones; in place."""
    if not len(unwanted):
        return
    if int(unwanted.max()) >= _MOST_BINS:
        labels[np.isin(labels, unwanted)] = ignored
        return
    chosen = np.zeros(int(unwanted.max()) + 1, bool)
    chosen[unwanted] = True
    _replace(labels[np.newaxis] if labels.ndim == 2 else labels, chosen, ignored)


@njit(nogil=True, cache=True)
def _count(labels: NDArray[Any], low: int, bins: Ints) -> None:
    for label in labels:
        bins[np.int64(label) - low] += 1


@njit(nogil=True, cache=True)
def _count_along(planes: I32, classes: I32, rows: Ints, columns: Ints) -> None:
    for plane in planes:
        for y in range(plane.shape[0]):
            last, k = classes[0], 0  # neighbours are mostly of one class
            for x in range(plane.shape[1]):
                label = plane[y, x]
                if label != last:
                    last, k = label, np.searchsorted(classes, label)
                if k < len(classes) and classes[k] == label:
                    rows[k, y] += 1
                    columns[k, x] += 1


@njit(nogil=True, cache=True)
def _replace(planes: I32, chosen: NDArray[np.bool_], value: int) -> None:
    for z in range(planes.shape[0]):
        for y in range(planes.shape[1]):
            for x in range(planes.shape[2]):
                label = planes[z, y, x]
                if 0 < label < len(chosen) and chosen[label]:
                    planes[z, y, x] = value
