"""Fitting footprints and traces to a video in turn: constrained non-negative matrix factorisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter
from skimage.measure import label

from ..common.progress import CancelToken

F32 = NDArray[np.float32]
Row = tuple[NDArray[np.intp], F32]
"""Pixels of a footprint, and their weights."""

_EDGE = 0.15  # of a footprint's peak: what is fainter does not belong to it
_SAME_TRACE = 0.9
_STRONG = 0.2  # of a trace's largest values: what is weaker is rectified noise


def as_matrix(rows: Sequence[Row], n_pixels: int) -> sparse.csr_matrix:
    """Footprints as a sparse matrix (K, Y·X)."""
    if not rows:
        return sparse.csr_matrix((0, n_pixels), dtype=np.float32)
    pointers = np.cumsum([0, *(len(where) for where, _ in rows)])
    where = np.concatenate([w for w, _ in rows])
    values = np.concatenate([v for _, v in rows]).astype(np.float32)
    return sparse.csr_matrix((values, where, pointers), shape=(len(rows), n_pixels))


def refine_rows(rows: list[Row], flat: F32, shape: tuple[int, int], token: CancelToken | None) -> list[Row]:
    """Alternate between traces and footprints, then merge what is one cell seen twice."""
    rows = [row for row in rows if row is not None]
    for _ in range(3):
        if token is not None:
            token.raise_if_cancelled()
        weights = as_matrix(rows, flat.shape[1])
        traces = non_negative_traces(weights, flat)
        rows = updated(rows, strong_parts(traces), flat, shape)
    return _merged(rows, flat, shape)


def non_negative_traces(
    weights: sparse.csr_matrix, flat: F32, start: F32 | None = None, n_sweeps: int = 8
) -> F32:
    """Non-negative traces (K, T) that explain the video best: block coordinate descent."""
    projected = np.asarray(weights @ flat.T, dtype=np.float32)
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


def _merged(rows: list[Row], flat: F32, shape: tuple[int, int]) -> list[Row]:
    """Join components that overlap and always act together."""
    weights = as_matrix(rows, flat.shape[1])
    overlap = (weights @ weights.T).toarray()
    traces = np.asarray(weights @ flat.T)
    together = np.corrcoef(traces) if len(rows) > 1 else np.ones((1, 1))
    gone: set[int] = set()
    for a in range(len(rows)):
        for b in range(a + 1, len(rows)):
            if a in gone or b in gone or overlap[a, b] < 0.2:
                continue
            if overlap[a, b] > 0.75 or together[a, b] > _SAME_TRACE:
                joined = np.zeros(shape[0] * shape[1], np.float32)
                for row in (a, b):
                    strength = float(np.sqrt(np.mean(traces[row] ** 2)))
                    joined[rows[row][0]] = np.maximum(joined[rows[row][0]], strength * rows[row][1])
                where = np.nonzero(joined)[0]
                rows[a] = (where, joined[where] / np.linalg.norm(joined))
                gone.add(b)
    return [row for k, row in enumerate(rows) if k not in gone]


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
