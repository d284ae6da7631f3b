"""What a network says of samples of any size: overlapping tiles, blended and remembered.

Importing this imports PyTorch.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...common.device import MemoryLadder
from ...common.progress import CancelToken, Progress
from ...common.tiling import read_mirrored, tiles_in_region
from ..network.heads import Heads
from .blending import BlendGrid, common
from .doubt import entropy
from .looks import Doubt, looks_for
from .tile_size import default_tile, overlap_of
from .torch_forward import Forward, reach_of, require_dropout

_log = logging.getLogger("napari_segmotif")

F32 = NDArray[np.float32]
Region = tuple[slice, ...]
Read = Callable[[Region], F32]
"""Reads a region (C, *region), scaled to about 0..1, of a sample."""

_CACHE_BYTES = 1 << 29
_BATCH_PIXELS = {"cpu": 1, "cuda": 1 << 21, "mps": 1 << 20}
"""So many pixels of several tiles at once. The CPU is fastest with one after the other."""
_SMALLER = (2, 4)


@dataclass(frozen=True)
class Setting:
    """How much memory is used: on which device, how many tiles at once, which part of a tile's side."""

    device: str
    batch_pixels: int
    divisor: int = 1


class TileRunner:
    """Maps of samples of any size, tile by tile.

    Parameters
    ----------
    network, heads
        See `Forward`.
    strides
        D numbers for every level: by how much its resolution falls.
    device
        "cuda", "mps" or "cpu".
    normalization
        "instance": what is said of a pixel depends on all of its tile, which always has the size `tile`.
    tile
        Size of a tile; None for the size that suits a network that looks at single pixels.
    augment
        Whether the maps are the mean over all mirrorings.
    doubt
        Where the uncertainty comes from, which is then one more map behind the others; None for none.
    n_samples
        How many views, or thinner networks, the uncertainty comes from.
    seed
        Of the dropout.
    mixed_precision
        Compute with 16-bit numbers on CUDA.
    cancel
        Looked at before every layer.
    tell
        Told in plain words of every step down that a lack of memory makes necessary; None logs a warning.
    """

    def __init__(
        self,
        network: nn.Module,
        heads: Heads,
        strides: Sequence[Sequence[int]],
        *,
        device: str = "cpu",
        normalization: str = "batch",
        tile: Sequence[int] | None = None,
        augment: bool = False,
        doubt: Doubt | None = None,
        n_samples: int = 8,
        seed: int = 0,
        mixed_precision: bool = False,
        cancel: CancelToken | None = None,
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self.heads = heads
        self.n_computed = 0
        self.multiple = tuple(math.prod(s[axis] for s in strides) for axis in range(heads.dimensions))
        self.reach = reach_of(network, strides)
        self._fixed = normalization == "instance" and tile is not None
        self._tile = None if tile is None else tuple(int(n) for n in tile)
        self._forward = Forward(network, heads, mixed_precision=mixed_precision, cancel=cancel)
        if doubt == "dropout":
            require_dropout(self._forward)
        square = all(s[-1] == s[-2] for s in strides)
        self._looks = looks_for(heads.dimensions, augment, doubt, n_samples, seed, turns=square)
        self._doubt = doubt
        self._tell = tell or (lambda message: _log.warning("%s", message))
        self._ladder = MemoryLadder(self._settings(device), self._step_down)
        self._wanted = device
        self._cache = _TileCache(_CACHE_BYTES)

    @property
    def n_outputs(self) -> int:
        """Maps of the network, and one of the uncertainty where it was asked for."""
        return self.heads.n_maps + (self._doubt is not None)

    def grid(self, shape: Sequence[int], divisor: int = 1) -> BlendGrid:
        """The tiles of a sample; the same for the same shape."""
        tile = self._tile or default_tile(shape, self.multiple)
        overlap = overlap_of(tile, self.multiple, self.reach, fixed=self._fixed)
        tile = tuple(max(m, n // divisor // m * m) for n, m in zip(tile, self.multiple, strict=True))
        reach = None if self._fixed else self.reach
        return BlendGrid.over(shape, tile, overlap, self.multiple, fixed=self._fixed, reach=reach)

    def maps(self, key: Hashable, read: Read, shape: Sequence[int], region: Region) -> F32:
        """Maps (n_outputs, *region) of a region of a sample.

        Parameters
        ----------
        key
            Names the sample; tiles of the same key are remembered.
        read
            Reads regions of the sample.
        shape
            Of the sample.
        region
            One slice with start and stop per axis, inside of the sample.
        """
        return self._ladder.run(lambda setting: self._blend(setting, key, read, shape, region))

    def prepare(self, key: Hashable, read: Read, shape: Sequence[int], region: Region) -> Iterator[Progress]:
        """Compute the tiles of a region ahead, if all of them can be remembered; yields after each."""
        tile = self.grid(shape).tile
        pieces = tiles_in_region(shape, tile, region)
        needed = 2 * len(pieces) * 4 * self.n_outputs * math.prod(tile)
        if len(pieces) < 2 or needed > _CACHE_BYTES:
            return
        for done, piece in enumerate(pieces, start=1):
            self._ladder.run(partial(self._prepare, key=key, read=read, shape=shape, region=piece.inner))
            yield Progress(done, len(pieces), f"predicting tile {done} of {len(pieces)}")

    def samples(self, images: Sequence[F32]) -> list[F32]:
        """Maps (n_outputs, *s) of samples (C, *s) that are in memory."""
        results: dict[int, F32] = {}
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, image in enumerate(images):
            grid = self.grid(image.shape[1:])
            if len(grid.touching(_whole(grid.shape))) == 1:
                groups[(len(image), *grid.tile)].append(i)
            else:
                results[i] = self.maps(("sample", i), _reader(image), grid.shape, _whole(grid.shape))
                self._cache.clear()
        for (_, *tile), members in groups.items():
            for some in _batches(members, self._batch_of(tile)):
                said = self._ladder.run(partial(self._small, images=[images[i] for i in some], tile=tile))
                results |= dict(zip(some, said, strict=True))
        return [results[i] for i in range(len(images))]

    def release(self) -> None:
        """Give back the memory of the device."""
        self._cache.clear()
        self._forward.place("cpu")
        if self._wanted == "cuda":
            torch.cuda.empty_cache()

    # ------------------------------------------------------------------------------------------- tiles

    def _small(self, setting: Setting, images: Sequence[F32], tile: Sequence[int]) -> list[F32]:
        """Maps of samples that fit into one tile each."""
        if setting.divisor > 1:
            return [
                self._blend(
                    setting, ("small", id(image)), _reader(image), image.shape[1:], _whole(image.shape[1:])
                )
                for image in images
            ]
        padded = [_read_tile(_reader(image), image.shape[1:], tile) for image in images]
        said = self._compute(setting, padded)
        return [
            np.ascontiguousarray(maps[(slice(None), *_whole(image.shape[1:]))])
            for maps, image in zip(said, images, strict=True)
        ]

    def _blend(
        self, setting: Setting, key: Hashable, read: Read, shape: Sequence[int], region: Region
    ) -> F32:
        grid = self.grid(shape, setting.divisor)
        size = tuple(part.stop - part.start for part in region)
        total = np.zeros((self.n_outputs, *size), np.float32)
        weight = np.zeros(size, np.float32)
        waiting = grid.touching(region)
        for some in _batches(waiting, self._batch_of(grid.tile, setting)):
            for index, maps in zip(some, self._tiles(setting, grid, key, read, some), strict=True):
                start = grid.start(index)
                inside = common(start, grid.tile, region)
                place = tuple(
                    slice(part.start + first - r.start, part.stop + first - r.start)
                    for part, first, r in zip(inside, start, region, strict=True)
                )
                if len(waiting) == 1:
                    return maps[(slice(None), *inside)].copy()  # what is remembered stays
                weights = grid.weights(index, region)
                total[(slice(None), *place)] += weights * maps[(slice(None), *inside)]
                weight[place] += weights
        total /= weight
        return total

    def _prepare(
        self, setting: Setting, key: Hashable, read: Read, shape: Sequence[int], region: Region
    ) -> None:
        grid = self.grid(shape, setting.divisor)
        for some in _batches(grid.touching(region), self._batch_of(grid.tile, setting)):
            self._tiles(setting, grid, key, read, some)

    def _tiles(
        self,
        setting: Setting,
        grid: BlendGrid,
        key: Hashable,
        read: Read,
        indices: Sequence[tuple[int, ...]],
    ) -> list[F32]:
        """Maps of some tiles, computed together where they are not remembered."""
        names = [(key, grid.tile, index) for index in indices]
        known = {name: maps for name in names if (maps := self._cache.get(name)) is not None}
        missing = [i for i, name in enumerate(names) if name not in known]
        if missing:
            tiles = [_read_tile(read, grid.shape, grid.tile, grid.start(indices[i])) for i in missing]
            for i, maps in zip(missing, self._compute(setting, tiles), strict=True):
                known[names[i]] = maps
                self._cache.put(names[i], maps)
        return [known[name] for name in names]

    def _compute(self, setting: Setting, tiles: Sequence[F32]) -> list[F32]:
        """Maps (n_outputs, *tile) of tiles (C, *tile) of one size."""
        self._forward.place(setting.device)
        most = max(1, setting.batch_pixels // math.prod(tiles[0].shape[1:]))
        found: list[F32] = []
        for some in _batches(tiles, most):
            found += self._in_all_views(np.stack(some))
            self.n_computed += len(some)
        return found

    def _in_all_views(self, images: F32) -> list[F32]:
        said: F32 | None = None
        asked: F32 | None = None
        n_said = n_asked = 0
        for one in self._looks:
            maps = self._forward(images, one.view, one.dropout)
            if one.counts:
                said, n_said = (maps if said is None else said + maps), n_said + 1
            if one.asked:
                some = maps[:, : self.heads.n_classes + self.heads.objects]
                asked, n_asked = (some if asked is None else asked + some), n_asked + 1
        assert said is not None
        said = said / np.float32(n_said) if n_said > 1 else said
        if asked is None:
            return list(said)
        doubt = entropy(asked / np.float32(n_asked), self.heads.n_classes)
        return list(np.concatenate([said, doubt[:, None]], axis=1))

    # ------------------------------------------------------------------------------------------ memory

    def _settings(self, device: str) -> list[Setting]:
        """From the most to the least hungry."""
        settings = [Setting(device, _BATCH_PIXELS[device])]
        if settings[0].batch_pixels > 1:
            settings.append(Setting(device, 1))
        settings += [Setting(device, 1, divisor) for divisor in _SMALLER if self._can_shrink(divisor)]
        return settings if device == "cpu" else [*settings, Setting("cpu", 1)]

    def _can_shrink(self, divisor: int) -> bool:
        """Whether tiles of a part of the side still have something in their middle."""
        if self._fixed:
            return False
        tile = self._tile or default_tile((1 << 30,) * len(self.multiple), self.multiple)
        overlap = overlap_of(tile, self.multiple, self.reach, fixed=False)
        sizes = zip(tile, overlap, self.multiple, strict=True)
        return all(n // divisor >= max(1.25 * common_part, 2 * m) for n, common_part, m in sizes)

    def _step_down(self, setting: Setting) -> None:
        self._cache.clear()
        if setting.device != self._wanted:
            how = "on the CPU instead, more slowly"
        elif setting.divisor > 1:
            how = f"in tiles of 1/{setting.divisor} of the side, more slowly"
        else:
            how = "one tile at a time"
        self._tell(f"The memory of the {self._wanted} device does not suffice: predicting {how}.")

    def _batch_of(self, tile: Sequence[int], setting: Setting | None = None) -> int:
        pixels = _BATCH_PIXELS[self._wanted] if setting is None else setting.batch_pixels
        return max(1, pixels // math.prod(tile))


class _TileCache:
    """Maps of tiles, the least recently used leaving first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Hashable, F32] = OrderedDict()
        self._size = 0

    def get(self, name: Hashable) -> F32 | None:
        maps = self._entries.get(name)
        if maps is not None:
            self._entries.move_to_end(name)
        return maps

    def put(self, name: Hashable, maps: F32) -> None:
        self._entries[name] = maps
        self._size += maps.nbytes
        while self._size > self._capacity and len(self._entries) > 1:
            self._size -= self._entries.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        self._entries.clear()
        self._size = 0


def _whole(shape: Sequence[int]) -> Region:
    return tuple(slice(0, n) for n in shape)


def _reader(image: F32) -> Read:
    return lambda region: image[(slice(None), *region)]


def _read_tile(
    read: Read, shape: Sequence[int], tile: Sequence[int], start: Sequence[int] | None = None
) -> F32:
    """Pixels (C, *tile), mirrored where the tile reaches beyond the sample."""
    first = (0,) * len(tile) if start is None else tuple(start)
    last = [a + n for a, n in zip(first, tile, strict=True)]
    return read_mirrored(read, shape, first, last).astype(np.float32, copy=False)


def _batches(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
