"""How well found motifs agree with the true ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ...errors import InputError

F64 = NDArray[np.float64]

_PIXELS_AT_ONCE = 4096


class MotifPair(NamedTuple):
    """A found motif and the true one it was given to.

    Attributes
    ----------
    found, truth
        Indices of the motifs, from 0.
    cosine
        Their similarity.
    shift
        Frames by which the found motif is later within its window: found[f + shift] looks like truth[f].
    """

    found: int
    truth: int
    cosine: float
    shift: int


@dataclass(frozen=True)
class MotifMatch:
    """Agreement of found motifs with true ones.

    Attributes
    ----------
    similarity
        The paper's measure: each found motif's cosine with the true motif it resembles most, at the best
        shift in time, averaged over the found motifs. 0 if none was found. Copies of one motif score as well
        as different ones, and motifs that were not found do no harm: look at `recall` too.
    matched
        Mean cosine over the true motifs when each is given at most one found motif, and each found motif to
        at most one true one, so that the sum is as large as can be. True motifs without a partner count as 0.
    recall
        Share of true motifs whose partner has a cosine of `threshold` or more.
    pairs
        These partners, in the order of the true motifs.
    table
        (M, M') cosine of every found with every true motif at the best shift.
    threshold
        What counts as found.
    """

    similarity: float
    matched: float
    recall: float
    pairs: tuple[MotifPair, ...]
    table: F64 = field(repr=False)
    threshold: float = 0.7


def motif_similarity(found: Any, truth: Any, *, threshold: float = 0.7, time_axis: int = 1) -> MotifMatch:
    """Compare found motifs with true ones, whatever their order, length, strength and shift in time.

    After Kirschbaum et al., "LeMoNADe: Learned Motif and Neuronal Assembly Detection in calcium imaging
    videos", ICLR 2019: the cosine similarity, maximal over shifts in time. The one-to-one match is by the
    Hungarian method.

    Parameters
    ----------
    found
        (M, F, ...) such as (M, F, Y, X). M may be 0.
    truth
        (M', F', ...) with the same trailing axes; F' may differ from F: beyond its window, a motif is 0.
    threshold
        Cosine from which a true motif counts as found, in (0, 1].
    time_axis
        Axis of time in both: 1; 2 or -1 for the motifs of traces, (M, N, F).

    Returns
    -------
    MotifMatch
        `similarity`, `matched`, `recall` and what they come from. The cosine with a motif that is 0
        throughout is 0.

    Raises
    ------
    InputError
        If the shapes do not fit each other, a value is NaN or infinite, or there is no true motif.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.eye(6).reshape(2, 3, 6)
    >>> motif_similarity(truth[::-1], truth).recall
    1.0
    >>> motif_similarity(truth[[0, 0]], truth).recall
    0.5
    """
    if not 0 < threshold <= 1:
        raise InputError(f"The threshold must be above 0 and at most 1 (got {threshold})")
    a, b = _prepared(found, time_axis, "found"), _prepared(truth, time_axis, "true")
    if not len(b):
        raise InputError("There must be a true motif to compare with (got none)")
    if a.shape[2:] != b.shape[2:]:
        raise InputError(
            "Found and true motifs must have the same frame size or number of cells "
            f"(got shapes {np.shape(found)} and {np.shape(truth)})"
        )
    table, shifts = _cosines(a, b)
    rows, columns = linear_sum_assignment(-table)
    order = np.argsort(columns)
    pairs = tuple(
        MotifPair(int(i), int(j), float(table[i, j]), int(shifts[i, j]))
        for i, j in zip(rows[order], columns[order], strict=True)
    )
    return MotifMatch(
        similarity=float(table.max(axis=1).mean()) if len(a) else 0.0,
        matched=sum(pair.cosine for pair in pairs) / len(b),
        recall=sum(pair.cosine >= threshold for pair in pairs) / len(b),
        pairs=pairs,
        table=table,
        threshold=threshold,
    )


def _prepared(motifs: Any, time_axis: int, name: str) -> NDArray[Any]:
    """Motifs with time as axis 1: (M, F, ...)."""
    array = np.asarray(motifs)
    if array.ndim < 3 or time_axis not in range(-array.ndim, array.ndim) or time_axis % array.ndim == 0:
        raise InputError(
            f"The {name} motifs must have the axes motif, time and space or cells, with time as axis 1 or as "
            f"`time_axis` (got shape {array.shape}, time_axis {time_axis})"
        )
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        raise InputError(f"The {name} motifs must be real numbers (got {array.dtype})")
    if array.shape[0] and not array[0].size:
        raise InputError(f"The {name} motifs are empty (got shape {array.shape})")
    if not np.isfinite(array).all():
        raise InputError(f"The {name} motifs must hold no NaN and no infinite value (got some)")
    return np.moveaxis(array, time_axis, 1)


def _cosines(a: NDArray[Any], b: NDArray[Any]) -> tuple[F64, NDArray[np.int64]]:
    """Cosine (M, M') at the best shift, and that shift."""
    # Every frame of the one with every frame of the other: one product of matrices serves all shifts.
    gram = _products(a, b)  # (M, F, M', F')
    squares = np.sqrt(np.outer(_energies(a), _energies(b)))
    best = np.full((len(a), len(b)), -np.inf)
    shifts = np.zeros(best.shape, np.int64)
    for shift in sorted(range(1 - b.shape[1], a.shape[1]), key=abs):  # of equals, the smallest shift
        summed = np.diagonal(gram, -shift, axis1=1, axis2=3).sum(axis=-1)  # found[f + shift] · truth[f]
        better = summed > best
        best[better] = summed[better]
        shifts[better] = shift
    cosines = np.divide(best, squares, out=np.zeros_like(best), where=squares > 0)
    shifts[squares == 0] = 0
    return np.clip(cosines, -1, 1), shifts


def _products(a: NDArray[Any], b: NDArray[Any]) -> F64:
    flat_a, flat_b = (m.reshape(m.shape[0] * m.shape[1], int(np.prod(m.shape[2:]))) for m in (a, b))
    gram = np.zeros((len(flat_a), len(flat_b)))
    for start in range(0, flat_a.shape[1], _PIXELS_AT_ONCE):  # so that little is held in double precision
        part = slice(start, start + _PIXELS_AT_ONCE)
        gram += flat_a[:, part].astype(float) @ flat_b[:, part].astype(float).T
    return gram.reshape(*a.shape[:2], *b.shape[:2])


def _energies(motifs: NDArray[Any]) -> F64:
    flat = motifs.reshape(len(motifs), int(np.prod(motifs.shape[1:])))
    return np.array([np.sum(motif.astype(float) ** 2) for motif in flat])
