"""Convex hulls of row-wise shapes in the plane, exactly, in whole numbers.

Coordinates are halves of a pixel: pixel i has its centre at 2 i + 1 and its edges at 2 i and 2 i + 2. A shape
is given by the leftmost and the rightmost point of every half row; each side of its hull is found by Andrew's
monotone chain (Information Processing Letters 9, 1979), which on sorted rows takes one pass.

As scikit-image does, a pixel is represented by the middles of its four edges, not by its corners.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]

ABSENT = np.int64(1) << 40
"""What `low` holds, and -ABSENT what `high` holds, where a row has no point."""


@njit(nogil=True, cache=True)
def outline_of_rows(low: I64, high: I64, left: I64, right: I64) -> None:
    """Extreme points by half row of the edge middles of a plane's pixels.

    Parameters
    ----------
    low, high
        (h,) first and last column of each row; low > high where a row is empty.
    left, right
        (2 h + 1,) receives the outline; row i is half row 2 i + 1.
    """
    left[:] = ABSENT
    right[:] = -ABSENT
    for y in range(len(low)):
        if low[y] > high[y]:
            continue
        first, last = 2 * low[y] + 1, 2 * high[y] + 1
        for u in (2 * y, 2 * y + 2):
            left[u] = min(left[u], first)
            right[u] = max(right[u], last)
        left[2 * y + 1] = first - 1
        right[2 * y + 1] = last + 1


@njit(nogil=True, cache=True)
def chain(outline: I64, sign: int, corners: I64) -> int:
    """Corners of one side of the hull, from the first half row to the last.

    Parameters
    ----------
    outline
        (m,) the extreme point of each half row, ±ABSENT where there is none.
    sign
        1 for the left side, -1 for the right one.
    corners
        (≥ m, 2) receives half row and point of each corner; none lies on the line between its neighbours.

    Returns
    -------
    int
        The number of corners.
    """
    n = 0
    for u in range(len(outline)):
        v = outline[u]
        if abs(v) == ABSENT:
            continue
        while n > 1:
            du, dv = corners[n - 1, 0] - corners[n - 2, 0], corners[n - 1, 1] - corners[n - 2, 1]
            if sign * (du * (v - corners[n - 2, 1]) - dv * (u - corners[n - 2, 0])) > 0:
                break
            n -= 1
        corners[n, 0], corners[n, 1] = u, v
        n += 1
    return n


@njit(nogil=True, cache=True)
def rows_within(lefts: I64, n_left: int, rights: I64, n_right: int, low: I64, high: I64) -> None:
    """First and last pixel of every row whose centre lies in the hull, its border included.

    Parameters
    ----------
    lefts, rights
        Corners of both sides, as `chain` gives them.
    low, high
        (h,) receives the columns.
    """
    i = j = 0
    for y in range(len(low)):
        u = 2 * y + 1
        while i < n_left - 2 and lefts[i + 1, 0] < u:
            i += 1
        while j < n_right - 2 and rights[j + 1, 0] < u:
            j += 1
        # v >= a / b  <=>  column >= (a - b) / (2 b), rounded up; b > 0 as half rows rise along a chain
        b = lefts[i + 1, 0] - lefts[i, 0]
        a = lefts[i, 1] * b + (lefts[i + 1, 1] - lefts[i, 1]) * (u - lefts[i, 0])
        low[y] = -((b - a) // (2 * b))
        b = rights[j + 1, 0] - rights[j, 0]
        a = rights[j, 1] * b + (rights[j + 1, 1] - rights[j, 1]) * (u - rights[j, 0])
        high[y] = (a - b) // (2 * b)
