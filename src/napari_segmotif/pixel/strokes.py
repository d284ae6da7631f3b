"""Strokes: what was painted in one go, the unit of everything that is honest about an annotation.

Neighbouring pixels of one stroke are almost copies of each other, so whoever judges a classifier on a pixel
whose neighbour it was trained on judges its memory. A stroke here is a connected component of equal class.

The components are found on runs (stretches of equal class along the last axis): time and memory grow with
what was painted and not with the image, and a solid area costs one run a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..errors import AnnotationError

_CHUNK = 1 << 24  # pixels looked at at a time

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StrokeCount:
    """What was painted of one class: `pixels` and `strokes`."""

    pixels: int
    strokes: int


@dataclass(frozen=True)
class _Runs:
    """Stretches of equal class: row (all axes but the last, raveled), first and last column, class."""

    row: Ints
    first: Ints
    last: Ints
    label: Ints

    @property
    def length(self) -> Ints:
        return self.last - self.first + 1


def label_strokes(annotation: Any, frame_axis: int | None = None) -> NDArray[np.int32]:
    """Give every stroke of an annotation its own id.

    Parameters
    ----------
    annotation
        Integer array of any two or more axes without C, 0 = not annotated: (Y, X), (Z, Y, X), (T, Y, X), …
        Numpy, or anything that slices like it.
    frame_axis
        Position of T, if there is one: what was painted in two frames is never one stroke. Z does connect.

    Returns
    -------
    array int32 of the shape of `annotation`
        0 = not annotated, strokes 1..n in the order of their first pixel (frame by frame).

    Raises
    ------
    AnnotationError
        For an annotation that is not integer, has negative classes or fewer than two axes.
    """
    moved = _frames_first(annotation, frame_axis)
    runs = _find_runs(moved)
    stroke = _connect(runs, tuple(moved.shape), frame_axis is not None)
    strokes = np.zeros(moved.shape, np.int32)
    length = runs.length
    start = runs.row * moved.shape[-1] + runs.first
    # every pixel of every run: the run's start plus 0, 1, 2, … within the run
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    strokes.reshape(-1)[np.repeat(start, length) + within] = np.repeat(stroke + 1, length)
    return strokes if frame_axis is None else np.ascontiguousarray(np.moveaxis(strokes, 0, frame_axis))


def count_strokes(annotation: Any, frame_axis: int | None = None) -> dict[int, StrokeCount]:
    """Count pixels and strokes of each painted class, ascending; arguments as in `label_strokes`."""
    moved = _frames_first(annotation, frame_axis)
    runs = _find_runs(moved)
    stroke = _connect(runs, tuple(moved.shape), frame_axis is not None)
    counts = {}
    for class_id in np.unique(runs.label):
        mine = runs.label == class_id
        counts[int(class_id)] = StrokeCount(int(runs.length[mine].sum()), len(np.unique(stroke[mine])))
    return counts


def _frames_first(annotation: Any, frame_axis: int | None) -> Any:
    if not hasattr(annotation, "dtype"):
        annotation = np.asarray(annotation)
    if np.dtype(annotation.dtype).kind not in "iu":
        raise AnnotationError(
            f"an annotation holds class numbers; convert it to an integer type (got {annotation.dtype})"
        )
    if len(annotation.shape) < 2:
        raise AnnotationError(f"an annotation needs two or more axes (got shape {tuple(annotation.shape)})")
    return annotation if frame_axis is None else np.moveaxis(np.asarray(annotation), frame_axis, 0)


def _find_runs(annotation: Any) -> _Runs:
    """Read the annotation slab by slab, so that an index as large as the image never exists."""
    shape = tuple(annotation.shape)
    width = shape[-1]
    rows_per_step = int(np.prod(shape[1:-1], dtype=np.int64))
    step = max(1, _CHUNK // max(1, rows_per_step * width))
    parts = []
    for begin in range(0, shape[0], step):
        slab = np.asarray(annotation[begin : begin + step]).reshape(-1)
        painted = np.flatnonzero(slab)
        if painted.size == 0:
            continue
        label = slab[painted].astype(np.int64)
        if label.min() < 0:
            raise AnnotationError(f"class numbers start at 1, 0 is not annotated (got {label.min()})")
        row = painted // width
        new = (np.diff(painted) != 1) | (np.diff(row) != 0) | (np.diff(label) != 0)
        head = np.concatenate([[0], np.flatnonzero(new) + 1])
        tail = np.concatenate([head[1:] - 1, [painted.size - 1]])
        column = painted % width
        parts.append((row[head] + begin * rows_per_step, column[head], column[tail], label[head]))
    if not parts:
        return _Runs(*(np.empty(0, np.int64) for _ in range(4)))
    return _Runs(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _connect(runs: _Runs, shape: tuple[int, ...], with_frames: bool) -> Ints:
    """Return the stroke of each run, 0..n-1 in the order of first appearance."""
    n_runs = len(runs.row)
    if n_runs == 0:
        return np.empty(0, np.int64)
    rows_shape = shape[:-1]
    # Runs as intervals on one line. Two spare columns a row keep the end of a row from touching the next.
    stride = shape[-1] + 2
    first, last = runs.row * stride + runs.first, runs.row * stride + runs.last
    coordinates = np.stack(np.unravel_index(runs.row, rows_shape))
    sources, targets = [], []
    for offset in _earlier_rows(len(rows_shape), with_frames):
        neighbour = coordinates + np.array(offset)[:, None]
        inside = ((neighbour >= 0) & (neighbour < np.array(rows_shape)[:, None])).all(axis=0)
        run = np.flatnonzero(inside)
        shift = np.ravel_multi_index(tuple(neighbour[:, run]), rows_shape) * stride
        # runs of that row that overlap mine, grown by one column to each side for diagonal contact
        low = np.searchsorted(last, shift + runs.first[run] - 1, side="left")
        high = np.searchsorted(first, shift + runs.last[run] + 1, side="right")
        count = np.maximum(high - low, 0)
        source = np.repeat(run, count)
        target = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
        sources.append(source)
        targets.append(target)
    source, target = np.concatenate(sources), np.concatenate(targets)
    same = runs.label[source] == runs.label[target]
    source, target = source[same], target[same]
    graph = coo_matrix((np.ones(len(source), np.int8), (source, target)), shape=(n_runs, n_runs))
    component = connected_components(graph, directed=False)[1]
    _, first_run, index = np.unique(component, return_index=True, return_inverse=True)
    order = np.empty(len(first_run), np.int64)
    order[np.argsort(first_run)] = np.arange(len(first_run))
    return order[index.reshape(-1)]


def _earlier_rows(n_axes: int, with_frames: bool) -> list[tuple[int, ...]]:
    """Half of the neighbouring rows (the other half is the same pairs), none of them in another frame.

    Runs of equal class in one row are never adjacent, so the row itself is not among them.
    """
    half = [offset for offset in product((-1, 0, 1), repeat=n_axes) if offset < (0,) * n_axes]
    return [offset for offset in half if not (with_frames and offset[0] != 0)]
