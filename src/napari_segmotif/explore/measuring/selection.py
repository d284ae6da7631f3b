"""Order statistics of a few thousand numbers without sorting them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@njit(nogil=True, cache=True)
def quantiles(values: F64, shares: F64, found: F64) -> None:
    """Quantiles with linear interpolation, as numpy.quantile's default.

    Parameters
    ----------
    values
        (n,) finite or infinite numbers, n ≥ 1; they are rearranged.
    shares
        (m,) in [0, 1], rising.
    found
        (m,) receives the quantiles.
    """
    last = len(values) - 1
    right = last  # what lies beyond is not smaller than anything before it
    for i in range(len(shares) - 1, -1, -1):
        place = shares[i] * last
        below = min(int(place), last)
        share = place - below
        _select(values, 0, right, below)
        low = values[below]
        if below == right:
            found[i] = low
            continue
        following = below + 1
        for j in range(below + 2, right + 1):
            if values[j] < values[following]:
                following = j
        right = below + 1
        values[following], values[right] = values[right], values[following]
        high = values[right]
        found[i] = low if low == high or share == 0 else low + (high - low) * share


@njit(nogil=True, cache=True)
def _select(values: F64, left: int, right: int, place: int) -> None:
    """Put the number that sorting would put at `place` there, smaller ones before and larger ones behind it.

    Hoare's FIND (Communications of the ACM 4, 1961) with the median of three as pivot; should the halves not
    shrink as they ought to, the rest is sorted.
    """
    patience = 0
    while left < right:
        if right - left < 12 or patience > 64:
            values[left : right + 1].sort()
            return
        patience += 1
        middle = (left + right) // 2
        a, b, c = values[left], values[middle], values[right]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if place <= j:
            right = j
        elif place >= i:
            left = i
        else:
            return
