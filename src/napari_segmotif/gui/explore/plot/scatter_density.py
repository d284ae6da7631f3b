"""Many points as a picture: how many there are at each place, and of which colour. No Qt, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scatter_view import View

_FAINTEST = 0.28  # opacity where there is one point


@dataclass(frozen=True)
class DensityPicture:
    """The points in view, counted.

    Attributes
    ----------
    pixels
        (h, w, 4) bytes, the first row on top; transparent where there is no point.
    most
        The largest count in one pixel.
    n
        Points in view.
    step
        Screen pixels that one pixel of the picture covers.
    """

    pixels: NDArray[np.uint8]
    most: int
    n: int
    step: int


def density_picture(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    view: View,
    *,
    colormap: NDArray[np.float32] | None = None,
    colors: NDArray[np.float32] | None = None,
    step: int = 2,
) -> DensityPicture:
    """Count points in small squares of the screen, and colour these by the logarithm of the count.

    Parameters
    ----------
    x, y
        (n,) finite places.
    view
        What is shown.
    colormap
        (256, 4) colours from few points to many; used where there are no `colors`.
    colors
        (n, 4) a colour for each point: a square gets the mean of its points' colours, and is the more
        opaque, the more they are.
    step
        Edge of a square in screen pixels.
    """
    w, h = max(1, round(view.width / step)), max(1, round(view.height / step))
    x0, x1, y0, y1 = view.limits
    column, row = (x - x0) * (w / (x1 - x0)), (y1 - y) * (h / (y1 - y0))
    seen = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    place = row[seen].astype(np.intp) * w + column[seen].astype(np.intp)
    counts = np.bincount(place, minlength=w * h)
    most = int(counts.max(initial=0))
    filled = np.flatnonzero(counts)
    share = np.log(counts[filled]) / np.log(most) if most > 1 else np.zeros(len(filled))
    pixels = np.zeros((h * w, 4), np.uint8)
    if colors is not None:
        own = colors[seen]
        for channel in range(3):
            total = np.bincount(place, weights=own[:, channel], minlength=w * h)[filled]
            pixels[filled, channel] = np.rint(255 * np.clip(total / counts[filled], 0.0, 1.0))
        pixels[filled, 3] = np.rint(255 * (_FAINTEST + (1 - _FAINTEST) * share))
    elif colormap is not None:
        steps = np.rint(share * (len(colormap) - 1)).astype(np.intp)
        pixels[filled] = np.rint(255 * colormap[steps])
    return DensityPicture(pixels.reshape(h, w, 4), most, int(seen.sum()), step)
