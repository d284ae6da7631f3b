"""Traces of spatial components: projected, freed of the light around them, and unmixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..preparing.projection import project
from .footprints import Footprints

F32 = NDArray[np.float32]
_RING = (1.6, 3.2)  # inner and outer radius of the surround, in radii of a cell
_LEAST_RING = 20  # pixels


class TraceReader:
    """Reads the traces of all components out of frames, in units of the pixels' noise.

    Parameters
    ----------
    footprints
        The components.
    noise
        (Y, X) standard deviation of the pixel noise.
    surround
        Whether the mean of the pixels around a component is taken off it (neuropil, Pachitariu et al., 2016).
    """

    def __init__(self, footprints: Footprints, noise: F32, *, surround: bool = True) -> None:
        weights = footprints.weights
        projection = weights - _surrounds(footprints) if surround else weights
        mixing = (projection @ weights.T).toarray().astype(np.float64)
        mixing += 1e-3 * np.eye(len(mixing))
        self._unmixing = np.linalg.inv(mixing)
        variance = np.asarray(projection.multiply(projection).sum(axis=1)).ravel()
        self.noise: F32 = np.sqrt(self._unmixing**2 @ variance).astype(np.float32)
        """(K,) standard deviation of the noise of each trace, if that of the pixels is white."""
        self._projection = projection.multiply(1 / noise.ravel()).tocsr().astype(np.float32)

    def read(self, frames: F32) -> F32:
        """Traces (K, n) of frames (n, Y, X)."""
        projected = project(self._projection, frames.reshape(len(frames), -1))
        result: F32 = (self._unmixing @ projected).astype(np.float32)
        return result


def _surrounds(footprints: Footprints) -> sparse.csr_matrix:
    """What the light around each component adds to its trace: a ring of pixels that are in no component."""
    weights, (height, width) = footprints.weights, footprints.shape
    if not len(footprints):
        return sparse.csr_matrix(weights.shape, dtype=np.float32)
    taken = np.asarray(weights.max(axis=0).todense()).ravel() > 0
    rows, columns, values = [], [], []
    ys, xs = np.divmod(np.arange(height * width), width)
    for k in range(len(footprints)):
        lo, hi = weights.indptr[k], weights.indptr[k + 1]
        where, weight = weights.indices[lo:hi], weights.data[lo:hi]
        cy, cx = np.average(ys[where], weights=weight), np.average(xs[where], weights=weight)
        reach = int(np.ceil(_RING[1] * footprints.radius)) + 1
        y0, y1 = max(0, int(cy) - reach), min(height, int(cy) + reach + 1)
        x0, x1 = max(0, int(cx) - reach), min(width, int(cx) + reach + 1)
        near = (np.arange(y0, y1)[:, None] * width + np.arange(x0, x1)[None]).ravel()
        distance = np.hypot(ys[near] - cy, xs[near] - cx) / footprints.radius
        ring = near[(distance >= _RING[0]) & (distance <= _RING[1]) & ~taken[near]]
        if len(ring) < _LEAST_RING:
            continue
        rows.append(np.full(len(ring), k))
        columns.append(ring)
        values.append(np.full(len(ring), weight.sum() / len(ring), np.float32))
    if not rows:
        return sparse.csr_matrix(weights.shape, dtype=np.float32)
    return sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=weights.shape
    )
