"""Two cells that overlap and often act together look like one component at first: they are told apart here.

The pixels of a component that is a single source all follow one trace, up to noise. Where a second one is
beyond what noise explains, and lies in another place, the component is taken apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken
from .footprint_fitting import (
    Row,
    as_matrix,
    non_negative_traces,
    refine_rows,
    strong_parts,
    trimmed,
)

F32 = NDArray[np.float32]

_BEYOND_NOISE = 1.15  # times the largest singular value that noise has
_APART = 0.6  # cell radii between the centres of the two
_MOST_ALIKE = 0.75  # cosine of their footprints
_SAME_TRACE = 0.8  # correlation of their traces from which they are one after all
_ITERATIONS = 12
_POWER_STEPS = 30


def split_rows(
    rows: list[Row], flat: F32, shape: tuple[int, int], radius: float, token: CancelToken | None = None
) -> list[Row]:
    """Take apart the components that are two, and fit all again if there were any.

    Parameters
    ----------
    rows
        Footprints.
    flat
        Video (T, Y·X) with noise of unit variance.
    shape
        (Y, X).
    radius
        Radius of a cell.
    """
    if not rows:
        return rows
    weights = as_matrix(rows, flat.shape[1])
    traces = non_negative_traces(weights, flat)
    columns = weights.tocsc()
    result: list[Row] = []
    for k, row in enumerate(rows):
        if token is not None:
            token.raise_if_cancelled()
        where = row[0]
        others = columns[:, where].tocsr()
        beside = [j for j in np.flatnonzero(np.diff(others.indptr)) if j != k]
        own = flat[:, where] - traces[beside].T @ others[beside].toarray()
        result += _parts(row, own, shape, radius) or [row]
    if len(result) == len(rows):
        return rows
    return refine_rows(result, flat, shape, radius, token)


def _parts(row: Row, own: F32, shape: tuple[int, int], radius: float) -> list[Row] | None:
    """The two footprints that a component consists of, or None."""
    where, values = row
    n_frames, n_pixels = own.shape
    noise = np.sqrt(n_frames) + np.sqrt(n_pixels)
    first, along, _ = _leading(own, values)
    if _leading(own - np.outer(along, first), first)[2] < _BEYOND_NOISE * noise:
        return None
    ys, xs = np.divmod(where, shape[1])
    sides = _sides(ys, xs, values)
    footprints = np.stack([np.where(side, values, 0.05 * values) for side in sides]).astype(np.float64)
    footprints, traces = _two_sources(own, footprints)
    if float(np.asarray(np.corrcoef(traces))[0, 1]) > _SAME_TRACE:
        return None
    centres = footprints @ np.stack([ys, xs], axis=1) / footprints.sum(axis=1, keepdims=True)
    norms = np.linalg.norm(footprints, axis=1)
    alike = float(footprints[0] @ footprints[1] / np.prod(norms))
    if np.hypot(*(centres[0] - centres[1])) < _APART * radius or alike > _MOST_ALIKE:
        return None
    y0, x0 = int(ys.min()), int(xs.min())
    parts = []
    for footprint in footprints:
        patch = np.zeros((int(ys.max()) - y0 + 1, int(xs.max()) - x0 + 1), np.float32)
        patch[ys - y0, xs - x0] = footprint
        part = trimmed(patch, (y0, x0), shape[1], None)
        if part is None:
            return None
        parts.append(part)
    return parts


def _leading(own: F32, start: F32) -> tuple[F32, F32, float]:
    """The leading singular vector over pixels, what goes with it over time, and its singular value.

    By power iteration: a full decomposition of every patch would take longer than all the rest.
    """
    image = start + 1e-3 * own[int(np.argmax(np.square(own).sum(axis=1)))]
    for _ in range(_POWER_STEPS):
        image = (own @ image) @ own
        image = image / max(float(np.linalg.norm(image)), 1e-12)
    along = own @ image
    return image, along, float(np.linalg.norm(along))


def _sides(ys: NDArray[np.intp], xs: NDArray[np.intp], values: F32) -> list[NDArray[np.bool_]]:
    """The pixels on either side of a component's middle, along its long axis."""
    points = np.stack([ys, xs]).astype(np.float64)
    centred = points - np.average(points, axis=1, weights=values)[:, None]
    axis = np.linalg.eigh(np.cov(centred, aweights=values))[1][:, -1]
    side = axis @ centred > 0
    return [side, ~side]


def _two_sources(own: F32, footprints: NDArray[np.float64]) -> tuple[NDArray[np.float64], F32]:
    """Non-negative factorisation of a patch (T, n) into two: footprints (2, n) and traces (2, T)."""
    for _ in range(_ITERATIONS):
        footprints = footprints / np.maximum(np.linalg.norm(footprints, axis=1, keepdims=True), 1e-12)
        traces = strong_parts(_traces_of_two(footprints, own)).astype(np.float64)
        gram, projected = traces @ traces.T, traces @ own
        for _ in range(10):
            for k in (0, 1):
                other = 1 - k
                if gram[k, k] > 0:
                    explained = gram[k, other] * footprints[other]
                    footprints[k] = np.maximum((projected[k] - explained) / gram[k, k], 0)
    return footprints, _traces_of_two(footprints, own)


def _traces_of_two(footprints: NDArray[np.float64], own: F32) -> F32:
    """Non-negative traces (2, T) of two footprints (2, n)."""
    gram, projected = footprints @ footprints.T, footprints @ own.T
    gram = np.maximum(gram, 1e-12)
    traces = np.maximum(projected / np.diag(gram)[:, None], 0)
    for _ in range(10):
        for k in (0, 1):
            other = 1 - k
            traces[k] = np.maximum((projected[k] - gram[k, other] * traces[other]) / gram[k, k], 0)
    return traces.astype(np.float32)
