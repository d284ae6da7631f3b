"""Points painted into a picture without OpenGL: smooth discs, all of a run at once. No Qt either."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Discs are painted in runs, and of those in one run the one further to the right and below lies lowest.
_RUNS, _SHORTEST_RUN = 20, 250


def disc_picture(
    px: NDArray[np.float64],
    py: NDArray[np.float64],
    colors: NDArray[np.float32],
    diameter: float,
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    """Paint discs, the first ones lowest.

    Parameters
    ----------
    px, py
        (n,) centres in pixels; pixel (0, 0) reaches from 0 to 1.
    colors
        (n, 4) with opacity, in [0, 1].
    diameter
        Of a disc, in pixels.
    shape
        Height and width of the picture.

    Returns
    -------
    (h, w, 4) uint8 array
        Red, green, blue and opacity, not premultiplied; transparent where there is no disc.
    """
    height, width = shape
    radius = np.float32(diameter / 2)
    # A margin holds what reaches over the edge, so that no disc needs looking at its sides.
    margin = 2 * math.ceil(diameter / 2 + 0.5) + 1
    inner = (px > -margin / 2) & (px < width + margin / 2) & (py > -margin / 2) & (py < height + margin / 2)
    px, py, colors = px[inner], py[inner], colors[inner]
    column, row = np.floor(px).astype(np.int64), np.floor(py).astype(np.int64)
    stride = width + 2 * margin
    home = (row + margin) * stride + column + margin
    off_x, off_y = (column + 0.5 - px).astype(np.float32), (row + 0.5 - py).astype(np.float32)
    source = np.concatenate([colors[:, :3] * colors[:, 3:], colors[:, 3:]], axis=1).astype(np.float32)
    painted = np.zeros(((height + 2 * margin) * stride, 4), np.float32)  # premultiplied
    length = max(_SHORTEST_RUN, math.ceil(len(px) / _RUNS))
    for start in range(0, len(px), length):
        run = slice(start, start + length)
        for dx, dy in _steps(float(radius)):
            cover = radius + np.float32(0.5) - np.hypot(off_x[run] + dx, off_y[run] + dy)
            hit = np.flatnonzero(cover > 0)
            place = home[run][hit] + (dy * stride + dx)
            over = source[run][hit] * np.minimum(cover[hit], 1)[:, None]
            painted[place] = over + painted[place] * (1 - over[:, 3:])
    painted = painted.reshape(-1, stride, 4)[margin : margin + height, margin : margin + width]
    covered = painted[..., 3] > 0
    picture = np.zeros((height, width, 4), np.uint8)
    mixed = painted[covered]
    mixed[:, :3] /= mixed[:, 3:]
    picture[covered] = np.rint(255 * mixed.clip(0, 1))
    return picture


def _steps(radius: float) -> list[tuple[int, int]]:
    """Steps from the pixel of a centre to all pixels that the disc may touch."""
    reach = math.ceil(radius + 0.5)
    steps = range(-reach, reach + 1)
    return [(dx, dy) for dy in steps for dx in steps if math.hypot(dx, dy) < radius + 0.5 + math.sqrt(0.5)]
