"""The brightness of each pixel while nothing happens."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_PIXELS_AT_ONCE = 16_384


def resting_brightness(samples: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """The most frequent brightness of each pixel.

    Calcium signals only ever add light, and a busy cell glows for a third of the time: the median of its
    pixels is then too high, and a low percentile is too low in the others by an amount that hangs on their
    noise. The mode is neither: starting from the 35th percentile, the mean of what lies within 1.5 standard
    deviations is taken again and again (mean shift).

    Parameters
    ----------
    samples : (S, Y, X) float32
        Brightness of every pixel at S times, each averaged over some frames.
    noise : (Y, X) float32
        Standard deviation of their white noise; slower fluctuations are seen from the samples themselves.

    Returns
    -------
    ndarray (Y, X), float32
    """
    n_samples = len(samples)
    flat, widths = samples.reshape(n_samples, -1), noise.ravel()
    baseline = np.empty(flat.shape[1], np.float32)
    for start in range(0, flat.shape[1], _PIXELS_AT_ONCE):
        part = slice(start, start + _PIXELS_AT_ONCE)
        ordered = np.ascontiguousarray(flat[:, part].T)
        ordered.sort(axis=1)
        baseline[part] = _modes(ordered, widths[part])
    return baseline.reshape(noise.shape)


@njit(nogil=True, cache=True)
def _modes(ordered: NDArray[np.float32], widths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mode of each row of sorted values."""
    n_rows, n = ordered.shape
    modes: NDArray[np.float32] = np.empty(n_rows, np.float32)
    for i in range(n_rows):
        row = ordered[i]
        low, start, middle = row[int(0.159 * n)], row[int(0.35 * n)], row[n // 2]
        reach = 1.5 * max(widths[i], middle - low)
        mode = np.float64(start)
        for _ in range(12):
            total, count = 0.0, 0
            for k in range(np.searchsorted(row, mode - reach), n):
                if row[k] > mode + reach:
                    break
                total += row[k]
                count += 1
            if count == 0:
                break
            moved = total / count - mode
            mode += moved
            if abs(moved) < 0.005 * reach:
                break
        modes[i] = mode
    return modes
