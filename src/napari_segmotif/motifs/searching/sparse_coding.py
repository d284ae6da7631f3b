"""Sparse convolutional coding: non-negative, sparse activations of given motifs (Peter et al., NIPS 2017).

x[:, t] ≈ Σ_m Σ_f z[m, t − f] · motifs[m, f], with ½‖x − …‖² + λ Σ z as small as possible over z ≥ 0, by FISTA
(Beck and Teboulle, 2009). `expectation.expected_motifs` is the other half: the motifs of given activations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken

F32 = NDArray[np.float32]

_N_ITERATIONS = 150
_TOLERANCE = 1e-4


def play_motifs(motifs: F32, activations: F32) -> F32:
    """What activations (M, T) of motifs (M, F, K) look like: (K, T)."""
    n_frames = activations.shape[1]
    result = np.zeros((motifs.shape[2], n_frames), np.float32)
    for f in range(min(motifs.shape[1], n_frames)):
        result[:, f:] += motifs[:, f].T @ activations[:, : n_frames - f]
    return result


def match_motifs(motifs: F32, x: F32) -> F32:
    """Inner product of each motif with the window that begins in each frame: (M, T)."""
    n_frames = x.shape[1]
    result = np.zeros((len(motifs), n_frames), np.float32)
    for f in range(min(motifs.shape[1], n_frames)):
        result[:, : n_frames - f] += motifs[:, f] @ x[:, f:]
    return result


def sparse_activations(
    x: F32,
    motifs: F32,
    sparsity: float,
    *,
    start: F32 | None = None,
    n_iterations: int = _N_ITERATIONS,
    token: CancelToken | None = None,
    losses: list[float] | None = None,
) -> F32:
    """Activations (M, T) in [0, 1] that explain x (K, T) sparsely.

    Parameters
    ----------
    x
        (K, T) float32.
    motifs
        (M, F, K) float32.
    sparsity
        λ, as a share of each motif's energy: 0.5 lets no match below half a motif through.
    start
        Activations to begin with.
    losses
        Filled with the mean squared residual of each iteration.
    """
    energy = np.sum(motifs.astype(np.float64) ** 2, axis=(1, 2))
    usable = energy > 0
    penalty = (sparsity * energy).astype(np.float32)[:, None]
    z = np.zeros((len(motifs), x.shape[1]), np.float32) if start is None else start.astype(np.float32)
    if not usable.any():
        return z * 0
    step = np.float32(1 / _largest_gain(motifs))
    ahead, momentum = z.copy(), 1.0
    for _ in range(n_iterations):
        if token is not None:
            token.raise_if_cancelled()
        residual = x - play_motifs(motifs, ahead)
        if losses is not None:
            losses.append(float(np.mean(np.square(residual), dtype=np.float64)))
        slope = match_motifs(motifs, residual) - penalty
        new = np.clip(ahead + step * slope, 0, 1)
        new[~usable] = 0
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        change = new - z
        ahead = new + np.float32((momentum - 1) / faster) * change
        z, momentum = new, faster
        if float(np.abs(change).max()) < _TOLERANCE:
            break
    return z


def _largest_gain(motifs: F32) -> float:
    """Largest eigenvalue of the convolution with the motifs: the step must be no longer than its inverse."""
    length = motifs.shape[1]
    size = 2 * length
    spectrum = np.fft.rfft(motifs, size, axis=1)
    products = np.einsum("mfk,nfk->fmn", spectrum, spectrum.conj(), optimize=True)
    largest = max(float(np.linalg.eigvalsh(matrix)[-1]) for matrix in products)
    return 1.05 * largest + 1e-12
