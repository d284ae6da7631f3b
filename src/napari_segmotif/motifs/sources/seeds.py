"""Where sources may lie: a matched filter of the size of a cell, and the places at which it finds events.

The video may fill most of the memory: it is filtered band by band, and only a map of heights is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from ...common.progress import CancelToken
from .footprint_fitting import Row, as_matrix, non_negative_traces

F32 = NDArray[np.float32]

EVENT_Z = 5.5
"""Standard deviations of the noise that a source's strongest moments reach."""
_EVENT_SHARE = 0.01  # of all frames: the strongest moments
_SURROUND = 2.56  # of the filter's outer Gaussian against its inner one
_WIDE = 2.5  # pixels: from here on, two running means stand for a Gaussian
_FRAMES_AT_ONCE = 64
_BAND_BYTES = 48 * 2**20


class Residual:
    """A video without the components that are known already, read part by part.

    Parameters
    ----------
    video
        (T, Y, X) with noise of unit variance.
    rows
        The components.
    """

    def __init__(self, video: F32, rows: Sequence[Row]) -> None:
        self._video = video
        self.shape = (video.shape[1], video.shape[2])
        self.n_frames = len(video)
        flat = video.reshape(len(video), -1)
        self.weights = as_matrix(rows, flat.shape[1])
        self._columns = self.weights.tocsc()
        self._traces = non_negative_traces(self.weights, flat) if len(rows) else None

    def part(self, y0: int, y1: int, x0: int, x1: int) -> F32:
        """A rectangle of all frames, (T, y1 − y0, x1 − x0)."""
        part = self._video[:, y0:y1, x0:x1].copy()
        if self._traces is not None:
            pixels = (np.arange(y0, y1)[:, None] * self.shape[1] + np.arange(x0, x1)).ravel()
            images = self._columns[:, pixels].tocsr()
            here = np.flatnonzero(np.diff(images.indptr))
            if len(here):
                images = images[here].toarray()
                part -= (self._traces[here].T @ images).reshape(part.shape)
        return part


def find_seeds(rest: Residual, radius: float, token: CancelToken | None = None) -> list[tuple[int, int]]:
    """Local maxima (y, x) of the event height that noise does not explain, the strongest first."""
    height = _height_map(rest, radius, token)
    size = max(3, 2 * round(0.8 * radius) + 1)
    peak = (height == maximum_filter(height, size=size)) & (height > EVENT_Z)
    ys, xs = np.nonzero(peak)
    order = np.argsort(-height[ys, xs], kind="stable")
    return [(int(ys[i]), int(xs[i])) for i in order]


def seed_trace(rest: Residual, seed: tuple[int, int], radius: float) -> F32:
    """Trace (T,) of the matched filter at one place."""
    kernel = _kernel(radius)
    reach = len(kernel) // 2
    (y, x), (height, width) = seed, rest.shape
    y0, y1 = max(0, y - reach), min(height, y + reach + 1)
    x0, x1 = max(0, x - reach), min(width, x + reach + 1)
    beyond = ((reach - (y - y0), reach + 1 - (y1 - y)), (reach - (x - x0), reach + 1 - (x1 - x)))
    patch = np.pad(rest.part(y0, y1, x0, x1), ((0, 0), *beyond), mode="edge")
    trace: F32 = np.tensordot(patch, kernel, 2).astype(np.float32)
    return trace


def _height_map(rest: Residual, radius: float, token: CancelToken | None) -> F32:
    height, width = rest.shape
    halo = len(_kernel(radius)) // 2
    # The halo is filtered twice over: a band should be a good deal higher than that.
    step = max(3 * halo, _BAND_BYTES // (4 * rest.n_frames * width) - 2 * halo)
    result = np.empty(rest.shape, np.float32)
    for y in range(0, height, step):
        y0, y1 = max(0, y - halo), min(height, y + step + halo)
        band = matched(rest.part(y0, y1, 0, width), radius, token)
        stop = min(height, y + step)
        result[y:stop] = event_height(band[:, y - y0 : stop - y0])
    return result


def event_height(traces: F32) -> F32:
    """Mean of the strongest moments along the first axis: rare events set cells apart from noise."""
    n = max(3, round(_EVENT_SHARE * len(traces)))
    n = min(n, len(traces))
    # Along the last axis: numpy would gather every pixel's strided frames one by one.
    by_place = np.ascontiguousarray(np.moveaxis(traces, 0, -1))
    by_place.partition(by_place.shape[-1] - n, axis=-1)
    result: F32 = by_place[..., -n:].mean(axis=-1, dtype=np.float32)
    return result


def matched(video: F32, radius: float, token: CancelToken | None = None) -> F32:
    """Filter every frame with a difference of Gaussians of a cell's size, scaled to unit noise."""
    inner, outer = _sigmas(radius)
    norm = float(np.linalg.norm(_difference(inner, outer)))
    filtered = np.empty_like(video)
    for start in range(0, len(video), _FRAMES_AT_ONCE):
        if token is not None:
            token.raise_if_cancelled()
        block = video[start : start + _FRAMES_AT_ONCE]
        fine = _blurred(block, inner)
        fine -= _blurred(block, outer)
        filtered[start : start + _FRAMES_AT_ONCE] = fine / norm
    return filtered


def _blurred(block: F32, sigma: float) -> F32:
    """Every frame blurred; wide blurs by two running means each way, whose cost does not depend on width."""
    if sigma < _WIDE:
        narrow: F32 = gaussian_filter(block, (0, sigma, sigma), mode="nearest", truncate=3)
        return narrow
    reach = max(1, round((np.sqrt(6 * sigma**2 + 1) - 1) / 2))
    wide: F32 = _running_means(np.ascontiguousarray(block), reach)
    return wide


@numba.njit(cache=True, parallel=True)
def _running_means(block: F32, reach: int) -> F32:
    """Two running means over 2·reach + 1 pixels along X and along Y; the border's values go on outside."""
    n, height, width = block.shape
    result = np.empty_like(block)
    scale = np.float32(1 / (2 * reach + 1))
    for i in numba.prange(n):
        frame = block[i].copy()
        other = np.empty_like(frame)
        for _ in range(2):
            for y in range(height):
                row = frame[y]
                total = np.float32(0)
                for x in range(-reach, reach + 1):
                    total += row[min(max(x, 0), width - 1)]
                for x in range(width):
                    other[y, x] = total * scale
                    total += row[min(x + reach + 1, width - 1)] - row[max(x - reach, 0)]
            totals = np.zeros(width, np.float32)
            for y in range(-reach, reach + 1):
                totals += other[min(max(y, 0), height - 1)]
            for y in range(height):
                frame[y] = totals * scale
                totals += other[min(y + reach + 1, height - 1)] - other[max(y - reach, 0)]
        result[i] = frame
    return result


def _sigmas(radius: float) -> tuple[float, float]:
    return radius / 1.5, radius / 1.5 * _SURROUND


def _kernel(radius: float) -> F32:
    """The filter of `matched` as an image of unit norm."""
    kernel = _difference(*_sigmas(radius))
    result: F32 = kernel / np.linalg.norm(kernel)
    return result


def _difference(inner: float, outer: float) -> F32:
    reach = int(np.ceil(2.45 * max(outer, 1.5))) + 2
    impulse = np.zeros((1, 2 * reach + 1, 2 * reach + 1), np.float32)
    impulse[0, reach, reach] = 1
    difference: F32 = (_blurred(impulse, inner) - _blurred(impulse, outer))[0]
    return difference
