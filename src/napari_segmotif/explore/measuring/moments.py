"""Moments of shapes: raw, central and normalised ones, Hu's invariants, and the inertia tensor.

Central moments are summed about the centroid itself, a run of pixels at a time, from terms that do not
cancel: objects far from the corner of their box, or nearly round, lose no digits.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken
from .object_scan import F64, I32, I64, ObjectScan
from .threads import spread


def central_moments(scan: ObjectScan, order: int, cancel: CancelToken | None = None) -> F64:
    """Central moments of all objects in pixels.

    Returns
    -------
    ndarray (n, order + 1, order + 1), or with three such axes for volumes
        `[k, p, q]` is the sum of (y - ȳ)^p (x - x̄)^q over the pixels of object k.
    """
    depth = 1 if scan.dimensions == 2 else order + 1
    moments = np.zeros((scan.n, depth, order + 1, order + 1))
    runs, centre = scan.runs, scan.local_centroid

    def work(begin: int, end: int) -> None:
        _central(
            runs.start,
            runs.row,
            runs.first,
            runs.stop,
            scan.rows_per_plane,
            scan.box,
            centre,
            begin,
            end,
            moments,
        )

    spread(work, scan.batches(), cancel)
    return moments[:, 0] if scan.dimensions == 2 else moments


def shifted(moments: F64, shift: F64) -> F64:
    """The same moments about another point: `shift` (n, D) is added to every coordinate."""
    size = moments.shape[-1]
    for axis in range(shift.shape[1]):
        # (n, size, size): (x + s)^p = Σ_i binomial(p, i) s^(p - i) x^i
        table = np.zeros((len(shift), size, size))
        for p in range(size):
            for i in range(p + 1):
                table[:, p, i] = _BINOMIAL[p][i] * shift[:, axis] ** (p - i)
        moving = np.moveaxis(moments, axis + 1, 1)
        flat = moving.reshape(len(shift), size, -1)
        moments = np.moveaxis((table @ flat).reshape(moving.shape), 1, axis + 1)
    return moments


_BINOMIAL = ((1,), (1, 1), (1, 2, 1), (1, 3, 3, 1))


def physical(moments: F64, spacing: F64) -> F64:
    """Moments in physical units of length, from those in pixels."""
    for axis, step in enumerate(spacing):
        powers = step ** np.arange(moments.shape[axis + 1])
        moments = moments * powers.reshape([-1 if a == axis + 1 else 1 for a in range(moments.ndim)])
    return moments


def normalised_moments(central: F64, spacing: F64) -> F64:
    """Moments that do not change with size, (n, 4, …); NaN below order two, as in regionprops."""
    dimensions = central.ndim - 1
    order = np.indices(central.shape[1:]).sum(0)
    mass = central.reshape(len(central), -1)[:, 0].reshape(-1, *(1,) * dimensions)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = (central / min(spacing) ** order) / mass ** (order / dimensions + 1)
    scaled[:, order < 2] = np.nan
    return np.asarray(scaled)


def hu_moments(normalised: F64) -> F64:
    """Hu's seven invariants of a plane shape, (n, 7), from its normalised moments (n, 4, 4).

    References
    ----------
    Hu, Visual pattern recognition by moment invariants, IRE Trans. Inform. Theory 8, 1962.
    """
    n20, n02, n11 = normalised[:, 2, 0], normalised[:, 0, 2], normalised[:, 1, 1]
    n30, n03, n12, n21 = (normalised[:, p, q] for p, q in ((3, 0), (0, 3), (1, 2), (2, 1)))
    a, b = n30 + n12, n21 + n03
    c, d = n30 - 3 * n12, 3 * n21 - n03
    return np.stack(
        [
            n20 + n02,
            (n20 - n02) ** 2 + 4 * n11**2,
            c**2 + d**2,
            a**2 + b**2,
            c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2),
            (n20 - n02) * (a**2 - b**2) + 4 * n11 * a * b,
            d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2),
        ],
        axis=1,
    )


def inertia_tensors(central: F64) -> F64:
    """Inertia tensor of each object about its centroid, per unit of mass, (n, D, D)."""
    dimensions = central.ndim - 1
    eye = np.eye(dimensions, dtype=int)
    mass = central.reshape(len(central), -1)[:, 0]
    spread_along = np.stack([central[(slice(None), *(2 * eye[a]))] for a in range(dimensions)], axis=1)
    tensors = np.zeros((len(central), dimensions, dimensions))
    for a in range(dimensions):
        tensors[:, a, a] = (spread_along.sum(1) - spread_along[:, a]) / mass
    for a, b in combinations(range(dimensions), 2):
        tensors[:, a, b] = tensors[:, b, a] = -central[(slice(None), *(eye[a] + eye[b]))] / mass
    return tensors


def principal_inertia(tensors: F64) -> F64:
    """Eigenvalues of inertia tensors, (n, D), falling; never below zero."""
    if tensors.shape[1] == 3:
        values = np.linalg.eigvalsh(tensors)[:, ::-1]
    else:
        a, b, c = tensors[:, 0, 0], tensors[:, 0, 1], tensors[:, 1, 1]
        middle, half = (a + c) / 2, np.hypot((a - c) / 2, b)
        values = np.stack([middle + half, middle - half], axis=1)
    return np.clip(values, 0, None)


@njit(nogil=True, cache=True)
def _central(
    start: I64,
    row: I64,
    first: I32,
    stop: I32,
    n_rows: int,
    box: I64,
    centre: F64,
    begin: int,
    end: int,
    moments: NDArray[np.float64],
) -> None:
    depth, size = moments.shape[1], moments.shape[3]
    along = np.zeros(4)
    for k in range(begin, end):
        mine = moments[k]
        for i in range(start[k], start[k + 1]):
            dz = row[i] // n_rows - box[k, 0, 0] - centre[k, 0]
            dy = row[i] % n_rows - box[k, 0, 1] - centre[k, 1]
            n = np.float64(stop[i] - first[i])
            dx = 0.5 * (first[i] + stop[i] - 1 - 2 * box[k, 0, 2]) - centre[k, 2]
            # Sums over the run of powers of x: n equidistant points about dx.
            spread = n * (n * n - 1) / 12
            along[0] = n
            along[1] = n * dx
            along[2] = n * dx * dx + spread
            along[3] = dx * (n * dx * dx + 3 * spread)
            across = 1.0
            for r in range(depth):
                factor = across
                for p in range(size):
                    for q in range(size):
                        mine[r, p, q] += factor * along[q]
                    factor *= dy
                across *= dz
