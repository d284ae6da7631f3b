"""Motifs as fluorescence: which cells take part, and the shape of their transients, no noise beside.

Least squares alone would put the noise of every pixel, and the spurious spikes of every cell, into a motif.
Here a cell that does not repeat its spike is left out, and the transient of one that does is drawn towards
the shape that all transients share, by as much as predicts occurrences best that were not used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..refining.expectation import expected_motifs
from ..searching.sparse_coding import play_motifs
from ..sources.compression import Compressed
from ..sources.transients import play_transients

F32 = NDArray[np.float32]

_TRUSTS = (0.5, 2.0, 8.0, 32.0, 128.0)
"""Weights of the common shape that are tried, in occurrences."""


def motif_traces(compressed: Compressed, shares: F32, activations: F32, *, certain: bool = False) -> F32:
    """Fluorescence (M, F, K) of motifs, from the spikes (M, K, F) that repeat and the activations (M, T).

    `certain`: the activations are amplitudes, not probabilities.
    """
    n_motifs, n_rows, length = shares.shape
    if not n_motifs:
        return np.zeros((0, length, n_rows), np.float32)
    shapes = _common_shapes(compressed, shares, activations)
    part: NDArray[np.bool_] = np.asarray(shares.any(axis=2))
    trust = _best_trust(compressed.traces, shapes, activations, part, certain)
    return _drawn(compressed.traces, shapes, activations, part, trust, certain)


def _common_shapes(compressed: Compressed, shares: F32, activations: F32) -> F32:
    """Each repeated spike as a transient of the common shape, as high as the data say: (M, F, K)."""
    n_motifs, n_rows, length = shares.shape
    shapes = np.zeros((n_motifs, length, n_rows), np.float32)
    for m in range(n_motifs):
        shapes[m] = play_transients(shares[m], compressed.transient).T
    shapes = _in_time(shapes, compressed.traces, activations)
    played = np.stack([play_motifs(shapes[m : m + 1], activations[m : m + 1]) for m in range(n_motifs)])
    for k in range(n_rows):
        used = np.flatnonzero(shares[:, k].any(axis=1))
        if not len(used):
            continue
        trace = compressed.traces[k] - np.median(compressed.traces[k])
        basis = played[used, k].astype(np.float64)
        gram = basis @ basis.T + 1e-6 * np.eye(len(used))
        heights = np.maximum(np.linalg.solve(gram, basis @ trace), 0)
        shapes[used, :, k] *= heights[:, None].astype(np.float32)
    return shapes


def _in_time(shapes: F32, traces: F32, activations: F32) -> F32:
    """Shapes moved by up to a frame to where the traces want them: a hit is three frames wide."""
    best = np.zeros((len(shapes), shapes.shape[2]))
    result = shapes.copy()
    for step in (0, -1, 1):
        moved = np.zeros_like(shapes)
        if step == 0:
            moved[:] = shapes
        elif step > 0:
            moved[:, step:] = shapes[:, :-step]
        else:
            moved[:, :step] = shapes[:, -step:]
        for m in range(len(shapes)):
            played = play_motifs(moved[m : m + 1], activations[m : m + 1])
            played -= played.mean(axis=1, keepdims=True)
            norm = np.maximum(np.linalg.norm(played, axis=1), 1e-6)
            match = np.einsum("kt,kt->k", played, traces) / norm
            better = match > best[m] * (1 + 1e-6)
            best[m] = np.where(better, match, best[m])
            result[m][:, better] = moved[m][:, better]
    return result


def _drawn(
    traces: F32, shapes: F32, activations: F32, part: NDArray[np.bool_], trust: float, certain: bool
) -> F32:
    centred = traces - np.median(traces, axis=1, keepdims=True)
    motifs = expected_motifs(
        centred, activations, shapes.shape[1], ridge=trust, centre=shapes, certain=certain
    )
    result: F32 = np.where(part[:, None, :], np.maximum(motifs, 0), 0).astype(np.float32)
    return result


def _best_trust(traces: F32, shapes: F32, activations: F32, part: NDArray[np.bool_], certain: bool) -> float:
    """The weight of the common shape that predicts the other half of the video best."""
    rows = np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return _TRUSTS[-1]
    n_frames = traces.shape[1]
    halves = np.arange(n_frames) * 2 // n_frames
    some, shapes, part = traces[rows], shapes[:, :, rows], part[:, rows]
    centred = some - np.median(some, axis=1, keepdims=True)
    errors = np.zeros(len(_TRUSTS))
    for half in (0, 1):
        training = np.where(halves == half, activations, 0).astype(np.float32)
        testing = np.where(halves != half, activations, 0).astype(np.float32)
        near = play_motifs(np.ones((len(testing), shapes.shape[1], 1), np.float32), testing)[0] > 0.5
        for i, trust in enumerate(_TRUSTS):
            motifs = _drawn(some, shapes, training, part, trust, certain)
            residual = centred[:, near] - play_motifs(motifs, activations)[:, near]
            errors[i] += float(np.sum(np.square(residual, dtype=np.float64)))
    return _TRUSTS[int(errors.argmin())]
