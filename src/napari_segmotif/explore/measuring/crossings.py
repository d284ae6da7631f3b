"""How often lines in the directions of the grid enter an object, and its Euler number, from its runs.

Integral geometry turns the first into the length of an outline or the area of a surface (Crofton's formula).
Both are counted on the object's own mask, whatever touches it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ...common.progress import CancelToken
from .object_scan import F64, I32, I64, ObjectScan
from .run_lines import ABSENT, LATER_ROWS, find_line, lines_of
from .threads import spread

SHIFTS = (-1, 0, 1)


def directions(dimensions: int) -> I64:
    """Steps (dy, dx) or (dz, dy, dx) from a pixel to its neighbours, one of each opposite pair: 4 or 13."""
    steps = [(0, 0, 1)]
    for dz, dy in LATER_ROWS[: 1 if dimensions == 2 else 4]:
        steps += [(int(dz), int(dy), shift) for shift in SHIFTS]
    return np.array(steps, np.int64)[:, 3 - dimensions :]


def count_crossings(scan: ObjectScan, cancel: CancelToken | None = None) -> tuple[I64, I64]:
    """Count entries and holes.

    Returns
    -------
    entries : (n, 4) or (n, 13) int64
        How many pixels of the object have none of it one step back, for each of `directions`.
    euler : (n,) int64
        Number of parts, minus holes in a plane; in a volume, minus tunnels plus cavities. Pixels that share
        a corner belong together.
    """
    runs = scan.runs
    n_later = 1 if scan.dimensions == 2 else 4
    same = np.zeros((scan.n, 1 + len(SHIFTS) * n_later), np.int64)
    euler = np.zeros(scan.n, np.int64)

    def work(begin: int, end: int) -> None:
        _count_pairs(
            runs.start, runs.row, runs.first, runs.stop, scan.rows_per_plane, n_later, begin, end, same, euler
        )

    spread(work, scan.batches(), cancel)
    same[:, 0] = scan.pixels - np.diff(runs.start)
    return scan.pixels[:, None] - same, euler


def direction_weights(spacing: F64) -> F64:
    """Share of all directions that are nearest to each of `directions`, summing to one."""
    steps = directions(len(spacing)) * spacing
    units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    if len(spacing) == 2:
        angles = np.arctan2(units[:, 0], units[:, 1]) % np.pi
        order = np.argsort(angles)
        turning = angles[order]
        gaps = np.diff(np.append(turning, turning[0] + np.pi))
        weights = np.empty(len(angles))
        weights[order] = (gaps + np.roll(gaps, 1)) / (2 * np.pi)
        return weights
    from scipy.spatial import SphericalVoronoi

    areas = SphericalVoronoi(np.concatenate([units, -units])).calculate_areas()
    weights = areas[: len(units)] + areas[len(units) :]
    return np.asarray(weights / weights.sum())


def boundary_size(entries: I64, spacing: F64) -> F64:
    """Length of the outline (4 directions) or area of the surface (13 directions), (n,), in physical units.

    Lines in direction k, one through every pixel, lie pixel size / step length apart (in a volume: take up
    voxel volume / step length of a plane); each entry stands for one crossing each way.

    References
    ----------
    Ohser & Mücklich, Statistical Analysis of Microstructures in Materials Science, Wiley 2000;
    Lehmann & Legland, Efficient n-dimensional surface estimation using Crofton formula and run-length
    encoding, Insight Journal 2012.
    """
    steps = directions(len(spacing)) * spacing
    between_lines = np.prod(spacing) / np.linalg.norm(steps, axis=1)
    factor = np.pi if len(spacing) == 2 else 4.0
    return np.asarray(factor * (entries @ (direction_weights(spacing) * between_lines)))


@njit(nogil=True, cache=True)
def _count_pairs(
    start: I64,
    row: I64,
    first: I32,
    stop: I32,
    n_rows: int,
    n_later: int,
    begin: int,
    end: int,
    same: I64,
    euler: I64,
) -> None:
    longest = np.int64(0)
    for k in range(begin, end):
        longest = max(longest, start[k + 1] - start[k])
    line_row, line_start = np.empty(longest, np.int64), np.empty(longest + 1, np.int64)
    for k in range(begin, end):
        n_lines = lines_of(row, start[k], start[k + 1], line_row, line_start)
        n_runs = start[k + 1] - start[k]
        sideways = 0
        for line in range(n_lines):
            for o in range(n_later):
                dz, dy = LATER_ROWS[o]
                other = find_line(line_row, n_lines, line_row[line], dz, dy, n_rows)
                if other != ABSENT:
                    touching = _overlaps(
                        first,
                        stop,
                        line_start[line],
                        line_start[line + 1],
                        line_start[other],
                        line_start[other + 1],
                        same[k, 1 + 3 * o : 4 + 3 * o],
                    )
                    if dz * dy == 0:
                        sideways += touching
        # The Euler characteristic of a union of closed boxes along X, cut along the planes between rows:
        # parts over rows, minus parts over the faces between two rows, plus parts over edges between four.
        if n_later == 1:
            euler[k] = n_runs - sideways
        else:
            edges = _parts_over_edges(first, stop, line_row, line_start, n_lines, n_rows)
            euler[k] = n_runs - (4 * n_runs - sideways) + edges


@njit(nogil=True, cache=True)
def _overlaps(first: I32, stop: I32, i: int, i_end: int, j: int, j_end: int, same: I64) -> int:
    """Add the pixels of one row that have a neighbour in the other, by shift; count runs that touch."""
    touching = 0
    while i < i_end and j < j_end:
        if first[j] <= stop[i] and first[i] <= stop[j]:
            touching += 1
            for s in range(3):
                low, high = max(first[i] + s - 1, first[j]), min(stop[i] + s - 1, stop[j])
                if high > low:
                    same[s] += high - low
        if stop[i] < stop[j]:
            i += 1
        else:
            j += 1
    return touching


@njit(nogil=True, cache=True)
def _parts_over_edges(
    first: I32, stop: I32, line_row: I64, line_start: I64, n_lines: int, n_rows: int
) -> int:
    """Over each edge along X between four rows, the parts of what is in any of them; their number."""
    heads, tails = np.empty(4, np.int64), np.empty(4, np.int64)
    parts = 0
    for line in range(n_lines):
        for corner in range(4):
            cz, cy = corner // 2 - 1, corner % 2 - 1
            n, mine = 0, True
            for member in range(4):
                dz, dy = cz + member // 2, cy + member % 2
                other = (
                    line
                    if dz == 0 and dy == 0
                    else find_line(line_row, n_lines, line_row[line], dz, dy, n_rows)
                )
                if other == ABSENT:
                    continue
                if other < line:
                    mine = False  # counted there
                    break
                heads[n], tails[n] = line_start[other], line_start[other + 1]
                n += 1
            if mine:
                parts += _parts(first, stop, heads, tails, n)
    return parts


@njit(nogil=True, cache=True)
def _parts(first: I32, stop: I32, heads: I64, tails: I64, n: int) -> int:
    """Number of parts of the union of closed intervals that n rows hold."""
    parts, reached = 0, -1
    while True:
        nearest = -1
        for r in range(n):
            if heads[r] < tails[r] and (nearest < 0 or first[heads[r]] < first[heads[nearest]]):
                nearest = r
        if nearest < 0:
            return parts
        if first[heads[nearest]] > reached:
            parts += 1
        reached = max(reached, stop[heads[nearest]])
        heads[nearest] += 1
