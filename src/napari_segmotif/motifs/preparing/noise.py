"""The white noise of each pixel, from what changes from one frame to the next."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_SEGMENTS = 15
_TRIPLES = 2500  # so many second differences per pixel tell its noise to 2 %
_ABSOLUTE_TO_SD = float(np.sqrt(np.pi / 2) / np.sqrt(6))


class NoiseMeter:
    """Adds up second differences in time, x[t − 1] − 2 x[t] + x[t + 1], as blocks of a video go by.

    Of white noise of standard deviation σ they have √6 σ; whatever changes slowly has next to none. Each of
    15 parts of the video is averaged for itself and their median taken: what happens in a few of them,
    activity or a flash, does not count.

    Parameters
    ----------
    shape
        Number of frames and pixels of the video: (T, Y, X).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._n_frames = shape[0]
        self._n_segments = max(1, min(_SEGMENTS, shape[0] // 20))
        self._stride = max(1, shape[0] // _TRIPLES)
        self._sums = np.zeros((self._n_segments, *shape[1:]), np.float32)
        self._counts = np.zeros(self._n_segments)
        self._tail = np.empty((0, *shape[1:]), np.float32)

    def add(self, start: int, frames: NDArray[np.float32]) -> None:
        """Take the next block (n, Y, X), whose first frame is number `start`."""
        joint = np.concatenate([self._tail, frames[:2]])
        self._add_triples(start - len(self._tail), joint)
        if len(frames) > 2:
            self._add_triples(start, frames)
        self._tail = np.concatenate([self._tail, frames[-2:]])[-2:].copy()

    def _add_triples(self, first: int, frames: NDArray[np.float32]) -> None:
        for i in range(1, len(frames) - 1):
            if (first + i) % self._stride == 0:
                segment = (first + i) * self._n_segments // self._n_frames
                _add_second_difference(frames[i - 1], frames[i], frames[i + 1], self._sums[segment])
                self._counts[segment] += 1

    @property
    def found_any(self) -> bool:
        """Whether anything changed from frame to frame."""
        return bool(self._sums.any())

    def deviations(self, bleaching: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standard deviation (Y, X) of one frame's noise once it is divided by `bleaching` (T,)."""
        used = np.flatnonzero(self._counts)
        if len(used) == 0:
            return np.zeros(self._sums.shape[1:], np.float32)
        parts = np.arange(self._n_frames) * self._n_segments // self._n_frames
        means = [self._sums[k] / (self._counts[k] * bleaching[parts == k].mean()) for k in used]
        return np.asarray(np.median(means, axis=0) * _ABSOLUTE_TO_SD, np.float32)


@njit(nogil=True, cache=True, fastmath=True)
def _add_second_difference(
    before: NDArray[np.float32],
    now: NDArray[np.float32],
    after: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    for y in range(now.shape[0]):
        for x in range(now.shape[1]):
            sums[y, x] += abs(before[y, x] - 2 * now[y, x] + after[y, x])
