"""What the encoder begins with: matched filters of known motifs, and how their responses become log-odds.

A filter alone does not tell a motif from another that shares cells with it, nor the frame in which it begins
from the neighbouring frames, since a calcium transient lasts much longer than a frame. Two things help:

- The score of a frame weighs the responses of all motifs, and those of a few frames to either side.
- A motif does not begin twice within a few frames, so that these compete. With scores s, the log-odds against
  silence if nothing else were possible, the odds that it begins at t rather than near t or not at all are
  e^s[t] / (1 + Σ_d e^s[t + d]).

The weights are those with which the known activations are the most probable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

REACH = 4
"""Frames to either side whose responses are weighed."""
_MOST_FRAMES = 20_000
"""A stretch of so many frames suffices to fit the weights."""
_RIDGE = 0.3
_ITERATIONS = 60


def rival_frames(motif_length: int) -> int:
    """Within so many frames to either side a motif of F frames begins but once: F / 3, and 32 at most."""
    return min(32, max(1, motif_length // 3))


@dataclass(frozen=True)
class MatchedFilter:
    """The encoder's linear way.

    Attributes
    ----------
    filters
        (M, F, K) float32: the motifs, divided by their norm. With noise of variance 1 in every channel, the
        responses to noise have variance 1.
    mixing
        (M, M, 2 REACH + 1) float32: weights of the responses (second axis) around a frame.
    bias
        (M,) float32.
    """

    filters: NDArray[np.float32]
    mixing: NDArray[np.float32]
    bias: NDArray[np.float32]


def matched_filter(
    x: NDArray[np.float32],
    motifs: NDArray[np.float32],
    activations: NDArray[np.float32],
    prior_activation: float,
) -> MatchedFilter:
    """Fit the linear way so that σ(logits) comes close to known activations.

    Parameters
    ----------
    x
        (K, T), noise of variance 1 in every channel.
    motifs
        (M, F, K).
    activations
        (M, T); above 0.5 is an activation. For a motif without any, the log-odds are those of the model
        in which there is only this motif and noise.
    prior_activation
        Probability of an activation before anything was seen.
    """
    n_motifs = len(motifs)
    norms = np.sqrt((motifs.astype(np.float64) ** 2).sum(axis=(1, 2)))
    filters = (motifs / np.where(norms > 0, norms, 1)[:, None, None]).astype(np.float32)
    around = _around(responses(x, filters))
    rivals = rival_frames(motifs.shape[1])
    mixing = np.zeros((n_motifs, n_motifs, 2 * REACH + 1))
    bias = np.empty(n_motifs)
    for m in range(n_motifs):
        active = activations[m] > 0.5
        if not active.any() or active.all():
            # log p(x | begins here) / p(x | noise) = <x, motif> − ‖motif‖² / 2
            mixing[m, m, REACH] = norms[m]
            bias[m] = np.log(prior_activation / (1 - prior_activation)) - norms[m] ** 2 / 2
            continue
        used = np.zeros((n_motifs, 2 * REACH + 1), bool)
        used[:, REACH] = True
        used[m] = True
        frames = _busiest(active, _MOST_FRAMES)
        mixing[m][used], bias[m] = _fit(around[:, :, frames][used], active[frames], rivals)
    return MatchedFilter(filters, mixing.astype(np.float32), bias.astype(np.float32))


def responses(x: NDArray[np.float32], filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Σ_f <x[:, t + f], filters[m, f]> for every frame t, (M, T); x is 0 after its last frame."""
    n_frames = x.shape[1]
    result = np.zeros((len(filters), n_frames), np.float32)
    for f in range(min(filters.shape[1], n_frames)):
        result[:, : n_frames - f] += filters[:, f] @ x[:, f:]
    return result


def _around(response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Responses REACH frames before to REACH frames after each frame, (M, 2 REACH + 1, T)."""
    padded = np.pad(response, ((0, 0), (REACH, REACH)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1, axis=1)
    return windows.transpose(0, 2, 1)


def _busiest(active: NDArray[np.bool_], most: int) -> slice:
    """The stretch of at most so many frames with the most activations."""
    if len(active) <= most:
        return slice(0, len(active))
    total = np.concatenate([[0], np.cumsum(active)])
    start = int(np.argmax(total[most:] - total[:-most]))
    return slice(start, start + most)


def _fit(
    features: NDArray[np.float32], active: NDArray[np.bool_], rivals: int
) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of the scores, most probable with a ridge on the standardised weights.

    Activations are rare: the bias begins at their log-odds and is not shrunk, so that neither class is
    weighted more than it occurs, and the result stays a probability.
    """
    mean, spread = features.mean(axis=1), features.std(axis=1)
    spread = np.where(spread > 0, spread, 1)
    design = np.vstack([(features - mean[:, None]) / spread[:, None], np.ones(features.shape[1])])
    design = design.astype(np.float64)
    ridge = np.full(len(design), _RIDGE)
    ridge[-1] = 0
    theta = np.zeros(len(design))
    theta[-1] = np.log(active.mean() / (1 - active.mean()))

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = _surprise(theta @ design, active, rivals)
        return value + float(ridge @ theta**2) / 2, design @ slope + ridge * theta

    theta = minimize(loss, theta, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x
    weights = theta[:-1] / spread
    return weights, float(theta[-1] - weights @ mean)


def _surprise(
    scores: NDArray[np.float64], active: NDArray[np.bool_], rivals: int
) -> tuple[float, NDArray[np.float64]]:
    """−log p of known activations where neighbours compete, and its derivative by the scores (T,)."""
    near = np.full((2 * rivals, len(scores)), -np.inf)
    lags = [d for d in range(-rivals, rivals + 1) if d != 0]
    for row, d in zip(near, lags, strict=True):
        here, there = slice(max(0, -d), len(scores) - max(0, d)), slice(max(0, d), len(scores) - max(0, -d))
        row[here] = scores[there]
    top = np.maximum(near.max(axis=0), 0)  # 0: the score of silence
    near = np.exp(near - top)
    total = near.sum(axis=0) + np.exp(-top)
    logits = scores - top - np.log(total)
    value = float((np.logaddexp(0, logits) - active * logits).sum())
    slope = 1 / (1 + np.exp(-np.clip(logits, -500, 500))) - active
    result = slope.copy()
    shares = near * (slope / total)
    for row, d in zip(shares, lags, strict=True):
        here, there = slice(max(0, -d), len(scores) - max(0, d)), slice(max(0, d), len(scores) - max(0, -d))
        result[there] -= row[here]
    return value, result
