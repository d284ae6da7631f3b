"""Reconstruction and residual as lazy arrays: frames are computed when they are looked at. No Qt in here."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...motifs.lemonade import LeMoNADe

_BLOCK_BYTES = 2 * 2**20  # one look at a frame computes one block: small enough not to be felt


def reconstruction(model: LeMoNADe) -> Any:
    """Return what the model explains of the video: a dask array (T, Y, X), float32."""
    import dask.array as da

    step = _frames_in_block(model)
    starts = range(0, model.n_frames_, step)
    stops = [min(start + step, model.n_frames_) for start in starts]
    # A graph of our own: dask would hash the model, with all of its arrays, to name the blocks.
    name = f"reconstruction-{uuid.uuid4().hex}"
    graph = {
        (name, i, 0, 0): (model.reconstruct, start, stop)
        for i, (start, stop) in enumerate(zip(starts, stops, strict=True))
    }
    lengths = tuple(stop - start for start, stop in zip(starts, stops, strict=True))
    return da.Array(graph, name, (lengths, *((size,) for size in model.frame_shape_)), dtype=np.float32)


def residual(model: LeMoNADe, video: Any) -> Any:
    """Return what the model leaves unexplained: a dask array (T, Y, X), float32.

    Parameters
    ----------
    model
        The fitted model.
    video
        The video (T, Y, X) that it was fitted on: NumPy, dask, zarr or HDF5.
    """
    import dask.array as da

    explained = reconstruction(model)
    if isinstance(video, da.Array):
        measured = video.rechunk(explained.chunks)
    else:
        measured = da.from_array(video, chunks=explained.chunks, name=False)
    return measured.astype(np.float32) - explained


def _frames_in_block(model: LeMoNADe) -> int:
    frame_bytes = 4 * model.frame_shape_[0] * model.frame_shape_[1]
    return max(1, min(64, _BLOCK_BYTES // frame_bytes))
