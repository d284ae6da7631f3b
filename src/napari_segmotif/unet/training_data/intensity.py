"""The one scale on which the network sees every image: the dark end of a sample is 0, the bright end is 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.8
"""What becomes 0 and 1: a few dead or glaring pixels do not decide it."""
_MOST_PIXELS = 1 << 22
_SIDE = {2: 128, 3: 64}  # of the blocks that are looked at in an image of more pixels

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class IntensityRange:
    """The dark and the bright end of every channel of one sample.

    Attributes
    ----------
    low, high
        (C,) grey values that become 0 and 1. Where they are equal the channel is constant, and becomes 0.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def apply(self, block: F32) -> F32:
        """Scale grey values (C, …) float32 to about 0..1; what lies outside the range is not clipped."""
        # in float64 the difference of two large grey values keeps its digits
        width = np.asarray(self.high) - np.asarray(self.low)
        factor = np.divide(1.0, width, out=np.zeros_like(width), where=width > 0)
        each = (-1,) + (1,) * (block.ndim - 1)
        scaled = block - np.asarray(self.low, np.float32).reshape(each)
        scaled *= factor.astype(np.float32).reshape(each)
        return scaled


def intensity_range(source: ImageSource, frame: int, plane: int | None) -> IntensityRange:
    """Find the range of one sample of an image: a plane or a volume of one frame.

    Parameters
    ----------
    source
        The image; it is read in pieces.
    frame
        Index along T; 0 for an image without time.
    plane
        Index along Z, or None for the whole volume, or for an image without Z.

    Returns
    -------
    IntensityRange
        Percentiles 1 and 99.8 of each channel. Of samples with more than about 4 million pixels, blocks that
        are spread evenly over it are looked at, always the same ones.

    Raises
    ------
    InputError
        If the image holds NaN or infinity where it is looked at.
    """
    blocks = _blocks(sample_region(source, plane), _MOST_PIXELS)
    return _range_of([source.read(frame, block) for block in blocks])


def read_scaled(source: ImageSource, frame: int, plane: int | None) -> F32:
    """Read a sample, (C, Y, X) or (C, Z, Y, X) float32, scaled by its `intensity_range`."""
    region = sample_region(source, plane)
    image = source.read(frame, region)
    small = image[0].size <= _MOST_PIXELS
    scaled = (_range_of([image]) if small else intensity_range(source, frame, plane)).apply(image)
    return scaled if plane is None else scaled[:, 0]


def _range_of(blocks: Sequence[F32]) -> IntensityRange:
    """Range of blocks (C, …) together."""
    values = np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)
    low, high = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE), axis=1).astype(np.float64)
    # A few bright specks on nothing: the percentiles are equal, though there is something to see.
    flat = high <= low
    low[flat], high[flat] = values.min(axis=1)[flat], values.max(axis=1)[flat]
    return IntensityRange(tuple(low.tolist()), tuple(high.tolist()))


def sample_region(source: ImageSource, plane: int | None) -> tuple[slice, ...]:
    """Where a sample is in one frame of its image: one slice per spatial axis."""
    whole = tuple(slice(0, n) for n in source.spatial_shape)
    return whole if plane is None else (slice(plane, plane + 1), *whole[1:])


def _blocks(region: Sequence[slice], most: int) -> Iterator[tuple[slice, ...]]:
    """The region itself, or where it has too many pixels, blocks on an even grid over it."""
    lengths = [part.stop - part.start for part in region]
    if np.prod(lengths, dtype=np.float64) <= most:
        yield tuple(region)
        return
    # Planes are thin, so that few chunks of a file are read for a block.
    side = _SIDE[len(lengths)]
    sides = [1] * (len(lengths) - 2) + [n if n < 2 * side else side for n in lengths[-2:]]
    counts = _counts(lengths, sides, most)
    # each block stands in the middle of its cell of the grid: borders do not count more than the rest
    starts = [
        (part.start + (np.arange(count) + 0.5) * (n / count) - side / 2).astype(int).tolist()
        for part, n, side, count in zip(region, lengths, sides, counts, strict=True)
    ]
    for corner in product(*starts):
        yield tuple(slice(start, start + side) for start, side in zip(corner, sides, strict=True))


def _counts(lengths: Sequence[int], sides: Sequence[int], most: int) -> list[int]:
    """How many blocks along each axis: about the same along all that hold so many, within `most` pixels."""
    left = most / float(np.prod(sides, dtype=np.float64))
    counts = [1] * len(lengths)
    fitting = [max(1, n // side) for n, side in zip(lengths, sides, strict=True)]
    for done, axis in enumerate(np.argsort(fitting, kind="stable").tolist()):
        counts[axis] = max(1, min(fitting[axis], int(left ** (1 / (len(lengths) - done)))))
        left = max(1.0, left / counts[axis])
    return counts
