"""Holes of objects, from the gaps between their runs: what area_filled adds to the area."""

from __future__ import annotations

import numpy as np
from numba import njit

from ...common.progress import CancelToken
from .object_scan import I32, I64, ObjectScan
from .run_lines import ABSENT, find_line, lines_of
from .threads import spread


def filled_pixels(scan: ObjectScan, cancel: CancelToken | None = None) -> I64:
    """Pixels of each object with its holes, (n,).

    A hole is what is not the object's and from where no path leads out, not through corners either. Only gaps
    between two runs of a row can belong to one; they are joined where they touch, and left out where they
    touch what lies outside.
    """
    runs = scan.runs
    filled = scan.pixels.copy()
    reach = 0 if scan.dimensions == 2 else 1

    def work(begin: int, end: int) -> None:
        _fill_holes(
            runs.start, runs.row, runs.first, runs.stop, scan.rows_per_plane, reach, begin, end, filled
        )

    spread(work, scan.batches(), cancel)
    return filled


@njit(nogil=True, cache=True)
def _fill_holes(
    start: I64, row: I64, first: I32, stop: I32, n_rows: int, reach: int, begin: int, end: int, filled: I64
) -> None:
    longest = np.int64(0)
    for k in range(begin, end):
        longest = max(longest, start[k + 1] - start[k])
    line_row, line_start = np.empty(longest, np.int64), np.empty(longest + 1, np.int64)
    for k in range(begin, end):
        n_lines = lines_of(row, start[k], start[k + 1], line_row, line_start)
        if n_lines == start[k + 1] - start[k]:
            continue
        # Gap i lies behind run start[k] + i, where that is not the last of its row; 0 is the outside.
        parent = np.arange(start[k + 1] - start[k] + 1)
        for line in range(n_lines):
            if line_start[line + 1] - line_start[line] == 1:
                continue
            for dz in range(-reach, reach + 1):
                for dy in range(-1, 2):
                    if dz == 0 and dy == 0:
                        continue
                    other = find_line(line_row, n_lines, line_row[line], dz, dy, n_rows)
                    _join(first, stop, start[k], line, other, line_start, parent)
        for line in range(n_lines):
            for i in range(line_start[line], line_start[line + 1] - 1):
                if _root(parent, i + 1 - start[k]) != 0:
                    filled[k] += first[i + 1] - stop[i]


@njit(nogil=True, cache=True)
def _join(first: I32, stop: I32, head: int, line: int, other: int, line_start: I64, parent: I64) -> None:
    """Join the gaps of a line with those of another row, and with the outside where they touch it."""
    last = line_start[line + 1] - 1
    if other == ABSENT:
        for i in range(line_start[line], last):
            _unite(parent, i + 1 - head, 0)
        return
    other_first, other_last = line_start[other], line_start[other + 1] - 1
    j = other_first
    for i in range(line_start[line], last):
        low, high = stop[i], first[i + 1]  # the gap, half-open
        if low <= first[other_first] or high >= stop[other_last]:
            _unite(parent, i + 1 - head, 0)
        while j < other_last and first[j + 1] < low:
            j += 1
        m = j
        while m < other_last and stop[m] <= high:
            _unite(parent, i + 1 - head, m + 1 - head)
            m += 1


@njit(nogil=True, cache=True)
def _root(parent: I64, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(nogil=True, cache=True)
def _unite(parent: I64, i: int, j: int) -> None:
    a, b = _root(parent, i), _root(parent, j)
    if a != b:
        parent[max(a, b)] = min(a, b)
