"""Is a motif more than chance? Held-out frames against circularly shifted, motif-free surrogates."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def window_contributions(data: F32, pattern: F32, groups: NDArray[np.intp]) -> F32:
    """How much each group of rows adds to a pattern's match at every window start.

    Parameters
    ----------
    data
        (K, T).
    pattern
        (K, F).
    groups
        (K,) group of each row. Rows that may be parts of one cell share noise and spikes: they are
        shifted together.

    Returns
    -------
    ndarray
        (G, T − F + 1) for the groups that have a part in the pattern.
    """
    length = pattern.shape[1]
    n_windows = data.shape[1] - length + 1
    used = np.flatnonzero(pattern.any(axis=1))
    names, index = np.unique(groups[used], return_inverse=True)
    contributions = np.zeros((len(names), n_windows), np.float32)
    for k, g in zip(used, index, strict=True):
        for f in np.flatnonzero(pattern[k]):
            contributions[g] += pattern[k, f] * data[k, f : f + n_windows]
    return contributions


def peak_statistic(contributions: F32, length: int, n_peaks: int, shifts: NDArray[np.intp]) -> F32:
    """Mean height of the strongest matches, for every surrogate: (S,) from shifts (S, G) of the groups.

    The frames are cut into pieces of a motif's length; a piece counts with its largest match.
    """
    heights: F32 = _peak_statistic(np.ascontiguousarray(contributions), length, n_peaks, shifts)
    return heights


@numba.njit(cache=True, parallel=True)
def _peak_statistic(contributions: F32, length: int, n_peaks: int, shifts: NDArray[np.intp]) -> F32:
    n_groups, n_frames = contributions.shape
    n_pieces = (n_frames + length - 1) // length
    result = np.empty(len(shifts), np.float32)
    for s in numba.prange(len(shifts)):
        total = np.zeros(n_frames, np.float32)
        for g in range(n_groups):
            shift = shifts[s, g]
            for t in range(n_frames - shift):
                total[t + shift] += contributions[g, t]
            for t in range(n_frames - shift, n_frames):
                total[t + shift - n_frames] += contributions[g, t]
        peaks = np.empty(n_pieces, np.float32)
        for p in range(n_pieces):
            peaks[p] = total[p * length : min(n_frames, (p + 1) * length)].max()
        peaks.sort()
        result[s] = peaks[max(0, n_pieces - n_peaks) :].mean()
    return result


def random_shifts(
    n_surrogates: int, n_groups: int, n_frames: int, length: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Shifts (S + 1, G); the first row is zero: the data as they are."""
    margin = min(length, n_frames // 4)
    shifts = generator.integers(margin, max(margin + 1, n_frames - margin), (n_surrogates + 1, n_groups))
    shifts[0] = 0
    return shifts.astype(np.intp)
