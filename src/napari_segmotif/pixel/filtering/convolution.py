"""Separable Gaussian-derivative filtering of one tile, axis by axis, on float32 buffers.

A `Block` is a tile with a margin. Each pass along an axis reads a block and makes one whose margin along
that axis is smaller by the kernel's radius, so that nothing is ever guessed at a border: the margins of the
first block come from the image, or from its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .vector_intrinsics import LANES, antisymmetric_taps, symmetric_taps

TRUNCATE = 4.0
"""Kernels reach this many sigmas, as in scipy.ndimage."""

Margin = tuple[int, int, int]
_LINE = 16  # float32 in a cache line


@dataclass(frozen=True)
class Block:
    """A tile with a margin around it.

    Attributes
    ----------
    data
        (Z, Y, S) float32, contiguous. Rows are padded at their end to S, so that 64 pixels can be read
        from any pixel of the row; what stands in the padding is never used.
    tile
        Shape (Z, Y, X) of the tile without its margin.
    margin
        Number of pixels around the tile along Z, Y, X.
    """

    data: NDArray[np.float32]
    tile: Margin
    margin: Margin


def kernel_radius(sigma: float) -> int:
    """Radius in pixels of a sampled Gaussian of this sigma."""
    return int(TRUNCATE * sigma + 0.5)


@lru_cache(maxsize=512)
def gaussian_kernel(sigma: float, order: int, scale: float = 1.0) -> NDArray[np.float32]:
    """Half a sampled Gaussian derivative, from its centre outwards, as scipy.ndimage samples it.

    Parameters
    ----------
    sigma
        In pixels.
    order
        0, 1 or 2. The kernel of order 1 is antisymmetric.
    scale
        Pixels per unit of length in which the derivative is wanted, to the power of the order it multiplies.

    Returns
    -------
    ndarray (radius + 1,)
    """
    radius = kernel_radius(sigma)
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    if radius == 0:
        return np.array([1.0 if order == 0 else 0.0], dtype=np.float32)
    smooth = np.exp(-0.5 * (x / sigma) ** 2)
    smooth /= smooth.sum()
    polynomial = {0: np.ones_like(x), 1: x / sigma**2, 2: (x**2 / sigma**2 - 1.0) / sigma**2}[order]
    return (polynomial * smooth * scale**order)[radius:].astype(np.float32)


class Workspace:
    """Buffers of one thread, taken again and again, so that no tile waits for fresh memory."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.float32]] = {}

    def block(self, name: str, tile: Margin, margin: Margin) -> Block:
        """A block of this name; taking the name again overwrites what it held."""
        depth, height, width = (n + 2 * m for n, m in zip(tile, margin, strict=True))
        # An odd number of cache lines a row, so that a column's rows do not fight for the same places.
        lines = -(-(width + LANES) // _LINE) | 1
        stride = lines * _LINE
        size = depth * height * stride
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = np.zeros(size, dtype=np.float32)
            self._buffers[name] = buffer
        return Block(buffer[:size].reshape(depth, height, stride), tile, margin)


def convolve(source: Block, axis: int, kernel: NDArray[np.float32], odd: bool, target: Block) -> Block:
    """Filter along one axis into a block with smaller margins.

    `source` needs a margin larger than that of `target` by the kernel's radius along `axis`, and not
    smaller along the others.
    """
    offset = [s - t for s, t in zip(source.margin, target.margin, strict=True)]
    radius = len(kernel) - 1
    if offset[axis] < radius or min(offset) < 0:
        raise ValueError(f"margins {source.margin} do not suffice for {target.margin} and radius {radius}")
    depth, height = target.data.shape[:2]
    width = target.tile[2] + 2 * target.margin[2]
    _, rows, stride = source.data.shape
    step = (rows * stride, stride, 1)[axis]
    start = (offset[0] * rows + offset[1]) * stride + offset[2]
    run = _convolve_odd if odd else _convolve_even
    target_stride = target.data.shape[2]
    steps, target_steps = (rows * stride, stride), (height * target_stride, target_stride)
    # The rows that the taps share come innermost: they then stay in the fastest cache.
    inner = 0 if axis == 0 else 1
    outer = 1 - inner
    run(
        source.data.reshape(-1), start, steps[outer], steps[inner], step, kernel, radius,
        target.data.reshape(-1), target_steps[outer], target_steps[inner],
        (depth, height)[outer], (depth, height)[inner], width,
    )  # fmt: skip
    return target


@njit(nogil=True, cache=True)
def _convolve_even(  # type: ignore[no-untyped-def]
    source, start, outer_step, inner_step, tap_step, kernel, radius,
    target, target_outer_step, target_inner_step, n_outer, n_inner, width,
):  # fmt: skip
    for x in range(0, width, LANES):
        for outer in range(n_outer):
            for inner in range(n_inner):
                symmetric_taps(
                    source, start + outer * outer_step + inner * inner_step + x, tap_step, kernel, radius,
                    target, outer * target_outer_step + inner * target_inner_step + x,
                )  # fmt: skip


@njit(nogil=True, cache=True)
def _convolve_odd(  # type: ignore[no-untyped-def]
    source, start, outer_step, inner_step, tap_step, kernel, radius,
    target, target_outer_step, target_inner_step, n_outer, n_inner, width,
):  # fmt: skip
    for x in range(0, width, LANES):
        for outer in range(n_outer):
            for inner in range(n_inner):
                antisymmetric_taps(
                    source, start + outer * outer_step + inner * inner_step + x, tap_step, kernel, radius,
                    target, outer * target_outer_step + inner * target_inner_step + x,
                )  # fmt: skip
