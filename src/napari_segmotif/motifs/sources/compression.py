"""A prepared video as a few traces: what the search and the network work on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.sparse import csr_matrix, vstack
from scipy.sparse.csgraph import connected_components

from ...common.progress import CancelToken, Job, Progress
from ..parameters import VideoParameters
from ..preparing.preprocessing import PreparedVideo
from ..results.findings import FitState
from .events import find_events, hits_of
from .footprint_fitting import distances
from .footprints import Footprints, find_footprints
from .traces import TraceReader
from .transients import Transient, find_spikes, fit_transient

F32 = NDArray[np.float32]

_SHARED = 0.05  # cosine of two footprints from which their noise and spikes may be one
_TOGETHER = 0.4  # correlation of neighbours from which they may be one cell
_NEAR = 2.2  # cell radii between the centres of neighbours


@dataclass(frozen=True)
class Compressed:
    """A video, or a recording of cells, as rows in which spikes are looked for.

    Attributes
    ----------
    traces
        (K, T) float32; noise of variance 1 in each row, if they are traces and no spikes.
    transient
        Shape of a transient.
    hits
        (K, T) float32, 1 where a row has a spike in a frame or beside it, else 0.
    groups
        (K,) rows that may be parts of one cell have the same number.
    """

    traces: F32
    transient: Transient
    hits: F32
    groups: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.traces)

    def as_spikes(self) -> F32:
        """Spikes as channels of about zero mean and unit variance, (K, T): rare ones count for more."""
        rates = self.hits.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.maximum(rates * (1 - rates), 1e-6))
        spread = np.maximum(spread, 0.5 * np.median(spread)) if len(spread) else spread
        result: F32 = ((self.hits - rates) / spread).astype(np.float32)
        return result


def compress_video(
    prepared: PreparedVideo, parameters: VideoParameters, frame_rate: float, token: CancelToken | None = None
) -> Job[tuple[Footprints, Compressed]]:
    """Find the components of a video and read their traces, as a job.

    The footprints are in full resolution, in units of the pixels' noise. `prepared.decimated` is used up: it
    is divided by the noise in place.
    """
    yield _progress(0.0, "looking for cells")
    footprints = _in_full(_found(prepared, parameters, token), prepared)
    n_frames = prepared.shape[0]
    reader = TraceReader(footprints, prepared.noise)
    traces = np.empty((len(footprints), n_frames), np.float32)
    if len(footprints):
        for start, frames in prepared.blocks():
            if token is not None:
                token.raise_if_cancelled()
            traces[:, start : start + len(frames)] = reader.read(frames)
            yield _progress(0.3 + 0.6 * (start + len(frames)) / n_frames, f"reading {len(footprints)} cells")
    yield _progress(0.9, "looking for spikes")
    traces /= reader.noise[:, None]
    return footprints, compress_traces(traces, frame_rate, _groups(footprints, traces))


def compress_traces(traces: F32, frame_rate: float, groups: NDArray[np.intp]) -> Compressed:
    """Find the spikes of traces (K, T) with noise of variance 1."""
    if not len(traces):
        return Compressed(traces, Transient(0.0, 1.0), traces, groups)
    transient = fit_transient(traces, frame_rate)
    noise = np.ones(len(traces), np.float32)
    events = find_events(find_spikes(traces, noise, transient), noise)
    return Compressed(traces, transient, hits_of(events), groups)


def compress_spikes(spikes: F32) -> Compressed:
    """Rows (N, T) of which every positive value is a spike."""
    kept = np.maximum(spikes, 0)
    return Compressed(kept, Transient(0.0, 0.25), hits_of(kept), np.arange(len(kept)))


def _progress(done: float, message: str) -> Progress:
    return Progress(done, 1.0, message, FitState("compress"))


def _found(prepared: PreparedVideo, parameters: VideoParameters, token: CancelToken | None) -> Footprints:
    bin_size = prepared.space_bin
    noise = prepared.noise
    if bin_size > 1:
        height, width = prepared.decimated.shape[1:]
        rows = np.minimum(np.arange(height) * bin_size, noise.shape[0] - 1)
        columns = np.minimum(np.arange(width) * bin_size, noise.shape[1] - 1)
        noise = (noise[np.ix_(rows, columns)] / bin_size).astype(np.float32)
    noise = (noise / np.sqrt(prepared.time_bin)).astype(np.float32)
    radius = None if parameters.cell_size is None else parameters.cell_size / 2 / bin_size
    return find_footprints(prepared.decimated, noise, radius=radius, token=token)


def _in_full(footprints: Footprints, prepared: PreparedVideo) -> Footprints:
    """Footprints of a video with fewer pixels, in the pixels of the whole one."""
    bin_size, shape = prepared.space_bin, prepared.shape[1:]
    if bin_size == 1:
        return footprints
    rows = []
    for k in range(len(footprints)):
        small = footprints.weights[k].toarray().reshape(footprints.shape)
        ys, xs = np.nonzero(small)
        y0, x0 = max(0, ys.min() - 1), max(0, xs.min() - 1)
        patch = small[y0 : ys.max() + 2, x0 : xs.max() + 2]
        large = np.maximum(zoom(patch, bin_size, order=1, grid_mode=True, mode="nearest"), 0)
        full = np.zeros(shape, np.float32)
        y, x = y0 * bin_size, x0 * bin_size
        large = large[: shape[0] - y, : shape[1] - x]
        full[y : y + large.shape[0], x : x + large.shape[1]] = large / np.linalg.norm(large)
        rows.append(csr_matrix(full.reshape(1, -1)))
    weights = vstack(rows, format="csr") if rows else csr_matrix((0, shape[0] * shape[1]), dtype=np.float32)
    return Footprints(weights, shape, footprints.radius * bin_size)


def _groups(footprints: Footprints, traces: F32) -> NDArray[np.intp]:
    """Components that may be parts of one cell: neighbours that share pixels, or mostly act together."""
    if not len(footprints):
        return np.zeros(0, np.intp)
    near = distances(footprints.weights, footprints.shape) < _NEAR * footprints.radius
    overlap = (footprints.weights @ footprints.weights.T).toarray() > _SHARED
    together = np.nan_to_num(np.corrcoef(traces)) > _TOGETHER if len(traces) > 1 else np.ones((1, 1), bool)
    return np.asarray(connected_components(near & (overlap | together), directed=False)[1], np.intp)
