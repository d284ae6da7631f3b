"""Single spikes out of deconvolved traces: which frames of each row hold one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

F32 = NDArray[np.float32]

_SHARE_OF_USUAL = 0.3
_LEAST_Z = 3.0


def find_events(spikes: F32, noise: F32) -> F32:
    """Heights of single spikes, (K, T): neighbouring frames' parts of one spike are added up at their peak.

    What is below three standard deviations of the noise, or below 30 % of the row's large spikes, is dropped.

    Parameters
    ----------
    spikes
        (K, T) float32, non-negative.
    noise
        (K,) standard deviation of the noise of the traces that they come from.
    """
    padded = np.pad(spikes, ((0, 0), (1, 1)))
    before, after = padded[:, :-2], padded[:, 2:]
    peak = (spikes > 0) & (spikes >= before) & (spikes > after)
    heights = np.where(peak, spikes + before + after, 0)
    least = np.maximum(_SHARE_OF_USUAL * usual_height(heights), _LEAST_Z * noise)
    return np.where(heights > least[:, None], heights, 0).astype(np.float32)


def usual_height(heights: F32) -> F32:
    """Height of a large spike of each row, (K,): the 90 % quantile of those that are there."""
    result = np.ones(len(heights), np.float32)
    for k, row in enumerate(heights):
        if row.any():
            result[k] = np.quantile(row[row > 0], 0.9)
    return result


def hits_of(events: F32) -> F32:
    """Whether each row has a spike in a frame or right beside it, (K, T) float32 of 0 and 1."""
    result: F32 = maximum_filter1d((events > 0).astype(np.float32), 3, axis=1)
    return result
