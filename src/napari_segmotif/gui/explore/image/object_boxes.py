"""Where the object of a row is, by its bounding box in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....common.axes import SPATIAL
from .lookup_kernels import Box

if TYPE_CHECKING:
    from napari.layers import Labels

    from .attachment import Plane

Extent = dict[int, tuple[int, int]]  # first and end along each spatial axis of the layer


def box_of(row: pd.Series, axes: str) -> Extent | None:
    """Return the bounding box that the table has for an object, or None where it has none.

    Parameters
    ----------
    row
        A row with columns bbox-0, bbox-1, …: first all starts, then all ends, as in regionprops_table.
    axes
        Axes of the labels layer.
    """
    spatial = [axis for axis, letter in enumerate(axes) if letter in SPATIAL]
    n = len(spatial)
    names = [f"bbox-{i}" for i in range(2 * n)]
    if any(name not in row.index for name in names) or f"bbox-{2 * n}" in row.index:
        return None
    corners = row[names].to_numpy(dtype=float)
    if not np.isfinite(corners).all() or (corners != np.rint(corners)).any():
        return None
    return {axis: (int(corners[i]), int(corners[n + i])) for i, axis in enumerate(spatial)}


def flat_box(extent: Extent, plane: Plane) -> Box | None:
    """Return the part of a bounding box that lies in a plane, clipped to it; None where that is not known."""
    if any(axis not in extent for axis in plane.axes):
        return None
    parts = []
    for axis, size in zip(plane.axes, plane.labels.shape, strict=True):
        start, end = extent[axis]
        if start < 0 or end > size or start >= end:
            return None  # of another image, it seems
        parts += [start, end]
    return parts[0], parts[1], parts[2], parts[3]


def fits_box(labels: NDArray[Any], label: int, box: Box) -> bool:
    """Whether an object does not reach beyond a box of the plane: the table may be of another image."""
    top, bottom, left, right = box
    around = labels[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] == label
    inside = labels[top:bottom, left:right] == label
    return int(around.sum()) == int(inside.sum())


def place_of(row: pd.Series, layer: Labels, axes: str) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return middle and size of an object in pixels, one per axis of `axes` without C, or None if it is gone.

    Where the table has no bounding box, the object is looked for in its frame.
    """
    extent = box_of(row, axes) or _searched(row, layer, axes)
    if extent is None:
        return None
    kept = [(axis, letter) for axis, letter in enumerate(axes) if letter != "C"]
    middle = {axis: (start + end - 1) / 2 for axis, (start, end) in extent.items()}
    size = {axis: float(end - start) for axis, (start, end) in extent.items()}
    return (
        tuple(float(row["frame"]) if letter == "T" else middle[axis] for axis, letter in kept),
        tuple(1.0 if letter == "T" else size[axis] for axis, letter in kept),
    )


def _searched(row: pd.Series, layer: Labels, axes: str) -> Extent | None:
    data = layer.data[0] if layer.multiscale else layer.data
    frame: Any = int(row["frame"])
    parts = tuple(frame if letter == "T" else 0 if letter == "C" else slice(None) for letter in axes)
    if "T" in axes and not 0 <= frame < data.shape[axes.index("T")]:
        return None
    found = np.nonzero(np.asarray(data[parts]) == int(row["label"]))
    if not len(found[0]):
        return None
    spatial = [axis for axis, letter in enumerate(axes) if letter in SPATIAL]
    return {axis: (int(at.min()), int(at.max()) + 1) for axis, at in zip(spatial, found, strict=True)}
