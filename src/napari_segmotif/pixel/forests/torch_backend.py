"""Pixel classification on a graphics card, tile by tile, with the numbers of the CPU's path.

Filters and forest run one behind the other on the device, so that only a tile's pixels go there and only
its class probabilities come back. Both repeat the CPU's operations in the CPU's order. With PyTorch on an
x86 CPU with AVX2, planes are equal to the CPU's path bit by bit, and volumes but for the last digits of
some eigenvalues. A device that rounds a fused multiply-add otherwise moves a feature by a float32 rounding,
and where that lies on a threshold, a pixel goes the other way in a tree. How CUDA and mps round, and how
fast they are, has not been measured yet.

Importing this imports PyTorch: do it only where there is a device.
"""

from __future__ import annotations

import logging
import math
import threading

import numpy as np
import torch
from numpy.typing import NDArray

from ...common.device import MemoryLadder
from ..filtering.packets import Shape3
from ..filtering.tile_features import FrameTile, TiledImage
from ..filtering.torch_filters import DeviceFilters
from ..prediction import Sums, cpu_sums
from .forest import PackedForest
from .torch_forest import DeviceForest

_log = logging.getLogger("napari_segmotif")

PIECES = (1, 4, 16)
"""Into so many pieces a tile is cut, one after the other, before the device's memory is given up."""
_MOST_NUMBERS = 1 << 28
"""Features of a piece (1 GiB): few enough to count them in int32, which the forest does."""
_BUDGET = 1 << 23
"""Pairs of a pixel and a tree that are under way at once, for a whole tile: about 250 MiB."""
_ON_CPU = 0

_device_lock = threading.Lock()
"""One tile at a time on the device, whoever asks: more would only share its memory."""


def memory_ladder(device: str) -> MemoryLadder[int]:
    """What is tried where the memory of a device does not suffice; each step down is logged as a warning."""

    def tell(n_pieces: int) -> None:
        if n_pieces == _ON_CPU:
            _log.warning(
                "The memory of the %s device does not suffice even for small tiles: predicting on the CPU "
                "instead, with the same result.",
                device,
            )
        else:
            _log.warning(
                "The memory of the %s device does not suffice: predicting in tiles of 1/%d of the size, more "
                "slowly and with the same result.",
                device,
                n_pieces,
            )

    return MemoryLadder((*PIECES, _ON_CPU), tell)


def tile_sums(
    tiled: TiledImage, forest: PackedForest, device: str, ladder: MemoryLadder[int] | None = None
) -> Sums:
    """An evaluator of tiles on a device, to be handed to `prediction.predict_region`.

    Where the device's memory does not suffice, a tile is cut into more pieces, and in the end evaluated on
    the CPU: each step is kept for the tiles that follow, and changes no result.

    Parameters
    ----------
    tiled
        The image and its filters.
    forest
        The trees.
    device
        "cuda", "mps", or "cpu" for PyTorch on the CPU.
    ladder
        From `memory_ladder`, to go on with the step that an earlier evaluator came to.

    Returns
    -------
    callable
        (FrameTile, only_labels) -> (n_classes, *tile) float32, sums of the trees' probabilities. May be
        called from several threads. All trees are always asked.
    """
    return _DeviceSums(tiled, forest, device, ladder or memory_ladder(device))


class _DeviceSums:
    def __init__(
        self, tiled: TiledImage, forest: PackedForest, device: str, ladder: MemoryLadder[int]
    ) -> None:
        self.tiled, self.packed, self.device, self.ladder = tiled, forest, device, ladder
        self.on_cpu = cpu_sums(tiled, forest)
        self.filters = DeviceFilters(tiled.bank, device)
        self._forest: DeviceForest | None = None

    def __call__(self, where: FrameTile, only_labels: bool) -> NDArray[np.float32]:
        def attempt(n_pieces: int) -> NDArray[np.float32]:
            if n_pieces == _ON_CPU:
                return self.on_cpu(where, only_labels)
            return self._on_device(where, n_pieces)

        return self.ladder.run(attempt)

    def _on_device(self, where: FrameTile, n_pieces: int) -> NDArray[np.float32]:
        pixels = self.tiled.read(where)
        halo = self.tiled.bank.halo
        depth, height, width = (1,) * (3 - len(where.tile.shape)) + where.tile.shape
        tile = (depth, height, width)
        result = np.empty((self.packed.n_classes, *tile), dtype=np.float32)
        most = min(math.ceil(math.prod(tile) / n_pieces), max(1, _MOST_NUMBERS // self.packed.n_features))
        with _device_lock, torch.inference_mode():
            if self._forest is None:
                self._forest = DeviceForest(self.packed, self.device)
            for piece in pieces(tile, most):
                around = tuple(slice(p.start, p.stop + 2 * h) for p, h in zip(piece, halo, strict=True))
                features = self.filters.compute(pixels[(slice(None), *around)])
                sums = self._forest.vote(features, _BUDGET // n_pieces)
                place = result[(slice(None), *piece)]
                place[:] = sums.cpu().numpy().reshape(place.shape)
        return result.reshape(-1, *where.tile.shape)


def pieces(tile: Shape3, most: int) -> list[tuple[slice, slice, slice]]:
    """Cut a tile (Z, Y, X) across its longest axes until no piece has more than `most` pixels."""
    waiting = [tuple(slice(0, n) for n in tile)]
    done = []
    while waiting:
        piece = waiting.pop()
        lengths = [part.stop - part.start for part in piece]
        if math.prod(lengths) <= most:
            z, y, x = piece
            done.append((z, y, x))
            continue
        axis = int(np.argmax(lengths))
        start, stop = piece[axis].start, piece[axis].stop
        middle = (start + stop) // 2
        for half in (slice(start, middle), slice(middle, stop)):
            waiting.append((*piece[:axis], half, *piece[axis + 1 :]))
    return done
