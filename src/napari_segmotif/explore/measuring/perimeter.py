"""Length of outlines: along the pixels of the border, and by counting crossings."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ...common.progress import CancelToken
from .crossings import boundary_size
from .object_scan import F64, I32, I64, ObjectScan
from .threads import spread

_DIAGONAL = math.sqrt(2)
_WEIGHTS = np.array([1.0, _DIAGONAL, (1 + _DIAGONAL) / 2])


def perimeters(scan: ObjectScan, spacing: F64, entries: I64, cancel: CancelToken | None = None) -> F64:
    """Length of each object's outline, (n,), in physical units.

    A border pixel counts 1 where the outline goes straight on, √2 where it goes diagonally, and their mean
    where it turns from one to the other, as in regionprops. Where pixels are not square this has no meaning,
    and the length is that of `perimeter_crofton`, which knows the directions.

    References
    ----------
    Benkrid & Crookes, Design and FPGA implementation of a perimeter estimator, 2000.
    """
    if spacing[0] != spacing[1]:
        return boundary_size(entries, spacing)
    counts = np.zeros((scan.n, len(_WEIGHTS)), np.int64)
    runs, image = scan.runs, scan.compact

    def work(begin: int, end: int) -> None:
        _count_steps(image, runs.start, runs.row, runs.first, runs.stop, begin, end, counts)

    spread(work, scan.batches(), cancel)
    return np.asarray((counts @ _WEIGHTS) * spacing[0])


@njit(nogil=True, cache=True)
def _on_border(image: I32, y: int, x: int, label: int) -> bool:
    """Whether the pixel is the object's and one of the four beside it is not."""
    height, width = image.shape
    if y < 0 or y >= height or x < 0 or x >= width or image[y, x] != label:
        return False
    if y == 0 or x == 0 or y == height - 1 or x == width - 1:
        return True
    return bool(
        image[y - 1, x] != label
        or image[y + 1, x] != label
        or image[y, x - 1] != label
        or image[y, x + 1] != label
    )


@njit(nogil=True, cache=True)
def _count_steps(
    image: I32, start: I64, row: I64, first: I32, stop: I32, begin: int, end: int, counts: I64
) -> None:
    """Count border pixels with straight, diagonal and mixed steps to the next border pixels, (n, 3)."""
    for k in range(begin, end):
        label = k + 1
        for i in range(start[k], start[k + 1]):
            y = row[i]
            outside = y == 0 or y == len(image) - 1
            for x in range(first[i], stop[i]):
                within = not outside and first[i] < x < stop[i] - 1
                if within and image[y - 1, x] == label and image[y + 1, x] == label:
                    continue
                beside = corners = 0
                for d in range(-1, 2, 2):
                    beside += _on_border(image, y + d, x, label)
                    beside += _on_border(image, y, x + d, label)
                    corners += _on_border(image, y + d, x - 1, label)
                    corners += _on_border(image, y + d, x + 1, label)
                if 2 <= beside <= 3 and corners <= 2:
                    counts[k, 0] += 1
                elif (beside == 0 and corners == 2) or (beside == 1 and corners == 3):
                    counts[k, 1] += 1
                elif beside == 1 and 1 <= corners <= 2:
                    counts[k, 2] += 1
