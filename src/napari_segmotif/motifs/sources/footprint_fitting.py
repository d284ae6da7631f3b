"""Fitting footprints and traces to a video in turn: constrained non-negative matrix factorisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter
from skimage.measure import label

from ...common.progress import CancelToken
from ..preparing.projection import project

F32 = NDArray[np.float32]
Row = tuple[NDArray[np.intp], F32]
"""Pixels of a footprint, and their weights."""

_EDGE = 0.15  # of a footprint's peak: what is fainter does not belong to it
_SAME_TRACE = 0.85
_ON_TOP = 0.75
_SIDE_BY_SIDE = 1.3  # cell radii between the centres
_STRONG = 0.2  # of a trace's largest values: what is weaker is rectified noise


def as_matrix(rows: Sequence[Row], n_pixels: int) -> sparse.csr_matrix:
    """Footprints as a sparse matrix (K, Y·X)."""
    if not rows:
        return sparse.csr_matrix((0, n_pixels), dtype=np.float32)
    pointers = np.cumsum([0, *(len(where) for where, _ in rows)])
    where = np.concatenate([w for w, _ in rows])
    values = np.concatenate([v for _, v in rows]).astype(np.float32)
    return sparse.csr_matrix((values, where, pointers), shape=(len(rows), n_pixels))


def refine_rows(
    rows: list[Row], flat: F32, shape: tuple[int, int], radius: float, token: CancelToken | None = None
) -> list[Row]:
    """Alternate between traces and footprints, then merge what is one cell seen twice."""
    rows = [row for row in rows if row is not None]
    for _ in range(3):
        if token is not None:
            token.raise_if_cancelled()
        weights = as_matrix(rows, flat.shape[1])
        traces = non_negative_traces(weights, flat)
        rows = updated(rows, strong_parts(traces), flat, shape)
    return merged(rows, flat, shape, radius)


def non_negative_traces(
    weights: sparse.csr_matrix, flat: F32, start: F32 | None = None, n_sweeps: int = 8
) -> F32:
    """Non-negative traces (K, T) that explain the video best: block coordinate descent."""
    projected = project(weights, flat)
    gram = (weights @ weights.T).tocsr()
    traces = np.maximum(projected, 0) if start is None else start
    for _ in range(n_sweeps):
        for k in range(len(traces)):
            lo, hi = gram.indptr[k], gram.indptr[k + 1]
            neighbours, overlap = gram.indices[lo:hi], gram.data[lo:hi]
            if len(neighbours) == 1 and start is None:
                continue
            own = float(overlap[neighbours == k][0])
            explained = overlap @ traces[neighbours] - own * traces[k]
            traces[k] = np.maximum((projected[k] - explained) / own, 0)
    return traces


def strong_parts(traces: F32) -> F32:
    """Traces (K, T) without their small values, which would pull every footprint towards the mean image."""
    strong = traces > _STRONG * np.quantile(traces, 0.999, axis=1, keepdims=True)
    return np.where(strong, traces, 0).astype(np.float32)


def updated(rows: list[Row], traces: F32, flat: F32, shape: tuple[int, int]) -> list[Row]:
    """Least-squares footprints for given traces, each on its own support, the others held fixed."""
    weights = as_matrix(rows, flat.shape[1])
    gram = traces @ traces.T
    updated = []
    columns = weights.tocsc()
    for k, (where, values) in enumerate(rows):
        if gram[k, k] <= 0:
            continue
        correlation = traces[k] @ flat[:, where]
        explained = gram[k] @ columns[:, where]
        image = np.zeros(shape[0] * shape[1], np.float32)
        image[where] = values + (correlation - np.asarray(explained).ravel()) / gram[k, k]
        ys, xs = where // shape[1], where % shape[1]
        y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
        patch = image.reshape(shape)[y0:y1, x0:x1]
        row = trimmed(patch, (int(y0), int(x0)), shape[1], None)
        if row is not None:
            updated.append(row)
    return updated


def merged(rows: list[Row], flat: F32, shape: tuple[int, int], radius: float) -> list[Row]:
    """Join components that are one cell seen twice: side by side, and always acting together."""
    if len(rows) < 2:
        return rows
    weights = as_matrix(rows, flat.shape[1])
    overlap = (weights @ weights.T).toarray()
    traces = non_negative_traces(weights, flat)
    together = np.nan_to_num(np.corrcoef(traces + 1e-6 * np.arange(traces.shape[1])))
    near = distances(weights, shape) < _SIDE_BY_SIDE * radius
    strength = np.sqrt(np.mean(np.square(traces), axis=1))
    gone: set[int] = set()
    for a, b in np.argwhere(np.triu(near & ((overlap > _ON_TOP) | (together > _SAME_TRACE)), 1)):
        if a in gone or b in gone:
            continue
        joined = np.zeros(shape[0] * shape[1], np.float32)
        for row in (a, b):
            where, values = rows[row]
            joined[where] += strength[row] * values
        where = np.nonzero(joined)[0]
        rows[a] = (where, joined[where] / np.linalg.norm(joined))
        gone.add(int(b))
    return [row for k, row in enumerate(rows) if k not in gone]


def distances(weights: sparse.csr_matrix, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Distances (K, K) in pixels between the centres of footprints (K, Y·X)."""
    ys, xs = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    total = np.maximum(np.asarray(weights.sum(axis=1)).ravel(), 1e-12)
    centres = np.stack([(weights @ ys) / total, (weights @ xs) / total], axis=1)
    result: NDArray[np.float64] = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    return result


def trimmed(
    image: NDArray[np.floating], corner: tuple[int, int], width: int, inside: tuple[int, int] | None
) -> Row | None:
    """Keep the connected part of a footprint that holds its peak; unit norm; None if little is left."""
    smooth = gaussian_filter(np.maximum(image, 0), 0.7)
    peak = smooth.max()
    if not peak > 0:
        return None
    parts = label(smooth > _EDGE * peak, connectivity=1)
    at = inside if inside is not None and parts[inside] else np.unravel_index(smooth.argmax(), image.shape)
    inside_part = parts == parts[at]
    values = np.where(inside_part, np.maximum(image, 0), 0)
    if np.count_nonzero(values) < 3:
        return None
    ys, xs = np.nonzero(values)
    found = values[ys, xs].astype(np.float32)
    return (ys + corner[0]) * width + xs + corner[1], found / np.linalg.norm(found)
