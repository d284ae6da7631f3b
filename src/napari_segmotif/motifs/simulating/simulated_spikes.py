"""When the cells of a simulated video fire: assemblies, their activations, spurious spikes, transients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from .simulation_parameters import SimulationParameters

F32 = NDArray[np.float32]

_RISES_BEFORE = 2.0  # rise times for which a motif begins before its first spike
_DECAYS_AFTER = 1.0  # decay times that follow its last spike within the motif
_FEWEST_CELLS, _MOST_CELLS = 6, 12


def transient(parameters: SimulationParameters) -> tuple[F32, int]:
    """The two-sided exponential that a spike causes.

    Returns
    -------
    kernel
        (n,) float32, peak 1.
    peak
        Index of the peak: the frame of the spike.
    """
    rise, decay = (t * parameters.frame_rate for t in (parameters.rise_time, parameters.decay_time))
    before, after = int(np.ceil(7 * rise)), int(np.ceil(7 * decay))  # e^-7 is a thousandth
    t = np.arange(-before, after + 1)
    kernel = np.where(t < 0, np.exp(np.minimum(t, 0) / rise), np.exp(-np.maximum(t, 0) / decay))
    return kernel.astype(np.float32), before


def fluorescence(spikes: F32, parameters: SimulationParameters) -> F32:
    """Convolve spikes (N, T) with the transient: traces (N, T) float32."""
    kernel, peak = transient(parameters)
    traces = np.zeros(spikes.shape)
    active = spikes.any(axis=1)
    if active.any():
        full = fftconvolve(spikes[active].astype(float), kernel[None].astype(float), axes=1)
        traces[active] = np.maximum(full[:, peak : peak + spikes.shape[1]], 0)
    traces[traces < 1e-9] = 0  # rounding of the Fourier transform
    return traces.astype(np.float32)


def draw_assemblies(
    n_cells: int, parameters: SimulationParameters, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Draw which cells each motif has, and when they fire.

    Returns
    -------
    numpy.ndarray
        Offsets (M, N) int32: frame of the motif in which a cell fires; -1 where it does not. They are
        distinct as long as the motif has room, and lie so that most of the transients lies within the motif.
    """
    length = parameters.motif_length
    first = min(round(_RISES_BEFORE * parameters.rise_time * parameters.frame_rate), length // 4)
    last = length - 1 - min(round(_DECAYS_AFTER * parameters.decay_time * parameters.frame_rate), length // 2)
    room = np.arange(first, max(last, first) + 1)
    offsets = np.full((parameters.n_motifs, n_cells), -1, np.int32)
    for motif in offsets:
        wanted = parameters.cells_per_motif or int(rng.integers(_FEWEST_CELLS, _MOST_CELLS + 1))
        size = min(wanted, n_cells)
        members = rng.choice(n_cells, size, replace=False)
        rounds = -(-size // len(room))
        motif[members] = np.concatenate([rng.permutation(room) for _ in range(rounds)])[:size]
    return offsets


def draw_activations(parameters: SimulationParameters, rng: np.random.Generator) -> F32:
    """Draw when each motif begins: a Poisson process with a refractory time of the motif's length.

    Returns
    -------
    numpy.ndarray
        (M, T) float32, 1 in the frames in which a motif begins, 0 elsewhere. Motifs are whole within the
        video. Each is played at least twice where the video is long enough for that.
    """
    length, n_frames = parameters.motif_length, parameters.n_frames
    activations = np.zeros((parameters.n_motifs, n_frames), np.float32)
    pause = max(parameters.frame_rate / parameters.activation_rate - length, 0.0)
    for motif in activations:
        most = n_frames // length + 1
        waits = np.floor(rng.exponential(1.0, most) * pause).astype(np.int64)
        starts = np.cumsum(waits) + length * np.arange(most)
        starts = starts[starts <= n_frames - length]
        if len(starts) < 2:
            starts = _few_starts(n_frames, length, rng)
        motif[starts] = 1
    return activations


def _few_starts(n_frames: int, length: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Two starts anywhere, a motif's length or more apart; only one where two do not fit."""
    if n_frames < 2 * length:
        return rng.integers(0, n_frames - length, 1, endpoint=True)
    starts = np.sort(rng.integers(0, n_frames - 2 * length, 2, endpoint=True))
    starts[1] += length
    return starts


def draw_motif_spikes(
    offsets: NDArray[np.int32], activations: F32, parameters: SimulationParameters, rng: np.random.Generator
) -> F32:
    """Spikes (N, T) float32 counts of the cells that play their motifs."""
    n_frames = parameters.n_frames
    spikes = np.zeros((offsets.shape[1], n_frames), np.float32)
    for motif, played in zip(offsets, activations, strict=True):
        members = np.nonzero(motif >= 0)[0]
        starts = np.nonzero(played)[0]
        frames = starts[:, None] + motif[members]  # (occurrences, members)
        # Both are always drawn, so that one option does not change what another does.
        late = np.rint(parameters.jitter * rng.standard_normal(frames.shape)).astype(int)
        takes_part = rng.random(frames.shape) < parameters.participation
        frames = np.clip(frames + late, 0, n_frames - 1)
        cells = np.broadcast_to(members, frames.shape)
        np.add.at(spikes, (cells[takes_part], frames[takes_part]), 1)
    return spikes


def draw_other_spikes(motif_spikes: F32, parameters: SimulationParameters, rng: np.random.Generator) -> F32:
    """Spikes (N, T) float32 counts that belong to no motif: any cell, any time.

    With motifs there are as many as make up the share `spurious` of all spikes; without motifs every cell
    fires at `spontaneous_rate`.
    """
    n_cells, n_frames = motif_spikes.shape
    if parameters.n_motifs:
        number = round(parameters.spurious / (1 - parameters.spurious) * float(motif_spikes.sum()))
    else:
        number = int(rng.poisson(parameters.spontaneous_rate * n_cells * n_frames / parameters.frame_rate))
    places = rng.integers(0, n_cells * n_frames, number)
    counts = np.bincount(places, minlength=n_cells * n_frames)
    return counts.reshape(n_cells, n_frames).astype(np.float32)


def motif_traces(offsets: NDArray[np.int32], parameters: SimulationParameters) -> F32:
    """What each cell's trace does in each motif, (M, N, F) float32: one transient, cut to the motif."""
    kernel, peak = transient(parameters)
    index = np.arange(parameters.motif_length) - offsets[:, :, None] + peak
    inside = (index >= 0) & (index < len(kernel)) & (offsets[:, :, None] >= 0)
    return np.where(inside, kernel[np.clip(index, 0, len(kernel) - 1)], 0).astype(np.float32)
