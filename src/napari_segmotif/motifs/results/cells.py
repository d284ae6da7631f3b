"""Which cells take part in a motif, and in which order they fire.

A motif is a short film. Averaged over the pixels of a cell it is a short trace: flat for a cell that does not
take part, one transient (or several) for one that does. Where labelled cells touch, light of a bright one
falls onto its neighbours; pixels in the middle of a cell therefore count more than those at its rim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse

from ...errors import InputError

F32 = NDArray[np.float32]

_PLACEBO_SHIFTS = 12  # copies of the cells, moved to where no cell is
_SPREADS = 5.0  # robust standard deviations by which a member's peak stands above the others' median
_CLEAR = 0.5  # of the strongest cell's peak: such a peak needs no comparison with those of other cells
_FEWEST = 8  # peaks whose spread can be told
_RIM = 2  # pixels around cells that their light still reaches
_MAD = 1.4826  # from the median absolute deviation to the standard deviation of a Gaussian


@dataclass(frozen=True)
class MotifCells:
    """The cells of one motif, in the order in which they fire.

    Attributes
    ----------
    motif
        Index of the motif, from 0.
    labels
        (n,) labels of the cells that belong to it, the first to fire first.
    onset_frames
        (n,) frame of the motif in which each cell's trace passes half of its peak: when it fires.
    peak_frames
        (n,) frame of the motif in which it is brightest.
    weights
        (n,) float32 peak of each cell, 1 for the strongest cell of the motif.
    traces
        (n, F) float32 mean of the motif over each cell, in units of the motif.
    """

    motif: int
    labels: NDArray[np.int64]
    onset_frames: NDArray[np.int64]
    peak_frames: NDArray[np.int64]
    weights: F32
    traces: F32


def order_cells(
    motifs: ArrayLike, cells: ArrayLike, *, minimum_weight: float = 0.2
) -> tuple[MotifCells, ...]:
    """Find the cells that take part in each motif, and the order in which they fire.

    A cell belongs to a motif if the peak of its trace

    - is at least `minimum_weight` of the peak of the motif's strongest cell,
    - stands out of the motif's own noise: it is more than 5 robust standard deviations above the median peak
      of placebo cells, which are the same outlines moved to where there is no cell (noise that is correlated
      in space or time raises these peaks just as it raises those of real cells), and
    - stands out of the other cells in the same way, unless it is at least half as high as the strongest. In a
      motif that was learnt from few occurrences, cells that fire by chance leave a trace of their own.

    It fires where its trace first passes half of its peak on the way to that peak.

    Parameters
    ----------
    motifs
        (M, F, Y, X) motifs.
    cells
        (Y, X) integer labels of the cells, 0 where there is none. Labels may have gaps.
    minimum_weight
        Smallest peak of a member, as a share of the strongest cell's, in [0, 1].

    Returns
    -------
    tuple of MotifCells
        One per motif, in the motifs' order; a motif may have no cells.

    Raises
    ------
    InputError
        If shapes do not fit, labels are not whole numbers or negative, there is no cell, or `minimum_weight`
        is not in [0, 1].
    """
    films = _checked_motifs(motifs)
    labels = _checked_cells(cells, films.shape[2:])
    if not 0 <= minimum_weight <= 1:
        raise InputError(f"minimum_weight must be from 0 to 1 (got {minimum_weight!r})")
    names, inverse = np.unique(labels, return_inverse=True)
    inverse = inverse.reshape(labels.shape)
    if names[0] != 0:
        inverse = inverse + 1
        names = np.concatenate([[0], names])
    if len(names) == 1:
        raise InputError("the labels hold no cell: paint or segment cells first (got only 0)")
    real = _averaging(inverse, len(names) - 1)
    placebo = _placebo(inverse)
    outside = inverse.ravel() == 0
    found = []
    for m, film in enumerate(films):
        flat = np.nan_to_num(film.reshape(len(film), -1))  # (F, Y·X)
        # What the whole field does is no cell's doing.
        if outside.sum() >= 16:
            flat = flat - np.median(flat[:, outside], axis=1, keepdims=True)
        traces = np.asarray(real @ flat.T, np.float32)  # (N, F)
        null = np.asarray(placebo @ flat.T, np.float32).max(axis=1) if placebo.shape[0] else np.zeros(0)
        found.append(_members(m, names[1:], traces, null, minimum_weight))
    return tuple(found)


def cells_by_motif(orders: Sequence[MotifCells], cells: ArrayLike) -> NDArray[np.int32]:
    """Colour cells by the motif they take part in.

    Parameters
    ----------
    orders
        What `order_cells` returned.
    cells
        (Y, X) integer labels, 0 where there is no cell.

    Returns
    -------
    ndarray
        (Y, X) int32: the number of a motif, from 1, or 0 for cells of no motif and where there is no cell.
        A cell of several motifs gets the one in which its weight is largest.

    Raises
    ------
    InputError
        If the labels are not whole numbers.
    """
    labels = _checked_cells(cells, None)
    names, inverse = np.unique(labels, return_inverse=True)
    best = np.zeros(len(names), np.float32)
    motif_of = np.zeros(len(names), np.int32)
    for order in orders:
        places = np.searchsorted(names, order.labels)
        known = places < len(names)
        known[known] = names[places[known]] == order.labels[known]
        places, weights = places[known], np.asarray(order.weights)[known]
        better = weights > best[places]
        best[places[better]] = weights[better]
        motif_of[places[better]] = order.motif + 1
    result: NDArray[np.int32] = motif_of[inverse.reshape(labels.shape)]
    return result


def _checked_motifs(motifs: ArrayLike) -> F32:
    films = np.asarray(motifs, dtype=np.float32)
    if films.ndim != 4:
        raise InputError(f"motifs must have axes (motif, frame, y, x) (got shape {films.shape})")
    if films.shape[1] == 0:
        raise InputError(f"motifs must have frames (got shape {films.shape})")
    return films


def _checked_cells(cells: ArrayLike, shape: tuple[int, ...] | None) -> NDArray[Any]:
    labels = np.asarray(cells)
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"cells must be labels, whole numbers with one number per cell (got {labels.dtype})")
    if shape is not None and labels.shape != tuple(shape):
        raise InputError(
            f"cells must be labels of one frame of the video, of shape {tuple(shape)} (got {labels.shape})"
        )
    if labels.size and labels.min() < 0:
        raise InputError(f"labels of cells must be positive, and 0 where there is none (got {labels.min()})")
    return labels


def _averaging(inverse: NDArray[np.intp], n: int) -> sparse.csr_matrix:
    """(n, Y·X) weights that average over each cell 1..n; the middle of a cell counts more than its rim."""
    flat = inverse.ravel()
    where = np.nonzero(flat)[0]
    depth = _depth(inverse).ravel()[where]
    total = np.bincount(flat[where] - 1, weights=depth, minlength=n)
    values = (depth / total[flat[where] - 1]).astype(np.float32)
    return sparse.csr_matrix((values, (flat[where] - 1, where)), shape=(n, flat.size))


def _depth(inverse: NDArray[np.intp]) -> NDArray[np.float64]:
    """Distance of each pixel to the rim of its cell; cells that touch have a rim between them."""
    padded = np.pad(inverse, 1)
    inside = padded != 0
    for axis in (0, 1):
        edge = np.diff(padded, axis=axis) != 0
        before, after = [slice(None)] * 2, [slice(None)] * 2
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        inside[tuple(before)] &= ~edge
        inside[tuple(after)] &= ~edge
    depth: NDArray[np.float64] = ndimage.distance_transform_edt(inside)[1:-1, 1:-1] + 0.5
    return depth


def _placebo(inverse: NDArray[np.intp]) -> sparse.csr_matrix:
    """Weights of placebo cells: the same outlines, shifted, as far as they fall where no cell is."""
    free = ~ndimage.binary_dilation(inverse != 0, iterations=_RIM)
    n = int(inverse.max())
    area = np.bincount(inverse.ravel(), minlength=n + 1)[1:]
    random = np.random.default_rng(0)
    blocks = []
    for _ in range(_PLACEBO_SHIFTS):
        shift = tuple(int(random.integers(0, size)) for size in inverse.shape)
        moved = np.where(free, np.roll(inverse, shift, (0, 1)), 0)
        left = np.bincount(moved.ravel(), minlength=n + 1)[1:]
        kept = np.nonzero((left >= 0.6 * area) & (left > 0))[0]
        if len(kept):
            blocks.append(_averaging(moved, n)[kept] if len(kept) == n else _some(moved, kept))
    return sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((0, inverse.size))


def _some(moved: NDArray[np.intp], kept: NDArray[np.intp]) -> sparse.csr_matrix:
    lut = np.zeros(int(moved.max()) + 1, np.intp)
    lut[kept + 1] = np.arange(1, len(kept) + 1)
    return _averaging(lut[moved], len(kept))


def _members(
    motif: int, names: NDArray[Any], traces: F32, null: NDArray[Any], minimum_weight: float
) -> MotifCells:
    peaks = traces.max(axis=1)
    strongest = max(float(peaks.max()), 0.0)
    others = peaks[peaks < _CLEAR * strongest]
    threshold = max(
        minimum_weight * strongest, _standing_out(null), min(_standing_out(others), _CLEAR * strongest)
    )
    members = np.nonzero((peaks >= threshold) & (peaks > 0))[0]
    onsets = np.array([_onset(traces[i]) for i in members])
    peak_frames = traces[members].argmax(axis=1)
    order = np.lexsort((names[members], peak_frames, onsets))
    members, onsets, peak_frames = members[order], onsets[order], peak_frames[order]
    weights = peaks[members] / strongest if len(members) else np.zeros(0)
    return MotifCells(
        motif=motif,
        labels=names[members].astype(np.int64),
        onset_frames=np.ceil(onsets).astype(np.int64),
        peak_frames=peak_frames.astype(np.int64),
        weights=weights.astype(np.float32),
        traces=traces[members],
    )


def _standing_out(peaks: NDArray[Any]) -> float:
    """The least peak that stands out of these."""
    if len(peaks) < _FEWEST:
        return 0.0
    middle = float(np.median(peaks))
    return middle + _SPREADS * _MAD * float(np.median(np.abs(peaks - middle)))


def _onset(trace: F32) -> float:
    """Where a trace passes half of its peak on the way to it, between frames."""
    top = int(trace.argmax())
    half = 0.5 * float(trace[top])
    below = np.nonzero(trace[:top] < half)[0]
    if not len(below):
        return 0.0
    last = int(below[-1])
    low, high = float(trace[last]), float(trace[last + 1])
    return last + (half - low) / (high - low)
