"""How an image is cut into overlapping tiles, and how what was said of them is put together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SIGMAS = 4.0
"""The Gaussian at a tile's border is so many standard deviations wide: a weight of 0.0003 at its foot."""


@dataclass(frozen=True)
class BlendGrid:
    """Overlapping tiles of one size that cover an image; where they stand follows from the image alone.

    Neighbours overlap. A tile counts fully in its middle, and towards its border with a Gaussian that falls
    to nothing: there the network sees less of the surroundings. At the image's own border there is no
    neighbour, and nothing falls.

    Attributes
    ----------
    shape
        Of the image, along its D axes.
    tile
        Of every tile; the image is mirrored where tiles reach beyond its end.
    starts
        First pixels of the tiles, along each axis.
    dead
        So many pixels at a tile's border, along each axis, are never used where it has a neighbour.
    fall
        So many more are used with a lower weight.
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]
    dead: tuple[int, ...]
    fall: tuple[int, ...]

    @classmethod
    def over(
        cls,
        shape: Sequence[int],
        largest: Sequence[int],
        overlap: Sequence[int],
        multiple: Sequence[int],
        *,
        fixed: bool = False,
        reach: Sequence[int] | None = None,
    ) -> BlendGrid:
        """Cut an image.

        Parameters
        ----------
        shape
            Of the image.
        largest
            Size of a tile at most; rounded up to `multiple`.
        overlap
            Of neighbours at least; less than `largest`.
        multiple
            Tiles begin and end on multiples of this.
        fixed
            Whether tiles must have the size `largest` even where the image is smaller.
        reach
            How far the network looks; where the overlap is wide enough, nothing nearer to a tile's border
            than this is used, and the result does not depend on the tiles at all.
        """
        along = [
            _axis(n, math.ceil(most / step) * step, over, step, fixed)
            for n, most, over, step in zip(shape, largest, overlap, multiple, strict=True)
        ]
        dead, fall = [], []
        for axis, (tile, starts) in enumerate(along):
            common = min((a + tile - b for a, b in itertools.pairwise(starts)), default=0)
            unused = common // 4
            if reach is not None and 2 * reach[axis] < common:
                unused = reach[axis]
            dead.append(unused)
            fall.append(max(0, common - 2 * unused))
        return cls(
            tuple(int(n) for n in shape),
            tuple(tile for tile, _ in along),
            tuple(starts for _, starts in along),
            tuple(dead),
            tuple(fall),
        )

    def touching(self, region: Sequence[slice]) -> list[tuple[int, ...]]:
        """Numbers, along each axis, of the tiles that have a say in a region."""
        along = []
        for axis, part in enumerate(region):
            used = [self._used(axis, i) for i in range(len(self.starts[axis]))]
            along.append([i for i, (low, high) in enumerate(used) if low < part.stop and high > part.start])
        return list(itertools.product(*along))

    def start(self, index: Sequence[int]) -> tuple[int, ...]:
        """First pixel of a tile."""
        return tuple(starts[i] for starts, i in zip(self.starts, index, strict=True))

    def weights(self, index: Sequence[int], region: Sequence[slice]) -> NDArray[np.float32]:
        """Weights (*D) of a tile within the part of a region that it covers; see `common`."""
        product = np.ones((), np.float32)
        for axis, part in enumerate(common(self.start(index), self.tile, region)):
            profile = self._profile(axis, index[axis])[part]
            product = product[..., None] * profile
        return product

    def _used(self, axis: int, i: int) -> tuple[int, int]:
        """The pixels of the image that a tile has a say in, along one axis."""
        first = self.starts[axis][i]
        low = first + (self.dead[axis] if i else 0)
        last = i == len(self.starts[axis]) - 1
        return low, first + self.tile[axis] - (0 if last else self.dead[axis])

    def _profile(self, axis: int, i: int) -> NDArray[np.float32]:
        """Weights of a tile along one axis."""
        n, dead, fall = self.tile[axis], self.dead[axis], self.fall[axis]
        depth = np.arange(n, dtype=np.float64) - dead + 0.5  # how far from where the weight begins
        falling = np.exp(-0.5 * (_SIGMAS * np.clip(1 - depth / max(fall, 1), 0, 1)) ** 2) * (depth > 0)
        weights = np.ones(n)
        if i:
            weights *= falling
        if i < len(self.starts[axis]) - 1:
            weights *= falling[::-1]
        return weights.astype(np.float32)


def common(start: Sequence[int], tile: Sequence[int], region: Sequence[slice]) -> tuple[slice, ...]:
    """The part of a tile that lies in a region, as slices into the tile."""
    return tuple(
        slice(max(0, part.start - first), min(size, part.stop - first))
        for first, size, part in zip(start, tile, region, strict=True)
    )


def _axis(n: int, most: int, overlap: int, step: int, fixed: bool) -> tuple[int, tuple[int, ...]]:
    """Size and first pixels of the tiles along one axis."""
    total = math.ceil(n / step) * step
    if total <= most:
        return (most if fixed else total), (0,)
    count = math.ceil((total - overlap) / max(step, most - overlap))
    tile = most
    if not fixed:  # no larger than so many tiles need
        tile = min(most, math.ceil((total + (count - 1) * overlap) / count / step) * step)
    places = np.linspace(0, (total - tile) // step, count).round().astype(int) * step
    return tile, tuple(int(place) for place in places)
