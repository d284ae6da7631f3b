"""Convex hull and caliper diameters of all objects at once: area_convex, solidity, Feret diameters.

The definitions are those of scikit-image's regionprops, so that the numbers agree with it: a pixel is
represented by the middles of its edges (of a voxel: of its faces), the hull's area counts the pixels whose
centres lie in the hull, border included, and Feret diameters are measured on the outline of those pixels,
through the middles of their edges. Only rows of pixels are looked at, and only whole numbers compared, so
that nothing depends on rounding. What differs:

- In 3D, an object that is flat or a line has a hull like any other; scikit-image warns and gives 0.
- `feret_diameter_min` is ours: the narrowest width of the outline that gives the largest one, in 2D only.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken
from .feret import narrowest, widest
from .planar_hull import chain, outline_of_rows, rows_within
from .runs import I32, ObjectRuns, object_runs
from .solid_hull import hulls_of_solids
from .threads import spread

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_PIXELS_AT_ONCE = {2: 1 << 21, 3: 1 << 18}  # by dimensions: a moment's work


def hull_columns(
    labels: NDArray[np.int32],
    n: int,
    bbox: NDArray[np.int64],
    spacing: NDArray[np.float64],
    *,
    runs: ObjectRuns | None = None,
    cancel: CancelToken | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Measure the convex hull of every object of one frame.

    Parameters
    ----------
    labels
        int32 (Y, X) or (Z, Y, X): 0 = background, objects 1..n, each with at least one pixel.
    n
        Number of objects.
    bbox
        (n, 2 D) int64, half-open bounding boxes: the D starts, then the D stops.
    spacing
        (D,) physical size of a pixel along each axis.
    runs
        The objects' runs, where they are known already.
    cancel
        Looked at between batches of objects.

    Returns
    -------
    dict of str to float64 (n,)
        `area_convex` in physical units of area or volume; `solidity`, the object's share of its hull, in
        (0, 1]; `feret_diameter_max`; and in 2D `feret_diameter_min`.

    Raises
    ------
    JobCancelled
        If `cancel` was raised.
    """
    runs = object_runs(labels, n) if runs is None else runs
    spacing = np.asarray(spacing, np.float64)
    # (n, 2, 3): in 2D a plane of one slice, as the rows of both are counted alike
    box = np.zeros((n, 2, 3), np.int64)
    box[:, 1, 0] = 1
    box[:, :, 3 - labels.ndim :] = np.asarray(bbox, np.int64).reshape(n, 2, labels.ndim)
    measured = np.empty((n, 3))  # pixels of the hull, largest diameter, smallest diameter
    measure = _hulls_of_shapes if labels.ndim == 2 else hulls_of_solids
    work = partial(
        measure, runs.start, runs.row, runs.first, runs.stop, box, labels.shape[-2], spacing, measured
    )
    spread(work, runs.batches(_PIXELS_AT_ONCE[labels.ndim]), cancel)
    columns = {
        "area_convex": measured[:, 0] * np.prod(spacing),
        "solidity": runs.areas() / measured[:, 0],
        "feret_diameter_max": measured[:, 1],
    }
    return columns if labels.ndim == 3 else columns | {"feret_diameter_min": measured[:, 2]}


@njit(nogil=True, cache=True)
def _hulls_of_shapes(
    start: I64,
    row: I64,
    first: I32,
    stop: I32,
    box: I64,
    n_rows: int,
    spacing: F64,
    measured: F64,
    begin: int,
    end: int,
) -> None:
    """Measure objects `begin` to `end` of a plane into `measured`, (n, 3)."""
    tallest = 0
    for k in range(begin, end):
        tallest = max(tallest, box[k, 1, 1] - box[k, 0, 1])
    lows, highs = np.empty(tallest, np.int64), np.empty(tallest, np.int64)
    outlines = np.empty((2, 2 * tallest + 1), np.int64)
    corners = np.empty((2, 2 * tallest + 1, 2), np.int64)
    polygon = np.empty((4 * tallest + 2, 2))
    for k in range(begin, end):
        height = box[k, 1, 1] - box[k, 0, 1]
        low, high = lows[:height], highs[:height]
        low[:], high[:] = box[k, 1, 2], -1
        for run in range(start[k], start[k + 1]):
            y = row[run] - box[k, 0, 1]
            low[y] = min(low[y], first[run] - box[k, 0, 2])
            high[y] = max(high[y], stop[run] - 1 - box[k, 0, 2])
        n_left, n_right = _sides(low, high, outlines, corners)
        rows_within(corners[0], n_left, corners[1], n_right, low, high)
        measured[k, 0] = height
        for y in range(height):
            measured[k, 0] += high[y] - low[y]
        n_left, n_right = _sides(low, high, outlines, corners)
        for i in range(n_left + n_right):  # down the left side and up the right one
            side, corner = (0, i) if i < n_left else (1, n_left + n_right - 1 - i)
            for d in range(2):
                polygon[i, d] = corners[side, corner, d] * (0.5 * spacing[d])
        measured[k, 1] = widest(polygon[: n_left + n_right])
        measured[k, 2] = narrowest(polygon[: n_left + n_right])


@njit(nogil=True, cache=True)
def _sides(low: I64, high: I64, outlines: I64, corners: I64) -> tuple[int, int]:
    """Corners of the left and of the right side of the hull of rows, into `corners`, (2, ., 2)."""
    left, right = outlines[0, : 2 * len(low) + 1], outlines[1, : 2 * len(low) + 1]
    outline_of_rows(low, high, left, right)
    return chain(left, 1, corners[0]), chain(right, -1, corners[1])
