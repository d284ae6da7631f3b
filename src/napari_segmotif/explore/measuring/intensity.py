"""Intensity of objects: mean, spread, range, quantiles, and moments weighted by it.

Each object is measured by itself from its own pixels, in double precision whatever the image holds. An object
with a NaN among its pixels has NaN for all of these, as in regionprops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken
from .object_scan import F64, I32, I64, ObjectScan
from .selection import quantiles
from .threads import spread

QUANTILES = {
    "intensity_q05": 0.05,
    "intensity_q25": 0.25,
    "intensity_q50": 0.5,
    "intensity_q75": 0.75,
    "intensity_q95": 0.95,
}
STATISTICS = (
    "intensity_mean",
    "intensity_std",
    "intensity_min",
    "intensity_max",
    "intensity_sum",
    "intensity_skewness",
    "intensity_kurtosis",
)
_KEPT = (np.uint8, np.uint16, np.float32, np.float64)
_PIXELS_AT_ONCE = 1 << 19


def intensity_columns(
    scan: ObjectScan, image: NDArray[Any], names: set[str], cancel: CancelToken | None = None
) -> dict[str, F64]:
    """Measure one channel of one frame.

    Parameters
    ----------
    scan
        The objects.
    image
        One channel, of the labels' shape.
    names
        What is wanted; quantiles cost the most.
    cancel
        Looked at between batches of objects.

    Returns
    -------
    dict of str to float64 (n,)
        `intensity_std` is that of the pixels themselves (no n - 1), `intensity_kurtosis` is 0 for a normal
        distribution; skewness and kurtosis are NaN where all pixels are equal.
    """
    rows = _rows(image)
    median = "intensity_median" in names
    wanted = sorted({QUANTILES[name] for name in names & QUANTILES.keys()} | ({0.5} if median else set()))
    shares = np.array(wanted, np.float64)
    measured, found = np.zeros((scan.n, len(STATISTICS))), np.zeros((scan.n, len(shares)))
    runs, pixels = scan.runs, scan.pixels
    higher = bool(names & {"intensity_skewness", "intensity_kurtosis"})

    def work(begin: int, end: int) -> None:
        _measure(
            rows,
            runs.start,
            runs.row,
            runs.first,
            runs.stop,
            pixels,
            shares,
            higher,
            begin,
            end,
            measured,
            found,
        )

    spread(work, runs.batches(_PIXELS_AT_ONCE), cancel)
    columns = dict(zip(STATISTICS, measured.T, strict=True))
    columns |= {name: found[:, wanted.index(q)] for name, q in QUANTILES.items() if q in wanted}
    if median:
        columns["intensity_median"] = found[:, wanted.index(0.5)]
    return columns


def weighted_moments(
    scan: ObjectScan, image: NDArray[Any], order: int, cancel: CancelToken | None = None
) -> F64:
    """Moments of the intensity about the middle of each object's bounding box, in pixels.

    Returns
    -------
    ndarray (n, order + 1, order + 1), or with three such axes for volumes
    """
    rows = _rows(image)
    depth = 1 if scan.dimensions == 2 else order + 1
    moments = np.zeros((scan.n, depth, order + 1, order + 1))
    runs, n_rows = scan.runs, scan.rows_per_plane

    def work(begin: int, end: int) -> None:
        _weigh(rows, runs.start, runs.row, runs.first, runs.stop, n_rows, scan.box, begin, end, moments)

    spread(work, runs.batches(_PIXELS_AT_ONCE), cancel)
    return moments[:, 0] if scan.dimensions == 2 else moments


def _rows(image: NDArray[Any]) -> NDArray[Any]:
    """The image as rows of pixels, in one of the types that the kernels are compiled for."""
    if image.dtype.kind == "b":
        image = image.view(np.uint8)
    elif image.dtype == np.float16:
        image = image.astype(np.float32)
    elif image.dtype not in _KEPT:
        image = image.astype(np.float64)
    native = image.astype(image.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(native).reshape(-1, image.shape[-1])


@njit(nogil=True, cache=True)
def _measure(
    rows: NDArray[Any],
    start: I64,
    row: I64,
    first: I32,
    stop: I32,
    pixels: I64,
    shares: F64,
    higher: bool,
    begin: int,
    end: int,
    measured: F64,
    found: F64,
) -> None:
    most = np.int64(0)
    for k in range(begin, end):
        most = max(most, pixels[k])
    buffer = np.empty(most)
    for k in range(begin, end):
        values = buffer[: pixels[k]]
        n = 0
        total = 0.0
        for i in range(start[k], start[k + 1]):
            line = rows[row[i]]
            part = 0.0
            for x in range(first[i], stop[i]):
                value = np.float64(line[x])
                values[n] = value
                n += 1
                part += value
            total += part
        _statistics(values, total, higher, measured[k])
        if len(shares):
            if np.isnan(measured[k, 2]):
                found[k] = np.nan
            else:
                quantiles(values, shares, found[k])


@njit(nogil=True, cache=True)
def _statistics(values: F64, total: float, higher: bool, measured: F64) -> None:
    """Mean, standard deviation, minimum, maximum, sum, skewness, kurtosis."""
    n = len(values)
    mean = total / n
    low = high = values[0]
    second = third = fourth = 0.0
    holes = False
    for i in range(n):
        value = values[i]
        holes |= value != value
        low, high = min(low, value), max(high, value)
        second += (value - mean) ** 2
    if higher:
        for i in range(n):
            square = (values[i] - mean) ** 2
            third += square * (values[i] - mean)
            fourth += square * square
    if holes:
        measured[:] = np.nan
        return
    measured[0], measured[1], measured[2], measured[3], measured[4] = (
        mean,
        np.sqrt(second / n),
        low,
        high,
        total,
    )
    measured[5] = measured[6] = np.nan
    variance = second / n
    if low < high and variance > 0:
        measured[5] = third / n / (variance * np.sqrt(variance))
        measured[6] = fourth / n / (variance * variance) - 3


@njit(nogil=True, cache=True)
def _weigh(
    rows: NDArray[Any],
    start: I64,
    row: I64,
    first: I32,
    stop: I32,
    n_rows: int,
    box: I64,
    begin: int,
    end: int,
    moments: F64,
) -> None:
    depth, size = moments.shape[1], moments.shape[3]
    along = np.zeros(4)
    for k in range(begin, end):
        mine = moments[k]
        middle = 0.5 * (box[k, 0] + box[k, 1] - 1)
        for i in range(start[k], start[k + 1]):
            line = rows[row[i]]
            s0 = s1 = s2 = s3 = 0.0
            for x in range(first[i], stop[i]):
                value, dx = np.float64(line[x]), x - middle[2]
                s0 += value
                s1 += value * dx
                if size > 2:
                    s2 += value * dx * dx
                    s3 += value * dx * dx * dx
            along[0], along[1], along[2], along[3] = s0, s1, s2, s3
            dz, dy = row[i] // n_rows - middle[0], row[i] % n_rows - middle[1]
            across = 1.0
            for r in range(depth):
                factor = across
                for p in range(size):
                    for q in range(size):
                        mine[r, p, q] += factor * along[q]
                    factor *= dy
                across *= dz
