"""What a fit finds beside the motifs themselves: when they were played, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..searching.climb import pick_peaks

PLAYED = 0.5
"""Posterior mass from which a motif is taken to be played."""


@dataclass(frozen=True)
class Occurrence:
    """One time at which a motif was played.

    Attributes
    ----------
    motif
        Index of the motif, from 0.
    frame
        Frame of the video in which it begins.
    time
        The same in seconds.
    amplitude
        Posterior probability mass of the activation, in (0, 1] for a clear one.
    """

    motif: int
    frame: int
    time: float
    amplitude: float


@dataclass(frozen=True)
class FitState:
    """An intermediate result that is worth showing while a fit runs.

    Attributes
    ----------
    phase
        "prepare", "compress", "search", "significance", "refine" or "motifs".
    losses
        Loss of every step of the refinement so far, (n,) float32.
    n_candidates
        Motifs that are in play; 0 where not known yet.
    """

    phase: str
    losses: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    n_candidates: int = 0


def occurrences_of(
    activations: NDArray[np.float32], motif_length: int, frame_rate: float
) -> tuple[Occurrence, ...]:
    """When motifs were played, in order of time, from their activations (M, T)."""
    found = []
    for m, activation in enumerate(activations):
        mass = np.convolve(activation, np.ones(5, np.float32), "same")
        for frame in peaks_of(activation, motif_length):
            amplitude = min(1.0, float(mass[frame]))
            found.append(Occurrence(m, int(frame), float(frame / frame_rate), amplitude))
    return tuple(sorted(found, key=lambda one: (one.frame, one.motif)))


def peaks_of(
    activation: NDArray[np.float32], motif_length: int, threshold: float = PLAYED
) -> NDArray[np.intp]:
    """Frames in which a motif begins, from its activation (T,); neighbouring frames count together."""
    mass = np.convolve(activation, np.ones(5, np.float32), "same")
    score = np.where(mass >= threshold, activation, 0).astype(np.float32)
    peaks: NDArray[np.intp] = pick_peaks(score, 0.1 * threshold, max(2, motif_length // 3), len(score))
    return peaks


def useful_length(shares: NDArray[np.float32], decay: float, motif_length: int) -> int:
    """Frames that motifs (M, K, F) fill, with the decay of their last transients; F if there are none."""
    used = np.flatnonzero(shares.any(axis=(0, 1))) if len(shares) else np.zeros(0, np.intp)
    if not len(used):
        return motif_length
    return int(min(motif_length, used[-1] + 1 + np.ceil(decay)))


def reaches_the_end(shares: NDArray[np.float32]) -> bool:
    """Whether motifs (M, K, F) have spikes in their last frames, so that more may follow."""
    return bool(shares[..., -2:].any())
