"""The layout in which features meet the forest: packets of 64 neighbouring pixels.

A packet is a square of 8 x 8 pixels, or a cube of 4 x 4 x 4: neighbours mostly take the same way through a
tree, so that the forest asks each of its questions once for 64 pixels. The features of a tile are one
float32 array (packet, feature, lane).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .vector_intrinsics import LANES, copy_4, copy_8

Shape3 = tuple[int, int, int]
_CACHE_LINE = 64  # bytes
PACKET_2D: Shape3 = (1, 8, 8)
PACKET_3D: Shape3 = (4, 4, 4)


@dataclass(frozen=True)
class PacketLayout:
    """How the pixels of a tile are dealt to packets.

    Attributes
    ----------
    tile
        Shape (Z, Y, X) of the tile in pixels.
    packet
        Shape of a packet; its product is 64.
    """

    tile: Shape3
    packet: Shape3

    @property
    def padded(self) -> Shape3:
        """The tile's shape, rounded up to whole packets."""
        depth, height, width = (-(-n // p) * p for n, p in zip(self.tile, self.packet, strict=True))
        return depth, height, width

    @property
    def counts(self) -> Shape3:
        """Number of packets along each axis."""
        depth, height, width = (n // p for n, p in zip(self.padded, self.packet, strict=True))
        return depth, height, width

    @property
    def n_packets(self) -> int:
        """Number of packets of the tile."""
        return int(np.prod(self.counts))

    def new_features(self, n_features: int) -> NDArray[np.float32]:
        """An array (n_packets, n_features, 64) whose rows each fill whole cache lines."""
        size = self.n_packets * n_features * LANES
        room = np.empty(size + _CACHE_LINE // 4, dtype=np.float32)
        skipped = (-room.ctypes.data % _CACHE_LINE) // 4
        return room[skipped : skipped + size].reshape(self.n_packets, n_features, LANES)

    def locate(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Packet and lane of pixels given as (n, 3) positions z, y, x within the tile."""
        across, within = np.divmod(positions, np.array(self.packet))
        packet = np.ravel_multi_index(tuple(across.T), self.counts)
        lane = np.ravel_multi_index(tuple(within.T), self.packet)
        return packet, lane

    def scatter(
        self,
        plane: NDArray[np.float32],
        margin: Shape3,
        features: NDArray[np.float32],
        feature: int,
    ) -> None:
        """Write one feature into its packets.

        Parameters
        ----------
        plane
            (Z, Y, S) contiguous; holds the padded tile with a margin before it (and maybe behind it).
        margin
            Where the tile begins in `plane`.
        features
            (n_packets, n_features, 64), written in place.
        feature
            Index of the feature.
        """
        _, rows, stride = plane.shape
        start = (margin[0] * rows + margin[1]) * stride + margin[2]
        run = _scatter_squares if self.packet == PACKET_2D else _scatter_cubes
        run(
            plane.reshape(-1), start, rows * stride, stride,
            features.reshape(-1), features.shape[1], feature, *self.counts,
        )  # fmt: skip

    def gather(self, lanes: NDArray[Any], tile: NDArray[Any]) -> None:
        """Write values in packets, (n_packets, 64), into the tile's array (Z, Y, X)."""
        _gather(lanes, tile, *self.counts, *self.packet)


@njit(nogil=True, cache=True)
def _scatter_squares(  # type: ignore[no-untyped-def]
    plane, origin, plane_step, row_step, features, n_features, feature, nz, ny, nx
):
    packet = 0
    for z in range(nz):
        for by in range(ny):
            for bx in range(nx):
                start = origin + z * plane_step + 8 * by * row_step + 8 * bx
                target = (packet * n_features + feature) * LANES
                for y in range(8):
                    copy_8(plane, start + y * row_step, features, target + 8 * y)
                packet += 1


@njit(nogil=True, cache=True)
def _scatter_cubes(  # type: ignore[no-untyped-def]
    plane, origin, plane_step, row_step, features, n_features, feature, nz, ny, nx
):
    packet = 0
    for bz in range(nz):
        for by in range(ny):
            for bx in range(nx):
                start = origin + 4 * bz * plane_step + 4 * by * row_step + 4 * bx
                target = (packet * n_features + feature) * LANES
                for z in range(4):
                    for y in range(4):
                        row = start + z * plane_step + y * row_step
                        copy_4(plane, row, features, target + 16 * z + 4 * y)
                packet += 1


@njit(nogil=True, cache=True)
def _gather(lanes, tile, nz, ny, nx, pz, py, px):  # type: ignore[no-untyped-def]
    depth, height, width = tile.shape
    packet = 0
    for bz in range(nz):
        for by in range(ny):
            for bx in range(nx):
                for z in range(bz * pz, min(depth, bz * pz + pz)):
                    for y in range(by * py, min(height, by * py + py)):
                        row = ((z - bz * pz) * py + (y - by * py)) * px
                        for x in range(bx * px, min(width, bx * px + px)):
                            tile[z, y, x] = lanes[packet, row + x - bx * px]
                packet += 1


assert np.prod(PACKET_2D) == np.prod(PACKET_3D) == LANES
