"""Neighbourhood of all objects: who touches whom, along how much of the boundary, and who is near.

Two objects touch where a pixel of one shares a side (in 3D a face) with a pixel of the other. The boundary of
an object is made of the sides between its pixels and others. Sides at the edge of the image do not belong to
it: what lies behind them is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...errors import InputError
from .runs import I32, I64

F64 = NDArray[np.float64]

NEAR = 3.0
"""How many median diameters far, centre to centre, an object still counts in `neighbours_within`."""


@dataclass(frozen=True)
class Contacts:
    """The sides between objects and what is beside them.

    Attributes
    ----------
    boundary, touching
        (n, D) int64: sides across each axis that face another object or the background, and those that face
        another object.
    pairs
        (m, 2) int64: objects, from 0, that touch, the lower one first; sorted, each pair once.
    areas
        (n,) int64: pixels of each object.
    """

    boundary: I64
    touching: I64
    pairs: I64
    areas: I64


def neighbourhood_columns(
    labels: NDArray[np.int32],
    n: int,
    bbox: NDArray[np.int64],
    spacing: NDArray[np.float64],
    centroids: NDArray[np.float64],
    *,
    near: float = NEAR,
    radius: float | None = None,
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """Describe the surroundings of every object of one frame.

    Parameters
    ----------
    labels
        int32 (Y, X) or (Z, Y, X): 0 = background, objects 1..n.
    n
        Number of objects.
    bbox
        Not used.
    spacing
        (D,) physical size of a pixel along each axis.
    centroids
        (n, D) in physical units.
    near
        The radius of `neighbours_within`, in median diameters of the frame's objects (of the circle, or
        ball, of the same area or volume).
    radius
        That radius in physical units, the same for all frames and images, instead of `near`.

    Returns
    -------
    dict of str to (n,)
        `neighbours`, int64, how many objects touch; `touching_share`, the share of the boundary that faces
        another object, in [0, 1], NaN for an object that fills the image; `nearest_distance`, from centroid
        to the nearest other centroid, NaN for a lone object; `neighbours_within`, int64, how many other
        centroids are no farther than the radius.

    Raises
    ------
    InputError
        If the radius is not a positive number.
    """
    wanted = near if radius is None else radius
    if not (np.isfinite(wanted) and wanted > 0):
        raise InputError(f"the radius of the neighbourhood must be a positive number (got {wanted})")
    spacing = np.asarray(spacing, np.float64)
    contacts = find_contacts(labels, n)
    if radius is None:
        radius = (
            near * float(np.median(_diameters(contacts.areas * np.prod(spacing), labels.ndim))) if n else 1.0
        )
    side = np.prod(spacing) / spacing  # length or area of a pixel's side across each axis
    boundary, touching = contacts.boundary @ side, contacts.touching @ side
    share = np.divide(touching, boundary, out=np.full(n, np.nan), where=boundary > 0)
    nearest, within = _distances(np.asarray(centroids, np.float64), radius)
    return {
        "neighbours": np.bincount(contacts.pairs.reshape(-1), minlength=n).astype(np.int64),
        "touching_share": share,
        "nearest_distance": nearest,
        "neighbours_within": within,
    }


def find_contacts(labels: I32, n: int) -> Contacts:
    """Count the sides between objects, in one pass over the image.

    Parameters
    ----------
    labels
        int32 (Y, X) or (Z, Y, X): 0 = background, objects 1..n.
    n
        Number of objects.
    """
    solid = np.ascontiguousarray(labels).reshape((-1, *labels.shape[-2:]))
    boundary, touching = np.zeros((n, 3), np.int64), np.zeros((n, 3), np.int64)
    areas = np.zeros(n, np.int64)
    keys = np.unique(_count_sides(solid, n, boundary, touching, areas))
    axes = slice(3 - labels.ndim, None)
    pairs = np.stack(np.divmod(keys, max(n, 1)), axis=1)
    return Contacts(boundary[:, axes], touching[:, axes], pairs, areas)


@njit(nogil=True, cache=True)
def _count_sides(labels: I32, n: int, boundary: I64, touching: I64, areas: I64) -> I64:
    """Add up all sides; return a number a · n + b for each stretch along which objects a < b touch."""
    depth, height, width = labels.shape
    keys, n_keys = np.empty(1024, np.int64), 0
    before = np.full(3, -1, np.int64)  # the last pair across each axis: most sides repeat it
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = labels[z, y, x]
                if here > 0:
                    areas[here - 1] += 1
                for axis in range(3):
                    if axis == 0:
                        if z + 1 == depth:
                            continue
                        there = labels[z + 1, y, x]
                    elif axis == 1:
                        if y + 1 == height:
                            continue
                        there = labels[z, y + 1, x]
                    else:
                        if x + 1 == width:
                            continue
                        there = labels[z, y, x + 1]
                    if here == there:
                        continue
                    if here > 0:
                        boundary[here - 1, axis] += 1
                    if there > 0:
                        boundary[there - 1, axis] += 1
                    if here <= 0 or there <= 0:
                        continue
                    touching[here - 1, axis] += 1
                    touching[there - 1, axis] += 1
                    key = (min(here, there) - 1) * np.int64(n) + max(here, there) - 1
                    if key == before[axis]:
                        continue
                    before[axis] = key
                    if n_keys == len(keys):
                        grown = np.empty(2 * n_keys, np.int64)
                        grown[:n_keys] = keys
                        keys = grown
                    keys[n_keys] = key
                    n_keys += 1
    return keys[:n_keys]


def _diameters(sizes: F64, dimensions: int) -> F64:
    """Diameters of circles of these areas, or of balls of these volumes."""
    diameters: F64 = 2 * np.sqrt(sizes / np.pi) if dimensions == 2 else np.cbrt(6 * sizes / np.pi)
    return diameters


def _distances(centroids: F64, radius: float) -> tuple[F64, I64]:
    """Distance to the nearest other centroid, and how many are no farther than the radius."""
    n = len(centroids)
    if n < 2:
        return np.full(n, np.nan), np.zeros(n, np.int64)
    tree = cKDTree(centroids)
    distances, _ = tree.query(centroids, k=2)
    within = np.asarray(tree.query_ball_point(centroids, radius, return_length=True), np.int64)
    return distances[:, 1], within - 1
