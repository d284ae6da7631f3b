"""What a network says of a region of an image, or of samples in memory; tiled, blended, within the memory.

Importing this imports PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...common.axes import ImageSource
from ...common.progress import Progress
from ..network.heads import Heads
from ..training_data.intensity import IntensityRange, intensity_range
from .torch_tiles import Read, Region, TileRunner

F32 = NDArray[np.float32]


class TilePredictor:
    """What a network says of any region of an image.

    Parameters
    ----------
    network, heads, device, normalization, strides, tile, augment, mixed_precision, cancel, tell, **more
        See `TileRunner`.
    source
        The image; read tile by tile, and scaled by the range of each plane or volume.
    dimensions
        2: every plane is looked at by itself; 3: every volume.
    """

    def __init__(
        self,
        network: nn.Module,
        heads: Heads,
        source: ImageSource,
        dimensions: int,
        *,
        strides: Sequence[Sequence[int]],
        **settings: Any,
    ) -> None:
        self.runner = TileRunner(network, heads, strides, **settings)
        self._source = source
        self._by_plane = dimensions == 2 and "Z" in source.spatial_axes
        self._ranges: dict[tuple[int, int | None], IntensityRange] = {}

    def maps(self, frame: int, region: Sequence[slice]) -> F32:
        """Maps (n_maps, *region) float32 of a region of a frame; see `Heads` for their order.

        Parameters
        ----------
        frame
            Index along T; 0 without time.
        region
            One slice per spatial axis of the image. What is said of a pixel does not depend on it.
        """
        return self.outputs(frame, region)[: self.runner.heads.n_maps]

    def outputs(self, frame: int, region: Sequence[slice]) -> F32:
        """The same, and the uncertainty in [0, 1] as the last map where it was asked for."""
        shape = self._source.spatial_shape
        where = tuple(slice(*part.indices(n)[:2]) for part, n in zip(region, shape, strict=True))
        if not self._by_plane:
            return self.runner.maps((frame, None), self._reader(frame, None), shape, where)
        planes = range(where[0].start, where[0].stop)
        said = [self.runner.maps((frame, z), self._reader(frame, z), shape[1:], where[1:]) for z in planes]
        return np.stack(said, axis=1)

    def prepare(self, frame: int, plane: int | None, region: Region) -> Iterator[Progress]:
        """Compute the tiles of a region of a plane or volume ahead, where that helps; yields after each."""
        shape = self._source.spatial_shape if plane is None else self._source.spatial_shape[1:]
        return self.runner.prepare((frame, plane), self._reader(frame, plane), shape, region)

    def release(self) -> None:
        """Give back the memory of the device."""
        self.runner.release()

    def _reader(self, frame: int, plane: int | None) -> Read:
        def read(region: Region) -> F32:
            place = (frame, plane)
            if place not in self._ranges:
                self._ranges[place] = intensity_range(self._source, frame, plane)
            if plane is None:
                return self._ranges[place].apply(self._source.read(frame, region))
            block = self._source.read(frame, (slice(plane, plane + 1), *region))
            return self._ranges[place].apply(block[:, 0])

        return read


def predict_samples(
    network: nn.Module,
    heads: Heads,
    images: Sequence[F32],
    *,
    strides: Sequence[Sequence[int]],
    **settings: Any,
) -> list[F32]:
    """Maps (n_maps, *s) of samples (C, *s) float32 that are in memory and scaled to about 0..1.

    Parameters
    ----------
    network, heads, strides, **settings
        See `TileRunner`.
    images
        Of any sizes; several of one size are looked at together where that is faster.
    """
    return TileRunner(network, heads, strides, **settings).samples(images)
