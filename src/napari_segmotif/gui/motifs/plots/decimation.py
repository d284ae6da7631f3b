"""A long trace in few numbers: what each column of pixels must show of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def column_edges(low: float, high: float, n_columns: int, n_frames: int) -> NDArray[np.intp]:
    """Frames at which columns begin, when frames low to high are spread over `n_columns` columns.

    Returns
    -------
    ndarray
        (n_columns + 1,) frames: column i shows frames edges[i] up to, but not with, edges[i + 1].
    """
    places = np.linspace(low, high, n_columns + 1) + 0.5
    return np.clip(np.floor(places + 1e-6).astype(np.intp), 0, n_frames)


def column_ranges(
    values: NDArray[Any], edges: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smallest and largest value in each column: no peak is lost, however many frames share a pixel.

    Parameters
    ----------
    values
        (M, T) traces.
    edges
        (n + 1,) what `column_edges` returned.

    Returns
    -------
    tuple of ndarray
        (M, n) and (M, n) float32; an empty column has the value of the frame at which it stands.
    """
    n_frames = values.shape[1]
    starts = np.minimum(edges[:-1], max(n_frames - 1, 0))
    stop = int(max(edges[-1], starts[-1] + 1))
    part = values[:, :stop]
    # reduceat takes a single value where the next start is not later: just what an empty column needs.
    lowest = np.minimum.reduceat(part, starts, axis=1)
    highest = np.maximum.reduceat(part, starts, axis=1)
    return lowest.astype(np.float32, copy=False), highest.astype(np.float32, copy=False)
