"""Which part of the data a plot shows, and where on the screen. Plain geometry; no Qt, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MARGIN = 0.04  # of the data's extent, left free on each side
# What one view may span at least, as a share of the numbers it lies at: below, float64 has no steps left.
_FINEST = 1e-12

_CELLS = 32  # along each axis, into which points are sorted for drawing

Limits = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """A rectangle of the screen (pixels, y down) that shows a rectangle of the data (y up).

    Attributes
    ----------
    left, top, width, height
        Of the rectangle on the screen, in pixels.
    limits
        x from and to, y from and to: the data at the rectangle's edges.
    """

    left: float
    top: float
    width: float
    height: float
    limits: Limits

    @property
    def right(self) -> float:
        """Right edge on the screen."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge on the screen."""
        return self.top + self.height

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels per unit of x and of y."""
        x0, x1, y0, y1 = self.limits
        return self.width / (x1 - x0), self.height / (y1 - y0)

    def holds(self, px: float, py: float) -> bool:
        """Whether a place on the screen lies in the rectangle."""
        return self.left <= px <= self.right and self.top <= py <= self.bottom

    def to_screen(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places on the screen of data x and y, arrays of one shape."""
        x0, _, y0, _ = self.limits
        sx, sy = self.scale
        return (
            self.left + (np.asarray(x, np.float64) - x0) * sx,
            self.bottom - (np.asarray(y, np.float64) - y0) * sy,
        )

    def to_data(self, px: ArrayLike, py: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Data x and y at places on the screen, arrays of one shape."""
        x0, _, y0, _ = self.limits
        sx, sy = self.scale
        return (
            x0 + (np.asarray(px, np.float64) - self.left) / sx,
            y0 + (self.bottom - np.asarray(py, np.float64)) / sy,
        )

    def zoomed(self, px: float, py: float, factor: float, *, x: bool = True, y: bool = True) -> View:
        """The view magnified `factor` times along x, y or both; what is at (px, py) stays there."""
        x0, x1, y0, y1 = self.limits
        at_x, at_y = (float(one) for one in self.to_data(px, py))
        if x:
            x0, x1 = at_x + (x0 - at_x) / factor, at_x + (x1 - at_x) / factor
        if y:
            y0, y1 = at_y + (y0 - at_y) / factor, at_y + (y1 - at_y) / factor
        if not (_wide_enough(x0, x1) and _wide_enough(y0, y1)):
            return self
        return replace(self, limits=(x0, x1, y0, y1))

    def panned(self, dx: float, dy: float) -> View:
        """The view after its content was dragged by (dx, dy) pixels."""
        x0, x1, y0, y1 = self.limits
        sx, sy = self.scale
        limits = (x0 - dx / sx, x1 - dx / sx, y0 + dy / sy, y1 + dy / sy)
        return replace(self, limits=limits) if np.isfinite(limits).all() else self


def data_limits(x: NDArray[np.float64], y: NDArray[np.float64]) -> Limits:
    """Limits that show all points (n,), (n,) with a margin; never empty, even without any point.

    Points that are not finite are left out.
    """
    drawn = np.isfinite(x) & np.isfinite(y)
    if not drawn.any():
        return 0.0, 1.0, 0.0, 1.0
    x, y = x[drawn], y[drawn]
    return (*_widened(float(x.min()), float(x.max())), *_widened(float(y.min()), float(y.max())))


def _widened(low: float, high: float) -> tuple[float, float]:
    margin = _MARGIN * (high - low)
    if not _wide_enough(low, high):
        margin = 0.5 * max(abs(low), abs(high)) or 0.5
    return low - margin, high + margin


def _wide_enough(low: float, high: float) -> bool:
    span = high - low
    return bool(np.isfinite(span)) and span > _FINEST * max(abs(low), abs(high), 1e-250)


def drawing_order(
    x: NDArray[np.float64], y: NDArray[np.float64], drawn: NDArray[np.bool_], first: NDArray[np.bool_]
) -> NDArray[np.uint32]:
    """The rows to draw, those of `first` below the others.

    Otherwise the order is a shuffled one, always the same: in the order of the table the last class would
    hide the others. Neighbours on the screen are drawn one after the other, which takes software OpenGL a
    third less time.

    Parameters
    ----------
    x, y, drawn, first
        (n,) places, finite where `drawn`.
    """
    rows = np.random.default_rng(0).permutation(len(x)).astype(np.uint32)
    rows = rows[drawn[rows]]
    if not len(rows):
        return rows
    cells = np.zeros(len(rows), np.int16)
    for values in (y[rows], x[rows]):
        low, high = values.min(), values.max()
        share = (values / 2 - low / 2) / (high / 2 - low / 2) if high > low else np.zeros(len(values))
        cells = (cells * _CELLS + np.minimum(share * _CELLS, _CELLS - 1)).astype(np.int16)
    rows = rows[np.argsort(cells, kind="stable")]
    below = first[rows]
    return np.concatenate([rows[below], rows[~below]])
