"""Weighted sums of pixels, frame by frame, without a copy of the frames."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

F32 = NDArray[np.float32]


def project(weights: sparse.csr_matrix, frames: F32) -> F32:
    """What each component sums up to in each frame: (K, n) from weights (K, Y·X) and frames (n, Y·X)."""
    weights = weights.tocsr()
    result: F32 = _project(
        weights.data.astype(np.float32, copy=False), weights.indices, weights.indptr, frames
    )
    return result.T.copy()


@numba.njit(cache=True, parallel=True)
def _project(values: F32, indices: NDArray[np.int32], pointers: NDArray[np.int32], frames: F32) -> F32:
    n_rows = len(pointers) - 1
    result = np.zeros((len(frames), n_rows), np.float32)
    for t in numba.prange(len(frames)):
        frame = frames[t]
        for k in range(n_rows):
            total = np.float32(0)
            for i in range(pointers[k], pointers[k + 1]):
                total += values[i] * frame[indices[i]]
            result[t, k] = total
    return result
