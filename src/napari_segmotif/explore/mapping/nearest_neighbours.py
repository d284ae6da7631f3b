"""The exact nearest neighbours of objects among others, the same whatever the number of threads.

Approximate searches differ from run to run and from machine to machine, and an embedding amplifies that.
Compared are all pairs, in tiles that stay in the processor's cache; of equally far ones, the first counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError
from ..measuring.threads import pieces_of, spread

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

_TILE = 256  # candidates compared at once
_BLOCK = 32  # objects that share a tile while it is in the cache
_PAIRS_A_STEP = 2e8  # about 0.3 s of two cores


def nearest(
    queries: NDArray[Any], candidates: NDArray[Any], k: int, *, cancel: CancelToken | None = None
) -> tuple[I32, F32]:
    """The k nearest of the candidates for each query: `nearest_job`, waited for."""
    return run_job(nearest_job(queries, candidates, k, cancel=cancel))


def nearest_job(
    queries: NDArray[Any],
    candidates: NDArray[Any],
    k: int,
    *,
    cancel: CancelToken | None = None,
    message: str = "finding neighbours",
) -> Job[tuple[I32, F32]]:
    """Find the k nearest of the candidates for each query.

    Parameters
    ----------
    queries
        (n, F) finite; compared in single precision.
    candidates
        (m, F) finite. An object that is among both is its own nearest, at distance 0.
    k
        1 ≤ k ≤ m.
    cancel
        Looked at several times a second.
    message
        What the progress says.

    Returns
    -------
    indices
        (n, k) int32, rows of `candidates`, nearest first, the lower row first where equally far.
    distances
        (n, k) float32, Euclidean.

    Raises
    ------
    InputError
        If k or the shapes do not fit.
    JobCancelled
        By `cancel`.
    """
    rows = np.ascontiguousarray(queries, dtype=np.float32)
    others = np.ascontiguousarray(candidates, dtype=np.float32)
    if rows.ndim != 2 or others.ndim != 2 or rows.shape[1] != others.shape[1]:
        raise InputError(
            f"queries and candidates must have the same features (got {rows.shape}, {others.shape})"
        )
    if not 1 <= k <= len(others):
        raise InputError(
            f"there must be at least as many candidates as neighbours (got {len(others)}, k={k})"
        )
    columns = np.ascontiguousarray(others.T)
    indices = np.zeros((len(rows), k), np.int32)
    squares = np.full((len(rows), k), np.inf, np.float32)
    step = max(_BLOCK, int(_PAIRS_A_STEP / len(others)))
    for begin, end in pieces_of(len(rows), step):
        if cancel is not None:
            cancel.raise_if_cancelled()
        yield Progress(begin, len(rows), message)
        # Ranges of whole blocks: what is compared with what does not depend on the number of threads.
        spread(
            lambda first, last, at=begin: _search(  # type: ignore[misc]
                rows[at + first : at + last],
                columns,
                indices[at + first : at + last],
                squares[at + first : at + last],
            ),
            pieces_of(end - begin, 8 * _BLOCK),
            cancel,
        )
    return indices, np.sqrt(squares)


@njit(nogil=True, cache=True)
def _search(queries: F32, columns: F32, indices: I32, squares: F32) -> None:
    """Fill indices and squared distances (n, k), sorted; `columns` are the candidates as (F, m)."""
    n, n_features, m, k = queries.shape[0], queries.shape[1], columns.shape[1], indices.shape[1]
    whole = n_features - n_features % 4
    away = np.empty(_TILE, np.float32)
    tile = np.zeros((n_features, _TILE), np.float32)
    for block in range(0, n, _BLOCK):
        for start in range(0, m, _TILE):
            width = min(_TILE, m - start)
            for f in range(n_features):
                tile[f, :width] = columns[f, start : start + width]
            for i in range(block, min(block + _BLOCK, n)):
                # Loops of fixed length over whole rows: the compiler makes vector instructions of them.
                away[:] = np.float32(0)
                for f in range(0, whole, 4):
                    a, b = queries[i, f], queries[i, f + 1]
                    c, d = queries[i, f + 2], queries[i, f + 3]
                    row_a, row_b, row_c, row_d = tile[f], tile[f + 1], tile[f + 2], tile[f + 3]
                    for j in range(_TILE):
                        da, db, dc, dd = row_a[j] - a, row_b[j] - b, row_c[j] - c, row_d[j] - d
                        away[j] += (da * da + db * db) + (dc * dc + dd * dd)
                for f in range(whole, n_features):
                    a, row_a = queries[i, f], tile[f]
                    for j in range(_TILE):
                        da = row_a[j] - a
                        away[j] += da * da
                farthest = squares[i, k - 1]
                for j in range(width):
                    if away[j] < farthest:
                        _insert(indices[i], squares[i], start + j, away[j])
                        farthest = squares[i, k - 1]


@njit(nogil=True, cache=True)
def _insert(indices: I32, squares: F32, index: int, square: float) -> None:
    """Put a candidate into the sorted list of one object, behind those equally far."""
    place = len(squares) - 1
    while place > 0 and squares[place - 1] > square:
        squares[place] = squares[place - 1]
        indices[place] = indices[place - 1]
        place -= 1
    squares[place] = square
    indices[place] = index
