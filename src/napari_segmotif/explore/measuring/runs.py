"""The pixels of every object as runs along X: what hull and texture walk instead of bounding boxes.

A label image holds few runs and many pixels; and a label whose pixels lie far apart costs no more than its
pixels, where its bounding box may be the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

_PIXELS_AT_ONCE = 1 << 21  # of a batch of objects, between two looks at the cancel token


@dataclass(frozen=True)
class ObjectRuns:
    """Runs of all objects, sorted by object and then as they lie in the image.

    Attributes
    ----------
    start
        (n + 1,) int64: the runs of object k, counted from 0, are `start[k]` to `start[k + 1]`.
    row
        (m,) int64: the row of a run, counted over all rows of all planes.
    first, stop
        (m,) int32: columns of the run, half-open.
    """

    start: I64
    row: I64
    first: I32
    stop: I32

    def areas(self) -> I64:
        """Pixels of each object, (n,) int64."""
        ends = np.concatenate(([0], np.cumsum(self.stop - self.first, dtype=np.int64)))
        areas: I64 = np.diff(ends[self.start])
        return areas

    def batches(self, pixels: int = _PIXELS_AT_ONCE) -> Iterator[tuple[int, int]]:
        """Ranges of objects, from and to, each of about as many pixels: a moment's work."""
        before = np.concatenate(([0], np.cumsum(self.areas())))
        n, begin = len(before) - 1, 0
        while begin < n:
            end = int(np.searchsorted(before, before[begin] + pixels, side="right")) - 1
            yield begin, (end := max(end, begin + 1))
            begin = end


def object_runs(labels: I32, n: int) -> ObjectRuns:
    """Find the runs of every object, in two passes over the image.

    Parameters
    ----------
    labels
        int32 (Y, X) or (Z, Y, X): 0 = background, objects 1..n.
    n
        Number of objects.
    """
    rows = np.ascontiguousarray(labels).reshape(-1, labels.shape[-1])
    start = _count_runs(rows, n)
    m = int(start[-1])
    row, first, stop = np.empty(m, np.int64), np.empty(m, np.int32), np.empty(m, np.int32)
    _fill_runs(rows, start, row, first, stop)
    return ObjectRuns(start, row, first, stop)


@njit(nogil=True, cache=True)
def _count_runs(rows: I32, n: int) -> I64:
    start = np.zeros(n + 1, np.int64)
    for y in range(rows.shape[0]):
        before = np.int32(0)
        for x in range(rows.shape[1]):
            label = rows[y, x]
            if label != before:
                before = label
                if label > 0:
                    start[label] += 1
    for k in range(n):
        start[k + 1] += start[k]
    return start


@njit(nogil=True, cache=True)
def _fill_runs(rows: I32, start: I64, row: I64, first: I32, stop: I32) -> None:
    n_columns = rows.shape[1]
    following = start[:-1].copy()
    for y in range(rows.shape[0]):
        x = 0
        while x < n_columns:
            label = rows[y, x]
            begin = x
            x += 1
            if label <= 0:
                continue
            while x < n_columns and rows[y, x] == label:
                x += 1
            run = following[label - 1]
            following[label - 1] = run + 1
            row[run], first[run], stop[run] = y, begin, x
