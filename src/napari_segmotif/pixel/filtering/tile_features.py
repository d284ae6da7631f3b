"""An image as a grid of tiles whose features can be asked for, one tile at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource
from ...common.tiling import Tile, read_mirrored, tiles_in_region
from .convolution import Workspace
from .feature_cache import FeatureCache
from .filters import FilterBank
from .packets import PacketLayout, Shape3

TILE_2D: Shape3 = (1, 256, 256)
TILE_3D: Shape3 = (32, 96, 192)

_BUFFERS_PER_TILE = 20
"""So many tiles with halo, at most, does a thread hold while it filters."""

_per_thread = threading.local()


@dataclass(frozen=True)
class FrameTile:
    """One tile of one time point."""

    frame: int
    tile: Tile


@dataclass(frozen=True)
class TiledImage:
    """An image, the filters for it, and the cache that remembers what was filtered.

    Attributes
    ----------
    source
        The image.
    bank
        The filters.
    cache
        Shared by all images of one classifier.
    """

    source: ImageSource
    bank: FilterBank
    cache: FeatureCache = field(default_factory=FeatureCache, compare=False)

    @property
    def tile_shape(self) -> tuple[int, ...]:
        """Shape of a full tile along the image's spatial axes."""
        n_axes = len(self.source.spatial_axes)
        volume = self.bank.features.filter_dimensions(n_axes) == 3
        return (TILE_3D if volume else TILE_2D)[-n_axes:]

    def tiles(self, region: Sequence[slice] | None = None) -> list[FrameTile]:
        """The tiles that touch a region of the output (one slice per axis of `source.output_axes`)."""
        source = self.source
        region = tuple(region) if region is not None else (slice(None),) * len(source.output_shape)
        frames = range(1)
        if "T" in source.output_axes:
            frames = range(*region[0].indices(source.n_frames))
            region = region[1:]
        tiles = tiles_in_region(source.spatial_shape, self.tile_shape, region)
        return [FrameTile(frame, tile) for frame in frames for tile in tiles]

    def layout(self, tile: Tile) -> PacketLayout:
        """The packets of a tile."""
        return self.bank.layout((1,) * (3 - len(tile.shape)) + tile.shape)

    def read(self, where: FrameTile) -> NDArray[np.float32]:
        """Pixels (C, Z, Y, X) of a tile, rounded up to whole packets, with the filters' halo."""
        n_axes = len(self.source.spatial_axes)
        padded = self.layout(where.tile).padded[-n_axes:]
        halo = self.bank.halo[-n_axes:]
        start = [part.start - h for part, h in zip(where.tile.inner, halo, strict=True)]
        stop = [part.start + size + h for part, size, h in zip(where.tile.inner, padded, halo, strict=True)]
        pixels = read_mirrored(
            lambda region: self.source.read(where.frame, region),
            self.source.spatial_shape,
            start,
            stop,
        )
        return pixels if n_axes == 3 else pixels[:, np.newaxis]

    def features(self, where: FrameTile, *, keep: bool = True) -> NDArray[np.float32]:
        """Features (n_packets, n_features, 64) of a tile, from the cache where it has them."""
        layout = self.layout(where.tile)
        pixels = self.read(where)
        return self.cache.get(
            pixels,
            (self.bank.features, self.bank.spatial_axes, self.bank.spacing, layout),
            lambda: self.bank.compute(pixels, layout, _workspace()),
            keep=keep,
        )

    def threads(self, wanted: int) -> int:
        """How many of the wanted threads may filter tiles at once within a third of the machine's memory."""
        with_halo = [n + 2 * h for n, h in zip(self._full_tile, self.bank.halo, strict=True)]
        per_thread = 4 * _BUFFERS_PER_TILE * int(np.prod(with_halo))
        per_thread += 4 * len(self.bank.names) * int(np.prod(self._full_tile))
        return max(1, min(wanted, physical_memory() // 3 // per_thread))

    @property
    def _full_tile(self) -> Shape3:
        depth, height, width = (1,) * (3 - len(self.tile_shape)) + self.tile_shape
        return depth, height, width

    def feature_bytes(self, tiles: Sequence[FrameTile]) -> int:
        """Bytes that the features of these tiles take."""
        n_pixels = sum(int(np.prod(self.layout(where.tile).padded)) for where in tiles)
        return 4 * n_pixels * len(self.bank.names)


def physical_memory() -> int:
    """Bytes of memory of this machine; 8 GB where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


def _workspace() -> Workspace:
    """The buffers of this thread."""
    if not hasattr(_per_thread, "workspace"):
        _per_thread.workspace = Workspace()
    workspace: Workspace = _per_thread.workspace
    return workspace
