"""A video averaged over frames and pixels, small enough to be held and quick to search."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

_MAX_VALUES = 120_000_000
_MAX_SAMPLE_VALUES = 48_000_000
_MAX_SAMPLES = 500
_SECONDS = 0.2  # calcium transients last longer
_MIN_BINS = 250


def choose_bins(shape: tuple[int, int, int], frame_rate: float, max_values: int) -> tuple[int, int]:
    """Frames and pixels to average over, (time_bin, space_bin).

    Up to 0.2 s, but fewer frames where less than 250 bins would be left; then as many pixels as it takes to
    come down to `max_values`.
    """
    n_frames, height, width = shape
    time_bin = max(1, min(int(_SECONDS * frame_rate + 1e-6), n_frames // _MIN_BINS))
    space_bin = 1
    while (
        math.ceil(n_frames / time_bin) * math.ceil(height / space_bin) * math.ceil(width / space_bin)
        > max_values
    ):
        # Cells are no smaller than a few pixels; beyond 4, time is the lesser loss.
        if space_bin < 4:
            space_bin += 1
        else:
            time_bin += 1
    return time_bin, space_bin


class Decimator:
    """Averages blocks of a video as they go by, and keeps some averaged frames at full resolution.

    Parameters
    ----------
    shape
        Number of frames and pixels of the video: (T, Y, X).
    frame_rate
        Frames per second.
    max_values
        Most values of the decimated video.
    """

    def __init__(self, shape: tuple[int, int, int], frame_rate: float, max_values: int = _MAX_VALUES) -> None:
        n_frames, height, width = self._shape = shape
        self.time_bin, self.space_bin = choose_bins(shape, frame_rate, max_values)
        self._n_bins = math.ceil(n_frames / self.time_bin)
        size = (self._n_bins, math.ceil(height / self.space_bin), math.ceil(width / self.space_bin))
        self._sums = np.zeros(size, np.float32)
        n_samples = min(self._n_bins, _MAX_SAMPLES, max(64, _MAX_SAMPLE_VALUES // (height * width)))
        self._sampled = np.unique(np.linspace(0, self._n_bins - 1, n_samples).round().astype(np.int64))
        self._slots = np.full(self._n_bins, -1, np.int64)
        self._slots[self._sampled] = np.arange(len(self._sampled))
        n_kept = len(self._sampled) if self.space_bin > 1 else 0
        self._samples = np.zeros((n_kept, height, width), np.float32)

    @property
    def frames_per_bin(self) -> NDArray[np.int64]:
        """Frames of each bin, (Td,): the last may have fewer than `time_bin`."""
        starts = np.arange(self._n_bins) * self.time_bin
        return np.minimum(self.time_bin, self._shape[0] - starts)

    def add(self, start: int, frames: NDArray[np.float32]) -> None:
        """Take the next block (n, Y, X), whose first frame is number `start`."""
        bins = (start + np.arange(len(frames))) // self.time_bin
        _add_frames(frames, bins, self.space_bin, self._sums)
        if self.space_bin > 1:
            _add_frames(frames, self._slots[bins], 1, self._samples)

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """The averages.

        Returns
        -------
        decimated : (Td, Yd, Xd) float32
            What is left at the right and lower border is averaged over the pixels that there are.
        samples : (S, Y, X) float32
            Some of the averaged frames at full resolution.
        sampled : (S,) int64
            Which bins these are.
        """
        frames = self.frames_per_bin.astype(np.float32)
        if self.space_bin == 1:
            self._sums /= frames[:, None, None]
            return self._sums, self._sums[self._sampled], self._sampled
        self._samples /= frames[self._sampled, None, None]
        self._sums /= self.pixels_per_bin()
        self._sums /= frames[:, None, None]
        return self._sums, self._samples, self._sampled

    def pixels_per_bin(self) -> NDArray[np.float32]:
        """Pixels that are averaged, (Yd, Xd)."""
        ones = np.ones((1, *self._shape[1:]), np.float32)
        counts: NDArray[np.float32] = np.zeros((1, *self._sums.shape[1:]), np.float32)
        _add_frames(ones, np.zeros(1, np.int64), self.space_bin, counts)
        return np.asarray(counts[0])

    def pooled(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """An image (Y, X), averaged over pixels as the video was: (Yd, Xd)."""
        sums = np.zeros((1, *self._sums.shape[1:]), np.float32)
        _add_frames(image[np.newaxis], np.zeros(1, np.int64), self.space_bin, sums)
        return np.asarray(sums[0] / self.pixels_per_bin(), np.float32)


@njit(nogil=True, cache=True)
def _add_frames(
    frames: NDArray[np.float32], bins: NDArray[np.int64], space_bin: int, sums: NDArray[np.float32]
) -> None:
    """Add each frame to the bin of its number; -1 is no bin."""
    n, height, width = frames.shape
    for i in range(n):
        if bins[i] < 0:
            continue
        for y in range(height):
            row = sums[bins[i], y // space_bin]
            if space_bin == 1:
                for x in range(width):
                    row[x] += frames[i, y, x]
            else:
                for x in range(width):
                    row[x // space_bin] += frames[i, y, x]
