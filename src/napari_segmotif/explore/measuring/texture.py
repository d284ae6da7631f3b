"""Texture of all objects at once: Haralick's measures of each object's grey-level co-occurrence matrix.

The intensities of a channel are put into grey levels of equal width, by default 32 from the smallest to the
largest intensity found in any object of the image: objects of one image share their levels, and images do if
they are given one `value_range` (`measure_objects` gives one that a few bright pixels do not change). The
matrix of an object counts its pairs of neighbouring pixels, both within the object, in all directions (4 in
2D, 13 in 3D) and both orders together: the measures do not depend on how the object lies, and small objects
still have enough pairs. Measures of each direction, averaged, are another convention, with slightly other
numbers. Directions are steps in pixels, whatever the spacing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken
from ...errors import InputError
from .haralick import HARALICK, haralick_measures
from .runs import I32, ObjectRuns, object_runs
from .threads import spread

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Floats = NDArray[np.float32] | NDArray[np.float64]

_NO_LEVEL = np.uint8(255)  # of pixels that are no number
MOST_LEVELS = 255


def texture_columns(
    labels: NDArray[np.int32],
    n: int,
    bbox: NDArray[np.int64],
    spacing: NDArray[np.float64],
    intensity: NDArray[np.generic],
    *,
    n_levels: int = 32,
    distance: int = 1,
    value_range: Sequence[tuple[float, float]] | None = None,
    runs: ObjectRuns | None = None,
    cancel: CancelToken | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Haralick's thirteen measures of every object of one frame, in each channel.

    Parameters
    ----------
    labels
        int32 (Y, X) or (Z, Y, X): 0 = background, objects 1..n.
    n
        Number of objects.
    bbox, spacing
        Not used: directions and distance are in pixels.
    intensity
        (C, Y, X) or (C, Z, Y, X). Pairs with a pixel that is NaN or infinite do not count.
    n_levels
        Number of grey levels, 2 to 255.
    distance
        Distance of the two pixels of a pair, in pixels along each axis of the direction.
    value_range
        The range of the grey levels in each channel, C pairs; by default that of the intensities in objects.
        What lies outside belongs to the first or last level.
    runs
        The objects' runs, where they are known already.
    cancel
        Looked at between channels and batches of objects.

    Returns
    -------
    dict of str to float64 (n,)
        `haralick_angular_second_moment` and so on, in Haralick's order; with several channels all of channel
        0 as `haralick_angular_second_moment-0` and so on, then those of channel 1. NaN for objects without a
        pair.

    Raises
    ------
    InputError
        For an intensity of another shape, or parameters out of their range.
    JobCancelled
        If `cancel` was raised.
    """
    _check(labels, intensity, n_levels, distance, value_range)
    runs = object_runs(labels, n) if runs is None else runs
    solid = np.ascontiguousarray(labels).reshape((-1, *labels.shape[-2:]))
    steps = distance * _half_of_the_directions(labels.ndim)
    columns: dict[str, NDArray[np.float64]] = {}
    for channel, image in enumerate(intensity):
        values = _readable(image).reshape(solid.shape)
        low, high = _range_in_objects(values, solid) if value_range is None else value_range[channel]
        levels = _grey_levels(values, solid, float(low), float(high), n_levels)
        measures = np.empty((n, len(HARALICK)))
        work = partial(
            _measure, solid, levels, runs.start, runs.row, runs.first, runs.stop, steps, n_levels, measures
        )
        spread(work, runs.batches(), cancel)
        suffix = f"-{channel}" if len(intensity) > 1 else ""
        for i, name in enumerate(HARALICK):
            columns[f"haralick_{name}{suffix}"] = measures[:, i].copy()
    return columns


def _check(
    labels: I32,
    intensity: NDArray[np.generic],
    n_levels: int,
    distance: int,
    value_range: Sequence[tuple[float, float]] | None,
) -> None:
    if intensity.shape[1:] != labels.shape:
        raise InputError(
            "texture needs an intensity image of the labels' shape, with channels first "
            f"(got {intensity.shape} for labels of {labels.shape})"
        )
    if not 2 <= n_levels <= MOST_LEVELS:
        raise InputError(f"the number of grey levels must be from 2 to {MOST_LEVELS} (got {n_levels})")
    if distance < 1:
        raise InputError(f"the distance of a pair must be 1 pixel or more (got {distance})")
    if value_range is not None and (
        len(value_range) != len(intensity)
        or not all(-np.inf < low <= high < np.inf for low, high in value_range)
    ):
        raise InputError(
            f"value_range needs a low and a high value for each of {len(intensity)} channels "
            f"(got {value_range})"
        )


def _readable(image: NDArray[np.generic]) -> Floats:
    """The image in one piece, as float32 where that holds every value: two kinds to compile for."""
    narrow = image.dtype.itemsize <= (4 if image.dtype.kind == "f" else 2)
    return np.ascontiguousarray(image, np.float32) if narrow else np.ascontiguousarray(image, np.float64)


def _half_of_the_directions(dimensions: int) -> I64:
    """Steps (Z, Y, X) to one of each two opposite neighbours: 4 in 2D, 13 in 3D."""
    reach: tuple[int, ...] = (0,) if dimensions == 2 else (-1, 0, 1)
    steps = [step for step in product(reach, (-1, 0, 1), (-1, 0, 1)) if step > (0, 0, 0)]
    return np.array(steps, np.int64)


@njit(nogil=True, cache=True)
def _range_in_objects(values: Floats, labels: I32) -> tuple[float, float]:
    """The smallest and the largest finite value in objects; 0 and 0 if there is none."""
    low, high = np.inf, -np.inf
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x] > 0:
                    value = float(values[z, y, x])
                    if np.isfinite(value):
                        low, high = min(low, value), max(high, value)
    return (low, high) if low <= high else (0.0, 0.0)


@njit(nogil=True, cache=True)
def _grey_levels(values: Floats, labels: I32, low: float, high: float, n_levels: int) -> NDArray[np.uint8]:
    """Grey levels from 0 in objects; the last level includes its upper end, as in a histogram."""
    levels = np.full(labels.shape, _NO_LEVEL)
    width = high - low
    graded = 0 < width < np.inf
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x] > 0:
                    value = float(values[z, y, x])
                    if np.isfinite(value):
                        share = (min(max(value, low), high) - low) / width if graded else 0.0
                        levels[z, y, x] = min(int(share * n_levels), n_levels - 1)
    return levels


@njit(nogil=True, cache=True)
def _measure(
    labels: I32,
    levels: NDArray[np.uint8],
    start: I64,
    row: I64,
    first: I32,
    stop: I32,
    steps: I64,
    n_levels: int,
    measures: F64,
    begin: int,
    end: int,
) -> None:
    """Measures of objects `begin` to `end`: the matrix of one object at a time, which stays in the cache."""
    depth, height, width = labels.shape
    pairs, both = np.empty((n_levels, n_levels), np.int64), np.empty((n_levels, n_levels), np.int64)
    for k in range(begin, end):
        pairs[:] = 0
        for run in range(start[k], start[k + 1]):
            z, y = row[run] // height, row[run] % height
            for i in range(len(steps)):
                other_z, other_y, shift = z + steps[i, 0], y + steps[i, 1], steps[i, 2]
                if not (0 <= other_z < depth and 0 <= other_y < height):
                    continue
                for x in range(max(first[run], -shift), min(stop[run], width - shift)):
                    if labels[other_z, other_y, x + shift] == k + 1:
                        here, there = levels[z, y, x], levels[other_z, other_y, x + shift]
                        if here != _NO_LEVEL and there != _NO_LEVEL:
                            pairs[here, there] += 1
        for i in range(n_levels):
            for j in range(n_levels):
                both[i, j] = pairs[i, j] + pairs[j, i]
        haralick_measures(both, measures[k])
