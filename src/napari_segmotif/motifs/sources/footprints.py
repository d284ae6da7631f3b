"""Local, non-negative spatial components of a video: where its cells, or other small sources, lie.

This is the low-rank compression in space: constrained non-negative matrix factorisation (Pnevmatikakis et
al., Neuron 2016) on a decimated video, with seeds from a matched filter of the size of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter

from ...common.progress import CancelToken
from ..preparing.projection import project
from .footprint_fitting import Row, as_matrix, refine_rows, trimmed
from .footprint_splitting import split_rows
from .seeds import EVENT_Z, Residual, event_height, find_seeds, matched, seed_trace

F32 = NDArray[np.float32]

_RADII = (1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6, 13.6, 19.2)
"""Cell radii that are tried, in pixels of the decimated video."""
_SUPPORT = 1.9  # cell radii around a seed that its footprint may cover
_ROUNDS = 2
_FRAMES_FOR_SIZE = 60


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
        (T, Y, X) float32, baseline taken off, decimated in time to about the duration of a transient. It is
        divided by the noise in place: it may be so large that there is no room for a copy.
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
    video /= noise
    shape = (video.shape[1], video.shape[2])
    if radius is None:
        radius = _best_radius(video, token)
    flat = video.reshape(len(video), -1)
    rows: list[Row] = []
    for _ in range(_ROUNDS):
        rest = Residual(video, rows)
        seeds = find_seeds(rest, radius, token)
        if rows:
            seeds = [seed for seed in seeds if not _is_covered(rest.weights, seed, shape)]
        if not seeds:
            break
        new = [_grown(rest, seed, radius) for seed in seeds]
        rows += [row for row in new if row is not None]
        rows = refine_rows(rows, flat, shape, radius, token)
        rows = split_rows(rows, flat, shape, radius, token)
        heights = event_height(project(as_matrix(rows, flat.shape[1]), flat).T)
        rows = [row for row, height in zip(rows, heights, strict=True) if height > EVENT_Z]
    return Footprints(as_matrix(rows, flat.shape[1]), shape, radius)


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


def _is_covered(known: sparse.csr_matrix, seed: tuple[int, int], shape: tuple[int, int]) -> bool:
    column = known[:, seed[0] * shape[1] + seed[1]].toarray().ravel()
    peaks = known.max(axis=1).toarray().ravel()
    return bool(np.any(column > 0.7 * peaks))


def _grown(rest: Residual, seed: tuple[int, int], radius: float) -> Row | None:
    """The footprint around a seed: what goes with its trace, where the trace is well above the noise."""
    y, x = seed
    height, width = rest.shape
    reach = int(np.ceil(_SUPPORT * radius))
    y0, y1 = max(0, y - reach), min(height, y + reach + 1)
    x0, x1 = max(0, x - reach), min(width, x + reach + 1)
    filtered = seed_trace(rest, seed, radius)
    trace = np.where(filtered > max(3.0, 0.3 * float(filtered.max())), filtered, 0).astype(np.float32)
    if not trace.any():
        return None
    quiet = filtered < 2
    patch = rest.part(y0, y1, x0, x1)
    image = np.tensordot(trace / trace.sum(), patch, 1)
    image -= patch[quiet].mean(axis=0) if quiet.any() else 0
    distance = np.hypot(*np.mgrid[y0 - y : y1 - y, x0 - x : x1 - x])
    image = np.where(distance <= _SUPPORT * radius, image, 0)
    return trimmed(image, (y0, x0), width, (y - y0, x - x0))
