"""Tiles of an image, and reading them with a halo that is mirrored at the image's borders.

There is one border rule in the whole project: the image is extended by mirroring it at its edge, the edge
pixel included (d c b a | a b c d | d c b a, SciPy's "reflect"), and everything is computed on the extended
image. A result therefore never depends on how the image was cut into tiles.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tile:
    """One piece of a grid: its number along each axis and the pixels that belong to it alone."""

    index: tuple[int, ...]
    inner: tuple[slice, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of pixels along each axis."""
        return tuple(part.stop - part.start for part in self.inner)


def tile_grid(shape: Sequence[int], tile_shape: Sequence[int]) -> list[Tile]:
    """Cut an array into tiles that cover it once; the last along each axis may be smaller."""
    return tiles_in_region(shape, tile_shape, tuple(slice(0, n) for n in shape))


def tiles_in_region(shape: Sequence[int], tile_shape: Sequence[int], region: Sequence[slice]) -> list[Tile]:
    """The tiles of the array's grid that touch a region. The grid is the same for every region."""
    along_axes = []
    for n, step, part in zip(shape, tile_shape, region, strict=True):
        start, stop, _ = part.indices(n)
        first, last = start // step, -(-stop // step)
        along_axes.append([(i, slice(i * step, min(n, (i + 1) * step))) for i in range(first, last)])
    return [
        Tile(tuple(i for i, _ in parts), tuple(part for _, part in parts))
        for parts in itertools.product(*along_axes)
    ]


def mirrored_indices(start: int, stop: int, n: int) -> NDArray[np.int64]:
    """Positions in an axis of n pixels that stand at start..stop of the axis extended by mirroring."""
    folded = np.arange(start, stop) % (2 * n)
    return np.where(folded < n, folded, 2 * n - 1 - folded)


def read_mirrored(
    read: Callable[[tuple[slice, ...]], NDArray[Any]],
    shape: Sequence[int],
    start: Sequence[int],
    stop: Sequence[int],
) -> NDArray[Any]:
    """Read a region that may reach beyond the array, whose outside is its mirror image.

    Parameters
    ----------
    read
        Reads a region inside the array; the last axes of what it returns are the spatial ones.
    shape
        Spatial shape of the array.
    start, stop
        The region along each spatial axis; may be negative or beyond the shape.

    Returns
    -------
    ndarray
        The region, `stop - start` long along its last axes.
    """
    wanted = [mirrored_indices(first, last, n) for first, last, n in zip(start, stop, shape, strict=True)]
    lowest = [int(indices.min()) for indices in wanted]
    block = read(
        tuple(slice(low, int(indices.max()) + 1) for low, indices in zip(lowest, wanted, strict=True))
    )
    for position, (low, indices) in enumerate(zip(lowest, wanted, strict=True)):
        axis = block.ndim - len(wanted) + position
        if block.shape[axis] != len(indices) or indices[0] > indices[-1]:
            block = np.take(block, indices - low, axis=axis)
    return block
