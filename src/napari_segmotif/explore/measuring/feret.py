"""Caliper (Feret) diameters of convex outlines: largest and smallest distance between parallel lines."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@njit(nogil=True, cache=True)
def widest(points: F64) -> float:
    """The largest distance between two of the points, (n, D) in physical units.

    All pairs are measured: a hull has a few dozen corners, and no ties can lead astray.
    """
    n, dimensions = points.shape
    largest = 0.0
    for i in range(n):
        for j in range(i):
            squared = 0.0
            for d in range(dimensions):
                squared += (points[i, d] - points[j, d]) ** 2
            largest = max(largest, squared)
    return float(np.sqrt(largest))


@njit(nogil=True, cache=True)
def narrowest(polygon: F64) -> float:
    """The smallest width of a convex polygon, (n, 2) corners in physical units, all one way round.

    The narrowest strip touches one side along its length (Freeman & Shapira, Communications of the ACM 18,
    1975); the calipers turn round the polygon once, from side to side (Toussaint, MELECON 1983).
    """
    n = len(polygon)
    smallest = np.inf
    opposite = 1
    for i in range(n):
        k = (i + 1) % n
        dy, dx = polygon[k, 0] - polygon[i, 0], polygon[k, 1] - polygon[i, 1]
        length = np.hypot(dy, dx)
        if length == 0:
            continue
        height = _height(polygon, i, dy, dx, opposite)
        for _ in range(n):  # no more than once round
            further = _height(polygon, i, dy, dx, (opposite + 1) % n)
            if further < height:
                break
            opposite, height = (opposite + 1) % n, further
        smallest = min(smallest, height / length)
    return smallest


@njit(nogil=True, cache=True)
def _height(polygon: F64, i: int, dy: float, dx: float, j: int) -> float:
    """How far corner j is from the line through corner i, times the length of (dy, dx)."""
    return float(abs(dy * (polygon[j, 1] - polygon[i, 1]) - dx * (polygon[j, 0] - polygon[i, 0])))
