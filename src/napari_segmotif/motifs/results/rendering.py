"""Motifs and activations as images: from components to pixels, and from activations to a video."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..preparing.preprocessing import PreparedVideo
from ..sources.footprints import Footprints

F32 = NDArray[np.float32]

_SILENT = 1e-3  # activations below this are left out of a reconstruction


def motif_images(traces: F32, footprints: Footprints, prepared: PreparedVideo) -> F32:
    """Motifs (M, F, Y, X) in image units, from their fluorescence (M, F, K) in units of the noise."""
    n_motifs, length, _ = traces.shape
    shape = prepared.shape[1:]
    images = np.zeros((n_motifs, length, *shape), np.float32)
    units = (prepared.noise * prepared.scale).ravel()
    for m in range(n_motifs):
        flat = np.asarray((footprints.weights.T @ traces[m].T).T, dtype=np.float32)
        images[m] = (flat * units).reshape(length, *shape)
    return images


def play_images(motifs: F32, activations: F32, start: int, stop: int) -> F32:
    """The frames start..stop (n, Y, X) that activations (M, T) of motifs (M, F, Y, X) make."""
    frames = np.zeros((stop - start, *motifs.shape[2:]), np.float32)
    length = motifs.shape[1]
    for m, activation in enumerate(activations):
        first = max(0, start - length + 1)
        for t in first + np.flatnonzero(activation[first:stop] > _SILENT):
            lo, hi = max(int(t), start), min(int(t) + length, stop)
            frames[lo - start : hi - start] += activation[t] * motifs[m, lo - t : hi - t]
    return frames
