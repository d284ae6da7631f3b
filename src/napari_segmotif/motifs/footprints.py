"""Local, non-negative spatial components of a video: where its cells, or other small sources, lie.

This is the low-rank compression in space: constrained non-negative matrix factorisation (Pnevmatikakis et
al., Neuron 2016) on a decimated video, with seeds from a matched filter of the size of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter, maximum_filter, uniform_filter

from ..common.progress import CancelToken
from .footprint_fitting import Row, as_matrix, non_negative_traces, refine_rows, trimmed
from .footprint_splitting import split_rows

F32 = NDArray[np.float32]

_RADII = (1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6, 13.6, 19.2)
"""Cell radii that are tried, in pixels of the decimated video."""
_SURROUND = 1.6  # of the filter's outer Gaussian against its inner one
_EVENT_Z = 5.5  # standard deviations of the noise that a source's strongest moments reach
_EVENT_SHARE = 0.01  # of all frames: the strongest moments
_SUPPORT = 1.9  # cell radii around a seed that its footprint may cover
_ROUNDS = 2
_FRAMES_AT_ONCE = 64
_FRAMES_FOR_SIZE = 60
_WIDE = 2.5  # pixels: from here on, two running means stand for a Gaussian


@dataclass(frozen=True)
class Footprints:
    """Non-negative spatial components.

    Attributes
    ----------
    weights
        (K, Y·X) sparse float32; each row has unit Euclidean norm.
    shape
        (Y, X).
    radius
        Radius of a typical component in pixels.
    """

    weights: sparse.csr_matrix
    shape: tuple[int, int]
    radius: float

    def __len__(self) -> int:
        return int(self.weights.shape[0])


def find_footprints(
    video: F32, noise: F32, *, radius: float | None = None, token: CancelToken | None = None
) -> Footprints:
    """Find the local components of a video.

    Parameters
    ----------
    video
        (T, Y, X) float32, baseline taken off, decimated in time to about the duration of a transient.
    noise
        (Y, X) standard deviation of its white noise.
    radius
        Radius of a cell in pixels; None: the size whose matched filter finds most.
    token
        Looked at between the steps.

    Returns
    -------
    Footprints
        None at all where the video holds nothing but noise.
    """
    scaled = video / noise
    shape = (video.shape[1], video.shape[2])
    if radius is None:
        radius = _best_radius(scaled, token)
    flat = scaled.reshape(len(scaled), -1)
    rows: list[Row] = []
    for _ in range(_ROUNDS):
        known = as_matrix(rows, flat.shape[1])
        residual = scaled
        if rows:
            traces = non_negative_traces(known, flat)
            residual = (flat - (known.T @ traces).T.astype(np.float32)).reshape(scaled.shape)
        filtered = matched(residual, radius, token)
        seeds = _seeds(filtered, radius)
        if rows:
            seeds = [s for s in seeds if not _is_covered(known, s, shape)]
        if not seeds:
            break
        new = [_grown(residual, filtered, seed, radius) for seed in seeds]
        rows += [row for row in new if row is not None]
        rows = refine_rows(rows, flat, shape, radius, token)
        rows = split_rows(rows, flat, shape, radius, token)
        heights = _event_height(np.asarray((as_matrix(rows, flat.shape[1]) @ flat.T).T))
        rows = [row for row, height in zip(rows, heights, strict=True) if height > _EVENT_Z]
    return Footprints(as_matrix(rows, flat.shape[1]), shape, radius)


def matched(video: F32, radius: float, token: CancelToken | None = None) -> F32:
    """Filter every frame with a difference of Gaussians of a cell's size, scaled to unit noise."""
    inner, outer = radius / 1.5, radius / 1.5 * _SURROUND * 1.6
    norm = _filter_norm(inner, outer)
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
    size = max(3, 2 * round((np.sqrt(6 * sigma**2 + 1) - 1) / 2) + 1)
    for _ in range(2):
        block = uniform_filter(block, (1, size, size), mode="nearest")
    return block


def _filter_norm(inner: float, outer: float) -> float:
    reach = int(np.ceil(4 * outer)) + 1
    impulse = np.zeros((1, 2 * reach + 1, 2 * reach + 1), np.float32)
    impulse[0, reach, reach] = 1
    kernel = _blurred(impulse, inner) - _blurred(impulse, outer)
    return float(np.sqrt((kernel**2).sum()))


def _best_radius(scaled: F32, token: CancelToken | None) -> float:
    """The radius whose filter makes single events stand out most.

    Heights of events are compared, not the power: a large filter gathers the events of many cells.
    """
    smallest = min(scaled.shape[1:])
    usable = [r for r in _RADII if 6 * r <= smallest] or [_RADII[0]]
    if len(scaled) > _FRAMES_FOR_SIZE:
        peaks = gaussian_filter(scaled, (0, 1.5, 1.5)).max(axis=(1, 2))
        scaled = scaled[np.sort(np.argsort(-peaks, kind="stable")[:_FRAMES_FOR_SIZE])]
    scores = []
    for radius in usable:
        filtered = matched(scaled, radius, token)
        scores.append(float(np.median(filtered.max(axis=(1, 2)))))
    return usable[int(np.argmax(scores))]


def _event_height(traces: F32) -> F32:
    """Mean of the strongest moments along the first axis: rare events set cells apart from noise."""
    n = max(3, round(_EVENT_SHARE * len(traces)))
    n = min(n, len(traces))
    top = np.partition(traces, len(traces) - n, axis=0)[len(traces) - n :]
    result: F32 = top.mean(axis=0, dtype=np.float32)
    return result


def _seeds(filtered: F32, radius: float) -> list[tuple[int, int]]:
    """Local maxima of the event height that noise does not explain, the strongest first."""
    height = _event_height(filtered)
    size = max(3, 2 * round(0.8 * radius) + 1)
    peak = (height == maximum_filter(height, size=size)) & (height > _EVENT_Z)
    ys, xs = np.nonzero(peak)
    order = np.argsort(-height[ys, xs], kind="stable")
    return [(int(ys[i]), int(xs[i])) for i in order]


def _is_covered(known: sparse.csr_matrix, seed: tuple[int, int], shape: tuple[int, int]) -> bool:
    column = known[:, seed[0] * shape[1] + seed[1]].toarray().ravel()
    peaks = known.max(axis=1).toarray().ravel()
    return bool(np.any(column > 0.7 * peaks))


def _grown(video: F32, filtered: F32, seed: tuple[int, int], radius: float) -> Row | None:
    """The footprint around a seed: what goes with its trace, where the trace is well above the noise."""
    y, x = seed
    reach = int(np.ceil(_SUPPORT * radius))
    y0, y1 = max(0, y - reach), min(video.shape[1], y + reach + 1)
    x0, x1 = max(0, x - reach), min(video.shape[2], x + reach + 1)
    trace = filtered[:, y, x]
    trace = np.where(trace > max(3.0, 0.3 * float(trace.max())), trace, 0).astype(np.float32)
    if not trace.any():
        return None
    quiet = filtered[:, y, x] < 2
    patch = video[:, y0:y1, x0:x1]
    image = np.tensordot(trace / trace.sum(), patch, 1)
    image -= patch[quiet].mean(axis=0) if quiet.any() else 0
    distance = np.hypot(*np.mgrid[y0 - y : y1 - y, x0 - x : x1 - x])
    image = np.where(distance <= _SUPPORT * radius, image, 0)
    return trimmed(image, (y0, x0), video.shape[2], (y - y0, x - x0))
