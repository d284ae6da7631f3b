"""The lines of an object: rows that hold some of its runs, and what touches what between two lines.

Runs of neighbouring rows touch where their pixels share a side or a corner: where the half-open runs, taken
as closed intervals, meet.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .object_scan import I64

ABSENT = -1
# Rows that come later in the image and touch a row (dz, dy); in a plane only the first.
LATER_ROWS = np.array([[0, 1], [1, -1], [1, 0], [1, 1]], np.int64)


@njit(nogil=True, cache=True)
def lines_of(row: I64, head: int, tail: int, line_row: I64, line_start: I64) -> int:
    """Group an object's runs `head` to `tail` by row.

    Parameters
    ----------
    row
        Row of each run, ascending.
    head, tail
        First and past the last run.
    line_row, line_start
        (≥ tail - head,) and one more: receive the rows that occur, and where the runs of each begin.

    Returns
    -------
    int
        Number of lines.
    """
    n = 0
    for i in range(head, tail):
        if n == 0 or row[i] != line_row[n - 1]:
            line_row[n], line_start[n] = row[i], i
            n += 1
    line_start[n] = tail
    return n


@njit(nogil=True, cache=True)
def find_line(line_row: I64, n: int, of: int, dz: int, dy: int, n_rows: int) -> int:
    """Which line lies dz planes and dy rows from row `of`; ABSENT where the object has none there."""
    y = of % n_rows + dy
    if y < 0 or y >= n_rows:
        return ABSENT
    target = of + dz * n_rows + dy
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if line_row[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low if low < n and line_row[low] == target else ABSENT
