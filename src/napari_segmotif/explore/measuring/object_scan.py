"""One look at a label image: every object as runs of pixels, its size, its place and its bounding box.

All shapes are measured on runs (pixels beside each other along X), of which there are a hundred times fewer
than pixels. Labels may have gaps and any whole numbers: the objects are counted 0..n-1 in the order of their
labels. Sizes, boxes and sums are whole numbers and therefore exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken
from ...errors import InputError
from .runs import ObjectRuns
from .threads import pieces_of, spread

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_PIXELS_AT_ONCE = 1 << 21
_RUNS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class ObjectScan:
    """The objects of one frame.

    A plane counts as a volume of one slice: boxes and sums have the three axes Z, Y, X.

    Attributes
    ----------
    shape
        Shape of the label image, (Y, X) or (Z, Y, X).
    labels
        (n,) int64, ascending: the label of each object.
    runs
        The objects' runs.
    pixels
        (n,) int64: pixels of each object.
    box
        (n, 2, 3) int64: where the bounding box begins, and where it ends (half-open).
    sums
        (n, 3) int64: sums of the pixels' coordinates.
    image
        The label image, whole numbers.
    """

    shape: tuple[int, ...]
    labels: I64
    runs: ObjectRuns
    pixels: I64
    box: I64
    sums: I64
    image: NDArray[Any]

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.labels)

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return len(self.shape)

    @property
    def rows_per_plane(self) -> int:
        """Rows of each plane."""
        return int(self.shape[-2])

    @cached_property
    def bbox(self) -> I64:
        """(n, 2 D) int64: as in regionprops, the D starts and then the D stops."""
        return np.ascontiguousarray(self.box[:, :, 3 - self.dimensions :].reshape(self.n, -1))

    @cached_property
    def local_centroid(self) -> F64:
        """(n, 3): mean coordinates in pixels, from where the bounding box begins."""
        first = self.box[:, 0]
        local: F64 = (self.sums - first * self.pixels[:, None]) / self.pixels[:, None]
        return local

    @cached_property
    def compact(self) -> I32:
        """The label image as int32 with the objects 1..n."""
        wanted = self.n == 0 or int(self.labels[-1]) == self.n
        if wanted and self.image.dtype == np.int32:
            return np.ascontiguousarray(self.image)
        painted = np.zeros((int(np.prod(self.shape[:-1])), self.shape[-1]), np.int32)
        runs = self.runs
        _paint(runs.start, runs.row, runs.first, runs.stop, painted)
        return painted.reshape(self.shape)

    def batches(self) -> Iterator[tuple[int, int]]:
        """Ranges of objects of about as many runs each, a moment's work."""
        start, begin = self.runs.start, 0
        while begin < self.n:
            end = int(np.searchsorted(start, start[begin] + _RUNS_AT_ONCE, side="right")) - 1
            end = max(end, begin + 1)
            yield begin, end
            begin = end


def scan_objects(labels: NDArray[Any], cancel: CancelToken | None = None) -> ObjectScan:
    """Find all objects of a label image.

    Parameters
    ----------
    labels
        (Y, X) or (Z, Y, X), whole numbers ≥ 0; 0 is background.
    cancel
        Looked at between blocks of rows.

    Raises
    ------
    InputError
        If a label is negative.
    JobCancelled
        If `cancel` was raised.
    """
    small = labels.dtype.itemsize < 4 or labels.dtype == np.int32
    rows = np.ascontiguousarray(labels, np.int32 if small else np.int64).reshape(-1, labels.shape[-1])
    values, row, first, stop = _all_runs(rows, cancel)
    found, number = _numbered(values)
    runs = _grouped(number, len(found), row, first, stop)
    n = len(found)
    pixels, box, sums = np.zeros(n, np.int64), np.zeros((n, 2, 3), np.int64), np.zeros((n, 3), np.int64)
    _extents(runs.start, runs.row, runs.first, runs.stop, labels.shape[-2], pixels, box, sums)
    return ObjectScan(tuple(labels.shape), found, runs, pixels, box, sums, labels)


def _all_runs(rows: NDArray[Any], cancel: CancelToken | None) -> tuple[NDArray[Any], I64, I32, I32]:
    """Label, row and columns of every run in the order of the image."""
    counts = np.zeros(len(rows), np.int64)
    blocks = pieces_of(len(rows), _PIXELS_AT_ONCE // rows.shape[1])
    spread(lambda begin, end: _count(rows, begin, end, counts), blocks, cancel)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    m = int(offsets[-1])
    values = np.empty(m, rows.dtype)
    row, first, stop = np.empty(m, np.int64), np.empty(m, np.int32), np.empty(m, np.int32)
    spread(lambda begin, end: _fill(rows, begin, end, offsets, values, row, first, stop), blocks, cancel)
    return values, row, first, stop


def _numbered(values: NDArray[Any]) -> tuple[I64, NDArray[np.int64]]:
    """The labels that occur, ascending, and which of them each run has."""
    if len(values) and values.min() < 0:
        raise InputError(
            "labels must be 0 for the background and positive for objects: set the negative ones to 0 "
            f"(got {values.min()})"
        )
    largest = int(values.max()) if len(values) else 0
    if largest > 4 * len(values) + (1 << 20):  # a table over all labels would be larger than the runs
        found, number = np.unique(values, return_inverse=True)
        return found.astype(np.int64), number.astype(np.int64)
    there = np.zeros(largest + 1, bool)
    there[values] = True
    place = np.cumsum(there) - 1
    return np.flatnonzero(there).astype(np.int64), place[values]


def _grouped(number: I64, n: int, row: I64, first: I32, stop: I32) -> ObjectRuns:
    """The runs sorted by object; those of one object stay in the order of the image."""
    start = np.concatenate(([0], np.cumsum(np.bincount(number, minlength=n)))).astype(np.int64)
    sorted_row, sorted_first, sorted_stop = np.empty_like(row), np.empty_like(first), np.empty_like(stop)
    _sort(number, start[:-1].copy(), row, first, stop, sorted_row, sorted_first, sorted_stop)
    return ObjectRuns(start, sorted_row, sorted_first, sorted_stop)


@njit(nogil=True, cache=True)
def _count(rows: NDArray[Any], begin: int, end: int, counts: I64) -> None:
    """Runs of each row; without branches, so that it takes no longer than reading the image."""
    for y in range(begin, end):
        row = rows[y]
        n = 1 if row[0] != 0 else 0
        for x in range(1, len(row)):
            n += (row[x] != row[x - 1]) & (row[x] != 0)
        counts[y] = n


@njit(nogil=True, cache=True)
def _fill(
    rows: NDArray[Any],
    begin: int,
    end: int,
    offsets: I64,
    values: NDArray[Any],
    row: I64,
    first: I32,
    stop: I32,
) -> None:
    width = rows.shape[1]
    for y in range(begin, end):
        line = rows[y]
        i, last = offsets[y], offsets[y + 1]
        x = 0
        while i < last:
            while line[x] == 0:
                x += 1
            label = line[x]
            values[i], row[i], first[i] = label, y, x
            x += 1
            while x < width and line[x] == label:
                x += 1
            stop[i] = x
            i += 1


@njit(nogil=True, cache=True)
def _sort(
    number: I64,
    following: I64,
    row: I64,
    first: I32,
    stop: I32,
    sorted_row: I64,
    sorted_first: I32,
    sorted_stop: I32,
) -> None:
    for i in range(len(number)):
        j = following[number[i]]
        following[number[i]] = j + 1
        sorted_row[j], sorted_first[j], sorted_stop[j] = row[i], first[i], stop[i]


@njit(nogil=True, cache=True)
def _extents(
    start: I64, row: I64, first: I32, stop: I32, n_rows: int, pixels: I64, box: I64, sums: I64
) -> None:
    for k in range(len(pixels)):
        head = start[k]
        n = sum_z = sum_y = sum_x = np.int64(0)
        z0, y0, x0 = row[head] // n_rows, n_rows, np.int64(first[head])
        z1, y1, x1 = z0, np.int64(0), np.int64(0)
        for i in range(head, start[k + 1]):
            z, y = row[i] // n_rows, row[i] % n_rows
            a, b = np.int64(first[i]), np.int64(stop[i])
            n += b - a
            sum_z += (b - a) * z
            sum_y += (b - a) * y
            sum_x += (b - a) * (a + b - 1) // 2
            z1 = z  # runs lie in the order of the image
            y0, y1 = min(y0, y), max(y1, y)
            x0, x1 = min(x0, a), max(x1, b)
        pixels[k] = n
        sums[k, 0], sums[k, 1], sums[k, 2] = sum_z, sum_y, sum_x
        box[k, 0, 0], box[k, 0, 1], box[k, 0, 2] = z0, y0, x0
        box[k, 1, 0], box[k, 1, 1], box[k, 1, 2] = z1 + 1, y1 + 1, x1


@njit(nogil=True, cache=True)
def _paint(start: I64, row: I64, first: I32, stop: I32, painted: I32) -> None:
    for k in range(len(start) - 1):
        for i in range(start[k], start[k + 1]):
            painted[row[i], first[i] : stop[i]] = k + 1
