"""The motifs that explain a video best, given how probable each activation is (the M-step)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from ...errors import InputError

_BLOCK = 32_768
"""Frames that are turned into float64 at a time."""


def expected_motifs(
    x: NDArray[np.float32],
    posterior: NDArray[np.float32],
    motif_length: int,
    ridge: float = 0.1,
    centre: NDArray[np.float32] | None = None,
    *,
    certain: bool = False,
) -> NDArray[np.float32]:
    r"""Minimise E‖x − Σ_m Σ_f z[m, t − f] motifs[m, f]‖² + ridge ‖motifs − centre‖² over the motifs, exactly.

    Activations z are independent with probability α, so that E[z_i z_j] = α_i α_j, but E[z²] = α, which is
    α² + α (1 − α): an uncertain activation counts with its variance on the diagonal. The normal equations
    have M · F unknowns for every channel, and one matrix for all channels.

    Parameters
    ----------
    x
        Compressed video, (K, T).
    posterior
        Probability that motif m begins in frame t, (M, T) in [0, 1].
    motif_length
        F, in frames.
    ridge
        Weight of `centre`, in occurrences: 0.1 shrinks a motif that was played ten times by 1 %.
    certain
        Whether the activations are amplitudes that are known, and no probabilities.
    centre
        (M, F, K): what the motifs were thought to be before; None for zero.

    Returns
    -------
    (M, F, K) float32
        `centre` for a motif that is never played.

    Raises
    ------
    InputError
        If the shapes do not fit, `motif_length` is not in 1 to T, or `ridge` is not greater than 0.
    """
    if x.ndim != 2 or posterior.ndim != 2 or x.shape[1] != posterior.shape[1]:
        raise InputError(f"x must be (K, T) and posterior (M, T) (got {x.shape} and {posterior.shape})")
    if not 1 <= motif_length <= x.shape[1]:
        raise InputError(f"motif_length must be from 1 to {x.shape[1]} frames (got {motif_length})")
    if not ridge > 0:
        raise InputError(f"ridge must be greater than 0 (got {ridge})")
    n_motifs, n_channels = len(posterior), len(x)
    if n_motifs == 0:
        return np.zeros((0, motif_length, n_channels), np.float32)
    n = n_motifs * motif_length
    matrix = _autocorrelation(posterior.astype(np.float64), motif_length, certain).reshape(n, n)
    matrix[np.diag_indices(n)] += ridge
    right = _cross_correlation(x, posterior, motif_length).reshape(n, n_channels)
    if centre is not None:
        right += ridge * centre.reshape(n, n_channels)
    solution: NDArray[np.float64] = solve(matrix, right, assume_a="pos", overwrite_a=True, overwrite_b=True)
    found = solution.reshape(n_motifs, motif_length, n_channels)
    return found.astype(np.float32)


def _autocorrelation(posterior: NDArray[np.float64], length: int, certain: bool) -> NDArray[np.float64]:
    """E[Σ_t z[m, t − f] z[n, t − g]], (M, F, M, F), with nothing before the first frame or after the last.

    Along its diagonals (f and g both one more) the sum loses the last frame's term and nothing else.
    """
    n_motifs, n_frames = posterior.shape
    result = np.empty((n_motifs, length, n_motifs, length))
    lagged = np.stack([posterior[:, f:] @ posterior[:, : n_frames - f].T for f in range(length)], axis=1)
    result[:, 0] = lagged.transpose(0, 2, 1)
    result[:, :, :, 0] = lagged.transpose(2, 1, 0)
    for f in range(length - 1):
        gone = posterior[:, n_frames - 1 - f]
        until = n_frames - 1 - np.arange(length - 1)  # the frame of z[n, t − g] in the term of the last t
        lost = gone[:, None, None] * posterior[:, until]
        result[:, f + 1, :, 1:] = result[:, f, :, :-1] - lost
    if certain:
        return result
    variance = np.cumsum(posterior * (1 - posterior), axis=1)
    for f in range(length):
        result[np.arange(n_motifs), f, np.arange(n_motifs), f] += variance[:, n_frames - 1 - f]
    return result


def _cross_correlation(
    x: NDArray[np.float32], posterior: NDArray[np.float32], length: int
) -> NDArray[np.float64]:
    """Σ_t α[m, t − f] x[k, t], (M, F, K)."""
    n_frames = x.shape[1]
    result = np.zeros((len(posterior), length, len(x)))
    for start in range(0, n_frames, _BLOCK):
        block = x[:, start : start + _BLOCK].astype(np.float64)
        stop = start + block.shape[1]
        before = min(start, length - 1)
        lead = posterior[:, start - before : stop].astype(np.float64)
        for f in range(min(length, stop)):
            # The frames t of the block for which t − f is in the video, and these t − f in `lead`.
            first = max(0, f - start)
            result[:, f] += lead[:, before - f + first : lead.shape[1] - f] @ block[:, first:].T
    return result
