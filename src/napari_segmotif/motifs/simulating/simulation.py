"""Simulated calcium-imaging videos with everything known about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import sparse
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from ...errors import InputError
from .simulated_cells import default_number, default_radius, label_cells, place_cells
from .simulated_spikes import (
    draw_activations,
    draw_assemblies,
    draw_motif_spikes,
    draw_other_spikes,
    fluorescence,
    motif_traces,
)
from .simulation_parameters import SimulationParameters

F32 = NDArray[np.float32]

COUNTS = 200.0
"""Camera counts for the peak of a transient, in a uint16 video."""

_BLOCK_VALUES = 2**22  # of a video, rendered at once
_JUMP_RATE = 0.1  # jumps of the frame per second
_N_BACKGROUNDS = 6


@dataclass(frozen=True)
class SimulatedVideo:
    """A simulated video and its ground truth.

    The noise-free video is `bleaching[t] · (baseline + traces[:, t] · footprints + neuropil)`, displaced by
    `shifts[t]`. Whatever has the unit of brightness (motifs, traces, baseline, noise) is in the video's
    units: 1, or 200 counts in a uint16 video, is the peak of a transient.

    Attributes
    ----------
    video
        (T, Y, X) float32 or uint16.
    motifs
        (M, F, Y, X) float32 without noise: a motif in which all of its cells fire on time, before any
        bleaching. The tails of the last transients are cut off at the end of the motif.
    activations
        (M, T) float32, 1 in the frames in which a motif begins: that of motifs[:, 0]. 0 elsewhere.
    spikes
        (N, T) float32 counts. A transient peaks in the frame of its spike.
    motif_spikes
        (N, T) float32 counts: those spikes that belong to motifs.
    cells
        (Y, X) int32 labels 1 to N; where cells overlap, the brighter one's.
    footprints
        (N, Y, X) float32, peak 1.
    members
        (M, N) bool: which cells a motif has.
    offsets
        (M, N) int32: the frame of the motif in which a cell fires; -1 where it is no member.
    traces
        (N, T) float32: fluorescence of each cell over its baseline, without noise and bleaching.
    baseline
        (Y, X) float32: brightness F0 at rest.
    shifts
        (T, 2) float32: displacement in pixels, (y, x); what lies at p in `cells` is at p + shift in the
        video.
    bleaching
        (T,) float32: brightness relative to the first frame.
    frame_rate
        Frames per second.
    noise
        Standard deviation of the white noise, in the video's units.
    parameters
        What the video was made with.
    """

    video: NDArray[Any] = field(repr=False)
    motifs: F32 = field(repr=False)
    activations: F32 = field(repr=False)
    spikes: F32 = field(repr=False)
    motif_spikes: F32 = field(repr=False)
    cells: NDArray[np.int32] = field(repr=False)
    footprints: F32 = field(repr=False)
    members: NDArray[np.bool_] = field(repr=False)
    offsets: NDArray[np.int32] = field(repr=False)
    traces: F32 = field(repr=False)
    baseline: F32 = field(repr=False)
    shifts: F32 = field(repr=False)
    bleaching: F32 = field(repr=False)
    frame_rate: float
    noise: float
    parameters: SimulationParameters


def simulate_video(
    shape: tuple[int, int] = (128, 128),
    n_frames: int = 1800,
    n_motifs: int = 3,
    motif_length: int = 30,
    *,
    n_cells: int | None = None,
    cell_radius: float | None = None,
    cells_per_motif: int | None = None,
    frame_rate: float = 30.0,
    activation_rate: float = 0.15,
    spontaneous_rate: float = 0.3,
    spurious: float = 0.0,
    participation: float = 1.0,
    jitter: float = 0.0,
    rise_time: float = 0.05,
    decay_time: float = 0.4,
    noise: float = 0.6,
    neuropil: float = 0.0,
    bleaching: float = 0.0,
    motion: float = 0.0,
    baseline: float = 3.0,
    resting: float = 0.5,
    dtype: Literal["float32", "uint16"] = "float32",
    random_state: int = 0,
    out: Any = None,
) -> SimulatedVideo:
    """Simulate a calcium-imaging video in which assemblies of cells fire in repeating patterns.

    After Kirschbaum et al., "LeMoNADe: Learned Motif and Neuronal Assembly Detection in calcium imaging
    videos", ICLR 2019. Every part is drawn from a random stream of its own: with the same seed, a video with
    `noise=0` is the noise-free version of the one with noise, and so on for the other options.

    Parameters
    ----------
    shape
        (Y, X) in pixels.
    n_frames
        T.
    n_motifs
        M, the number of assemblies; cells may be in more than one. 0: no motif, cells fire at random.
    motif_length
        F, the frames that a motif takes at most; also the least time from one start of a motif to the next.
    n_cells, cell_radius
        N, and the mean radius in pixels; None: what suits the frame, for 128 × 128 50 cells of radius 4 to 6.
    cells_per_motif
        None: 6 to 12 at random. Never more than there are cells.
    frame_rate
        Frames per second.
    activation_rate
        Starts of each motif per second.
    spontaneous_rate
        Spikes per second and cell where `n_motifs` is 0.
    spurious
        Share of all spikes that belong to no motif. They are spread over all cells and all frames.
    participation
        Probability with which a cell of a motif fires when the motif is played.
    jitter
        Standard deviation of the spikes' times within a motif, in frames.
    rise_time, decay_time
        Time constants of a transient before and after its peak, in seconds.
    noise
        Standard deviation of each pixel's white noise; like all amplitudes, relative to the peak of a
        transient.
    neuropil
        Standard deviation of a smooth background that comes and goes slowly.
    bleaching
        Share of the brightness that is lost by the last frame, exponentially.
    motion
        Largest displacement along either axis in pixels: slow drift and a few jumps.
    baseline, resting
        Brightness F0 between the cells, and the share of it by which cells at rest are brighter.
    dtype
        "float32", or "uint16": camera counts, 200 for the peak of a transient, rounded and clipped at 0. A
        baseline of five times the noise or more keeps clear of that.
    random_state
        Seed.
    out
        Array (T, Y, X) of type `dtype` to write the video into, such as a memory map or a zarr or HDF5 array,
        block by block; None: a new array.

    Returns
    -------
    SimulatedVideo
        The video with its ground truth.

    Raises
    ------
    InputError
        If a parameter is out of its bounds, or the cells do not fit into the frame.
    """
    values = {name: value for name, value in locals().items() if name != "out"}
    try:
        parameters = SimulationParameters(**values)
    except ValidationError as error:
        raise InputError.from_validation(error) from error
    return simulate(parameters, out)


def simulate(parameters: SimulationParameters, out: Any = None) -> SimulatedVideo:
    """`simulate_video` for parameters that are checked already."""
    p = parameters
    target = _target(p, out)
    streams = np.random.default_rng(p.random_state).spawn(8)
    radius = p.cell_radius or default_radius(p.shape)
    n_cells = p.n_cells or default_number(p.shape, radius)
    footprints = place_cells(p.shape, n_cells, radius, streams[0])
    offsets = draw_assemblies(n_cells, p, streams[1])
    activations = draw_activations(p, streams[2])
    motif_spikes = draw_motif_spikes(offsets, activations, p, streams[3])
    spikes = motif_spikes + draw_other_spikes(motif_spikes, p, streams[4])
    scale = COUNTS if p.dtype == "uint16" else 1.0
    traces = fluorescence(spikes, p)
    flat = footprints.reshape(n_cells, -1)
    courses = np.float32(scale) * motif_traces(offsets, p).transpose(0, 2, 1)  # (M, F, N)
    motifs: F32 = np.matmul(courses, flat, dtype=np.float32)
    rest = p.baseline * (1 + p.resting * np.minimum(footprints.sum(axis=0), 1))
    remaining = (1 - p.bleaching) ** (np.arange(p.n_frames) / max(p.n_frames - 1, 1))
    result = SimulatedVideo(
        video=target,
        motifs=motifs.reshape(p.n_motifs, p.motif_length, *p.shape),
        activations=activations,
        spikes=spikes,
        motif_spikes=motif_spikes,
        cells=label_cells(footprints),
        footprints=footprints,
        members=offsets >= 0,
        offsets=offsets,
        traces=traces * np.float32(scale),
        baseline=(scale * rest).astype(np.float32),
        shifts=_motion(p, streams[5]),
        bleaching=remaining.astype(np.float32),
        frame_rate=p.frame_rate,
        noise=scale * p.noise,
        parameters=p,
    )
    _render(result, *_neuropil(p, scale, streams[6]), streams[7])
    return result


def _target(parameters: SimulationParameters, out: Any) -> Any:
    wanted = (parameters.n_frames, *parameters.shape)
    if out is None:
        return np.empty(wanted, parameters.dtype)
    if tuple(out.shape) != wanted or np.dtype(out.dtype) != parameters.dtype:
        raise InputError(
            f"`out` must have shape {wanted} and type {parameters.dtype} "
            f"(got {tuple(out.shape)} and {out.dtype})"
        )
    return out


def _render(truth: SimulatedVideo, maps: F32, courses: F32, rng: np.random.Generator) -> None:
    """Write the frames into `truth.video`, some at a time."""
    n_frames, shape = len(truth.bleaching), truth.baseline.shape
    pixels = sparse.csr_matrix(truth.footprints.reshape(len(truth.footprints), -1).T)  # (Y·X, N)
    rest = truth.baseline.ravel()
    n_at_once = max(1, _BLOCK_VALUES // rest.size)
    for start in range(0, n_frames, n_at_once):
        part = slice(start, min(start + n_at_once, n_frames))
        frames = rest + np.asarray(pixels @ truth.traces[:, part]).T
        if len(maps):
            frames += courses[part] @ maps
        frames *= truth.bleaching[part, None]
        frames = frames.reshape(-1, *shape)
        for frame, shift in zip(frames, truth.shifts[part], strict=True):
            if shift.any():
                frame[:] = displaced(frame, shift)
        if truth.noise:
            frames += np.float32(truth.noise) * rng.standard_normal(frames.shape, np.float32)
        if truth.parameters.dtype == "uint16":
            frames = np.clip(np.rint(frames), 0, 65_535).astype(np.uint16)
        truth.video[part] = frames


def _neuropil(parameters: SimulationParameters, scale: float, rng: np.random.Generator) -> tuple[F32, F32]:
    """Smooth maps (K, Y·X) and slow courses (T, K) whose product has the standard deviation `neuropil`."""
    y, x = parameters.shape
    if not parameters.neuropil:
        return np.zeros((0, y * x), np.float32), np.zeros((parameters.n_frames, 0), np.float32)
    width = max(y, x) / 8
    maps = gaussian_filter(rng.standard_normal((_N_BACKGROUNDS, y, x)), (0, width, width), mode="reflect")
    courses = gaussian_filter1d(
        rng.standard_normal((parameters.n_frames, _N_BACKGROUNDS)),
        parameters.frame_rate,
        axis=0,
        mode="reflect",
    )
    courses -= courses.mean(axis=0)
    flat = maps.reshape(_N_BACKGROUNDS, -1)
    variance = np.sum(flat * ((courses.T @ courses / len(courses)) @ flat)) / (y * x)
    factor = parameters.neuropil * scale / np.sqrt(max(variance, 1e-30))
    return (factor * flat).astype(np.float32), courses.astype(np.float32)


def _motion(parameters: SimulationParameters, rng: np.random.Generator) -> F32:
    """Displacements (T, 2): a drift over seconds and a few jumps; 0 on average, `motion` at most."""
    n_frames, rate = parameters.n_frames, parameters.frame_rate
    drift = gaussian_filter1d(rng.standard_normal((n_frames, 2)), 3 * rate, axis=0, mode="reflect")
    jumps = rng.random((n_frames, 1)) < _JUMP_RATE / rate
    places = np.cumsum(jumps * rng.standard_normal((n_frames, 2)), axis=0)
    path = drift / max(float(drift.std()), 1e-12) + 0.5 * places
    path -= path.mean(axis=0)
    path *= parameters.motion / max(float(np.abs(path).max()), 1e-12)
    shifts: F32 = path.astype(np.float32)
    return shifts


def displaced(frame: F32, shift: NDArray[Any]) -> F32:
    """Move a frame (Y, X) by a fraction of pixels (y, x), with Keys's cubic; its edges are drawn out."""
    for axis, by in enumerate(shift):
        whole = int(np.floor(by))
        t = float(by) - whole
        # What arrives at p comes from p − by, between p − whole − 1 and p − whole.
        weights = (
            (-0.5 * t + t**2 - 0.5 * t**3, 1),
            (1 - 2.5 * t**2 + 1.5 * t**3, 0),
            (0.5 * t + 2 * t**2 - 1.5 * t**3, -1),
            (-0.5 * t**2 + 0.5 * t**3, -2),
        )
        n = frame.shape[axis]
        at = np.arange(n) - whole
        taps = [np.float32(w) * frame.take(np.clip(at + step, 0, n - 1), axis=axis) for w, step in weights]
        frame = taps[0] + taps[1] + taps[2] + taps[3]
    return frame
