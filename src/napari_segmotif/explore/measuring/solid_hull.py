"""Convex hulls of voxel objects, exactly, in whole numbers: an incremental hull with degenerate cases.

Coordinates are halves of a voxel, as in planar_hull: the centre of voxel i lies at 2 i + 1. They are held in
float64, whose products are exact for objects of up to some 50,000 voxels across, and are compared four at a
time by the processor.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .feret import widest
from .planar_hull import ABSENT, chain, outline_of_rows
from .runs import I32

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


@njit(nogil=True, cache=True)
def hulls_of_solids(
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
    """Measure objects `begin` to `end` into `measured`, (n, 3): voxels of the hull, largest diameter, NaN.

    Parameters
    ----------
    start, row, first, stop
        The objects' runs (runs.ObjectRuns).
    box
        (n, 2, 3) bounding boxes, half-open: start and stop along Z, Y, X.
    n_rows
        Rows of a plane.
    spacing
        (3,) physical size of a voxel.
    measured, begin, end
        Where the numbers go, and of which objects.
    """
    for k in range(begin, end):
        depth, height = box[k, 1, 0] - box[k, 0, 0], box[k, 1, 1] - box[k, 0, 1]
        low = np.full((depth, height), box[k, 1, 2], np.int64)
        high = np.full((depth, height), -1, np.int64)
        for run in range(start[k], start[k + 1]):
            z, y = row[run] // n_rows - box[k, 0, 0], row[run] % n_rows - box[k, 0, 1]
            low[z, y] = min(low[z, y], first[run] - box[k, 0, 2])
            high[z, y] = max(high[z, y], stop[run] - 1 - box[k, 0, 2])
        points = _candidates(low, high)
        _, planes = convex_hull(points)
        measured[k, 0] = _rows_within(planes, low, high)
        points = _candidates(low, high)
        corners, _ = convex_hull(points)
        measured[k, 1] = widest(_used_points(points, corners, spacing))
        measured[k, 2] = np.nan


@njit(nogil=True, cache=True)
def _used_points(points: F64, corners: I64, spacing: F64) -> F64:
    """The points that are corners of the hull, (m, 3), in physical units."""
    place = np.full(len(points), -1, np.int64)
    n = 0
    for f in range(corners.shape[0]):
        for i in range(3):
            if place[corners[f, i]] < 0:
                place[corners[f, i]] = n
                n += 1
    used = np.empty((n, 3))
    for i in range(len(points)):
        if place[i] >= 0:
            for d in range(3):
                used[place[i], d] = 0.5 * spacing[d] * points[i, d]
    return used


@njit(nogil=True, cache=True)
def _candidates(low: I64, high: I64) -> F64:
    """Corners of the hull of every half slice: all that can be a corner of the solid's hull.

    Parameters
    ----------
    low, high
        (Z, Y) first and last column of each row; low > high where a row is empty.

    Returns
    -------
    float64 (p, 3)
        Z, Y, X of the points, in half voxels.
    """
    depth, height = low.shape
    m = 2 * height + 1
    left, right, corners = np.empty(m, np.int64), np.empty(m, np.int64), np.empty((m, 2), np.int64)
    points = np.empty((256, 3))
    n = 0
    for w in range(2 * depth + 1):
        if w % 2:
            outline_of_rows(low[w // 2], high[w // 2], left, right)
        else:
            _outline_between(low, high, w // 2, left, right)
        for side in range(2):
            n_corners = chain(left, 1, corners) if side == 0 else chain(right, -1, corners)
            if n + n_corners > len(points):
                points = _grown(points, n, n_corners)
            for i in range(n_corners):
                points[n, 0], points[n, 1], points[n, 2] = w, corners[i, 0], corners[i, 1]
                n += 1
    return points[:n]


@njit(nogil=True, cache=True)
def _grown(points: F64, n: int, room: int) -> F64:
    """A larger array with the first n points."""
    grown = np.empty((2 * len(points) + room, 3))
    for i in range(n):
        for d in range(3):
            grown[i, d] = points[i, d]
    return grown


@njit(nogil=True, cache=True)
def _outline_between(low: I64, high: I64, z: int, left: I64, right: I64) -> None:
    """Outline of the half slice between slices z - 1 and z: the middles of the faces that lie in it."""
    left[:] = ABSENT
    right[:] = -ABSENT
    for slab in range(max(z - 1, 0), min(z + 1, len(low))):
        for y in range(low.shape[1]):
            if low[slab, y] <= high[slab, y]:
                left[2 * y + 1] = min(left[2 * y + 1], 2 * low[slab, y] + 1)
                right[2 * y + 1] = max(right[2 * y + 1], 2 * high[slab, y] + 1)


@njit(nogil=True, cache=True)
def convex_hull(points: F64) -> tuple[I64, F64]:
    """Convex hull of points with whole coordinates, one point after the other.

    Each point that lies outside replaces the facets it sees by a fan around their horizon (Seidel; de Berg et
    al., Computational Geometry, ch. 11). A facet in whose plane the point lies counts as not seen: as signs
    are exact, the horizon is always one simple loop, and no facet is ever flat.

    Parameters
    ----------
    points
        (p, 3) float64, not all in one plane; some may be the same.

    Returns
    -------
    corners
        (f, 3) int64: which points make the triangles; faces of more corners are several triangles.
    planes
        (4, f) float64: outward normals and offsets; a point q is in the hull where normal · q <= offset.
    """
    p = len(points)
    corners = np.empty((2 * p + 4, 3), np.int64)
    planes = np.empty((4, 2 * p + 4))  # by component, so that many facets are compared at once
    seen = np.empty(2 * p + 4, np.int64)
    turn = np.zeros(p, np.int64)  # at a corner of the horizon: the following corner minus the one before
    n = _first_tetrahedron(points, corners, planes)
    stride = _stride(p)
    for i in range(p):
        apex = (i * stride) % p
        n_seen = _facets_seen(planes, n, points[apex, 0], points[apex, 1], points[apex, 2], seen)
        if n_seen == 0:
            continue
        origin, second = _turns(corners, seen, n_seen, turn)
        n = _remove(corners, planes, n, seen, n_seen)
        a, b = origin, second
        while True:
            _set_facet(points, a, b, apex, corners, planes, n)
            n += 1
            a, b = b, turn[b] + a
            turn[a] = 0
            if a == origin:
                break
    return corners[:n], planes[:, :n]


@njit(nogil=True, cache=True)
def _stride(p: int) -> int:
    """A step that visits all of p points, far from each other: the hull soon has nearly its final size."""
    stride = max(1, int(0.618 * p))
    while True:
        a, b = p, stride
        while b:
            a, b = b, a % b
        if a == 1:
            return stride
        stride += 1


@njit(nogil=True, cache=True)
def _facets_seen(planes: F64, n: int, z: float, y: float, x: float, seen: I64) -> int:
    """Write the facets that have the point on their outer side, in rising order; return their number."""
    count = 0
    for f in range(n):
        count += planes[0, f] * z + planes[1, f] * y + planes[2, f] * x > planes[3, f]
    if count == 0:  # as for most points: the loop above is four facets at a time
        return 0
    count = 0
    for f in range(n):
        if planes[0, f] * z + planes[1, f] * y + planes[2, f] * x > planes[3, f]:
            seen[count] = f
            count += 1
    return count


@njit(nogil=True, cache=True)
def _turns(corners: I64, seen: I64, n_seen: int, turn: I64) -> tuple[int, int]:
    """Make the horizon walkable, and return one of its edges.

    An edge between two seen facets is passed in both directions and cancels in `turn`; what remains at each
    corner of the horizon is its successor minus its predecessor, so that from one edge all follow.
    """
    for j in range(n_seen):
        for d in range(3):
            a, b = corners[seen[j], d], corners[seen[j], (d + 1) % 3]
            turn[a] += b
            turn[b] -= a
    for j in range(n_seen):
        for d in range(3):
            a, b = corners[seen[j], d], corners[seen[j], (d + 1) % 3]
            if not _has_edge(corners, seen, n_seen, b, a):
                return a, b
    return -1, -1  # never: no point sees all facets


@njit(nogil=True, cache=True)
def _has_edge(corners: I64, seen: I64, n_seen: int, a: int, b: int) -> bool:
    for j in range(n_seen):
        for d in range(3):
            if corners[seen[j], d] == a and corners[seen[j], (d + 1) % 3] == b:
                return True
    return False


@njit(nogil=True, cache=True)
def _remove(corners: I64, planes: F64, n: int, seen: I64, n_seen: int) -> int:
    """Put the last facet in a seen one's place, from behind, so that no facet that moves is a seen one."""
    for j in range(n_seen - 1, -1, -1):
        n -= 1
        for d in range(3):
            corners[seen[j], d] = corners[n, d]
        for d in range(4):
            planes[d, seen[j]] = planes[d, n]
    return n


@njit(nogil=True, cache=True)
def _set_facet(points: F64, a: int, b: int, c: int, corners: I64, planes: F64, f: int) -> None:
    """Make a triangle whose corners, seen from outside, run so that its normal points outwards."""
    corners[f, 0], corners[f, 1], corners[f, 2] = a, b, c
    nz, ny, nx = _normal(points, a, b, c)
    planes[0, f], planes[1, f], planes[2, f] = nz, ny, nx
    planes[3, f] = nz * points[a, 0] + ny * points[a, 1] + nx * points[a, 2]


@njit(nogil=True, cache=True)
def _normal(points: F64, a: int, b: int, c: int) -> tuple[float, float, float]:
    """(b - a) x (c - a)."""
    u0, u1, u2 = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    v0, v1, v2 = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    return u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0


@njit(nogil=True, cache=True)
def _first_tetrahedron(points: F64, corners: I64, planes: F64) -> int:
    """The hull to begin with: two far points, the one farthest from their line, and from their plane."""
    a, b, c, d = 0, len(points) - 1, 0, 0  # a of the first, b of the last half slice
    farthest = -1.0
    for i in range(len(points)):
        nz, ny, nx = _normal(points, a, b, i)
        distance = nz * nz + ny * ny + nx * nx
        if distance > farthest:
            c, farthest = i, distance
    nz, ny, nx = _normal(points, a, b, c)
    level = nz * points[a, 0] + ny * points[a, 1] + nx * points[a, 2]
    height = 0.0
    for i in range(len(points)):
        rise = nz * points[i, 0] + ny * points[i, 1] + nx * points[i, 2] - level
        if abs(rise) > abs(height):
            d, height = i, rise
    if height > 0:
        b, c = c, b  # so that d lies behind the triangle a, b, c
    _set_facet(points, a, b, c, corners, planes, 0)
    _set_facet(points, a, d, b, corners, planes, 1)
    _set_facet(points, b, d, c, corners, planes, 2)
    _set_facet(points, c, d, a, corners, planes, 3)
    return 4


@njit(nogil=True, cache=True)
def _rows_within(planes: F64, low: I64, high: I64) -> int:
    """Voxels whose centres lie in the hull, border included, into `low` and `high`, (Z, Y); their number.

    Each facet bounds the columns of a row. The quotient of whole numbers is rounded correctly, and its
    distance to the next whole number is at least one part in the divisor: rounding it to columns is exact.
    """
    order, n_below, n_upright = _sorted_by_side(planes)
    total = 0
    for z in range(low.shape[0]):
        for y in range(low.shape[1]):
            w, u = 2.0 * z + 1, 2.0 * y + 1
            low[z, y], high[z, y] = 0, -1
            outside = False
            for f in range(n_below, n_below + n_upright):
                outside |= order[0, f] * w + order[1, f] * u > order[3, f]
            if outside:
                continue
            least, most = -np.inf, np.inf
            for f in range(n_below):
                least = max(least, (order[3, f] - order[0, f] * w - order[1, f] * u) / order[2, f])
            for f in range(n_below + n_upright, order.shape[1]):
                most = min(most, (order[3, f] - order[0, f] * w - order[1, f] * u) / order[2, f])
            low[z, y], high[z, y] = int(np.ceil((least - 1) / 2)), int(np.floor((most - 1) / 2))
            total += max(0, high[z, y] - low[z, y] + 1)
    return total


@njit(nogil=True, cache=True)
def _sorted_by_side(planes: F64) -> tuple[F64, int, int]:
    """Facets that bound X from below, that do not bound it, and the others; how many of the first two."""
    order = np.empty(planes.shape)
    n, counts = 0, np.zeros(3, np.int64)
    for side in range(3):
        for f in range(planes.shape[1]):
            if np.sign(planes[2, f]) == side - 1:
                for d in range(4):
                    order[d, n] = planes[d, f]
                n += 1
                counts[side] += 1
    return order, counts[0], counts[1]
