"""The passes over label images that must be quick: painting through a lookup, counting, telling changes.

They run in threads of our own and not in numba's: numba's simplest pool must not be entered by two threads at
once, and a worker may be in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_WORTH_A_THREAD = 2**18  # pixels
_MOST_THREADS = 8

Box = tuple[int, int, int, int]  # first row, end of rows, first column, end of columns


@dataclass(frozen=True)
class Lookup:
    """What each label is painted with.

    Attributes
    ----------
    values
        (n,) by label; or by the place of the label in `keys`, if there are keys. What is not in it is 0.
    keys
        (n,) int64 ascending: the labels, where they are too large to be indices.
    """

    values: NDArray[Any]
    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def paint(labels: NDArray[Any], lookup: Lookup, *, outlined: bool = False) -> NDArray[Any]:
    """Paint an image of labels.

    Parameters
    ----------
    labels
        (…, X) of whole numbers; negative ones are background.
    lookup
        The value of each label.
    outlined
        Two axes only: pixels on the rim of an object get its value + 1, if it is not 0.

    Returns
    -------
    Array of the shape of `labels` and the type of the lookup's values.
    """
    plane = _rows_of(labels)
    out = np.empty(plane.shape, lookup.values.dtype)
    paint_box(plane, lookup, out, (0, plane.shape[0], 0, plane.shape[1]), outlined=outlined)
    return out.reshape(labels.shape)


def paint_box(
    labels: NDArray[Any], lookup: Lookup, out: NDArray[Any], box: Box, *, outlined: bool = False
) -> None:
    """Paint a box of a plane (Y, X) into `out` (Y, X)."""
    labels = _signed(labels)
    top, bottom, left, right = box

    def rows(start: int, stop: int) -> None:
        _paint(labels, lookup.values, lookup.keys, out, start, stop, left, right)
        if outlined:
            _outline(labels, out, start, stop, left, right)

    _in_threads(rows, top, bottom, (bottom - top) * (right - left))


def fingerprint(labels: NDArray[Any]) -> int:
    """Return a number that almost surely is another one as soon as one pixel is."""
    plane = _signed(_rows_of(labels))
    sums = _in_threads(lambda start, stop: _mixed_sum(plane, start, stop), 0, plane.shape[0], plane.size)
    return sum(sums) & (2**64 - 1)


def count_inside(
    labels: NDArray[Any], vertices: NDArray[np.float64], lookup: Lookup, n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count how many pixels of each object lie in a polygon, and how many it has in the plane.

    A pixel is inside where its centre is; where the outline crosses itself, what it goes round counts.

    Parameters
    ----------
    labels
        (Y, X).
    vertices
        (V, 2) row and column, in pixels.
    lookup
        A number 1 … n for each object that counts.
    n
        How many objects there are.

    Returns
    -------
    inside, all
        Each (n + 1,), by the object's number; `all` is 0 for objects that are not inside at all.
    """
    plane = _signed(_rows_of(labels))
    top = max(0, int(np.ceil(vertices[:, 0].min())))
    bottom = min(plane.shape[0], int(np.floor(vertices[:, 0].max())) + 1)
    ys, xs = np.ascontiguousarray(vertices[:, 0]), np.ascontiguousarray(vertices[:, 1])

    def inside_rows(start: int, stop: int) -> NDArray[np.int64]:
        counts = np.zeros(n + 1, np.int64)
        _count_polygon(plane, ys, xs, lookup.values, lookup.keys, start, stop, counts)
        return counts

    def all_rows(start: int, stop: int) -> NDArray[np.int64]:
        counts = np.zeros(n + 1, np.int64)
        _count_all(plane, wanted.values, wanted.keys, start, stop, counts)
        return counts

    zeros = np.zeros(n + 1, np.int64)
    inside = sum(_in_threads(inside_rows, top, bottom, plane.size), start=zeros.copy())
    # Only objects of which something is inside are counted in the whole plane: the others are mostly skipped.
    numbers = np.where(inside[lookup.values] > 0, lookup.values, 0).astype(lookup.values.dtype)
    wanted = Lookup(numbers, lookup.keys)
    everywhere = sum(_in_threads(all_rows, 0, plane.shape[0], plane.size), start=zeros)
    inside[0] = everywhere[0] = 0
    return inside, everywhere


def _rows_of(labels: NDArray[Any]) -> NDArray[Any]:
    labels = np.ascontiguousarray(labels)
    return labels.reshape(-1, labels.shape[-1] if labels.ndim else 1)


def _signed(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as numba takes them without mixing signed and unsigned 64 bits, which it does in floats."""
    if labels.dtype == np.uint64:
        return labels.view(np.int64)
    return labels.view(np.uint8) if labels.dtype == bool else labels


def _in_threads(work: Callable[[int, int], Any], start: int, stop: int, n_pixels: int) -> list[Any]:
    """Call work(first, end) for parts of the rows at the same time."""
    if stop <= start:
        return []
    n = min(_n_threads(), stop - start) if n_pixels >= _WORTH_A_THREAD else 1
    if n == 1:
        return [work(start, stop)]
    edges = np.linspace(start, stop, n + 1).astype(int).tolist()
    # This thread takes a part itself: a pool that is busy elsewhere cannot hold it up for long.
    futures = [_pool().submit(work, *part) for part in pairwise(edges[1:])]
    return [work(edges[0], edges[1]), *(future.result() for future in futures)]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=max(1, _n_threads() - 1))


@cache
def _n_threads() -> int:
    return max(1, min(_MOST_THREADS, os.cpu_count() or 1))


@njit(nogil=True, cache=True)
def _value(label, values, keys):  # type: ignore[no-untyped-def]
    if keys.size == 0:
        place = np.uint64(label)  # a negative label becomes too large
        return values[place] if place < np.uint64(values.size) else values.dtype.type(0)
    low, high = 0, keys.size
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < label:
            low = middle + 1
        else:
            high = middle
    return values[low] if low < keys.size and keys[low] == label else values.dtype.type(0)


@njit(nogil=True, cache=True)
def _paint(labels, values, keys, out, top, bottom, left, right):  # type: ignore[no-untyped-def]
    for y in range(top, bottom):
        for x in range(left, right):
            out[y, x] = _value(labels[y, x], values, keys)


@njit(nogil=True, cache=True)
def _outline(labels, out, top, bottom, left, right):  # type: ignore[no-untyped-def]
    # A pass of its own: together with the lookup, numba counts references for every pixel.
    height, width = labels.shape
    for y in range(top, bottom):
        for x in range(left, right):
            if out[y, x] == 0:
                continue
            label = labels[y, x]
            if (
                (y == 0 or labels[y - 1, x] != label)
                or (y == height - 1 or labels[y + 1, x] != label)
                or (x == 0 or labels[y, x - 1] != label)
                or (x == width - 1 or labels[y, x + 1] != label)
            ):
                out[y, x] += 1


@njit(nogil=True, cache=True)
def _mixed_sum(labels, top, bottom):  # type: ignore[no-untyped-def]
    # Each pixel is mixed with its place, so that swapping two labels is a change too.
    total = np.uint64(0)
    width = labels.shape[1]
    for y in range(top, bottom):
        for x in range(width):
            place = np.uint64(y * width + x)
            mixed = (np.uint64(labels[y, x]) + np.uint64(1)) * (
                place * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
            )
            mixed ^= mixed >> np.uint64(29)
            total += mixed * np.uint64(0xBF58476D1CE4E5B9)
    return total


@njit(nogil=True, cache=True)
def _count_polygon(labels, ys, xs, values, keys, top, bottom, counts):  # type: ignore[no-untyped-def]
    n = ys.size
    crossings = np.empty(n)
    turns = np.empty(n, np.int64)
    for y in range(top, bottom):
        found = 0
        for i in range(n):
            j = i + 1 if i + 1 < n else 0
            down = ys[i] <= y < ys[j]
            if not down and not (ys[j] <= y < ys[i]):
                continue
            at = xs[i] + (y - ys[i]) / (ys[j] - ys[i]) * (xs[j] - xs[i])
            place = found
            while place > 0 and crossings[place - 1] > at:
                crossings[place] = crossings[place - 1]
                turns[place] = turns[place - 1]
                place -= 1
            crossings[place] = at
            turns[place] = 1 if down else -1
            found += 1
        winding = 0
        for i in range(found - 1):
            winding += turns[i]
            if winding != 0:
                first = max(0, int(np.ceil(crossings[i])))
                # The right end belongs to the next stretch, so that no pixel is counted twice.
                end = min(labels.shape[1], int(np.ceil(crossings[i + 1])))
                for x in range(first, end):
                    counts[_value(labels[y, x], values, keys)] += 1


@njit(nogil=True, cache=True)
def _count_all(labels, values, keys, top, bottom, counts):  # type: ignore[no-untyped-def]
    for y in range(top, bottom):
        for x in range(labels.shape[1]):
            counts[_value(labels[y, x], values, keys)] += 1
