"""The points of a scatter plot: where they are, what they mean, which are chosen. No Qt, no OpenGL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....errors import InputError
from ..point_colors import PALETTE, class_colors, number_colors, number_limits, parse_color
from .scatter_legend import Legend, class_legend
from .scatter_view import Limits, data_limits, drawing_order

Kind = Literal["number", "class"]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_GREYED = "#7d8086"
_GREYED_OPACITY = 0.35
_LARGEST, _SMALLEST = 9.0, 2.8  # pixels
FADE = 0.76  # of what is not selected, towards the background
# From so few points on they are drawn at their largest and not at all transparent.
_FEW = 300


@dataclass(frozen=True)
class PointLook:
    """How points are drawn.

    Attributes
    ----------
    size, selected_size
        In pixels.
    alpha
        Opacity of the points that are not selected.
    fade
        How far their colour goes towards the background, 0 … 1.
    """

    size: float
    selected_size: float
    alpha: float
    fade: float


def look_of(n_in_view: int, any_selected: bool) -> PointLook:
    """The more points there are in view, the smaller and fainter they are."""
    powers = np.log10(max(n_in_view, 1) / _FEW)
    size = float(np.clip(_LARGEST - 2.5 * powers, _SMALLEST, _LARGEST))
    alpha = float(np.clip(0.95 - 0.1 * powers, 0.65, 0.95))
    return PointLook(size, size + 1.5, alpha, FADE if any_selected else 0.0)


class PointSet:
    """n points with their colours and what is chosen of them.

    Attributes
    ----------
    x, y
        (n,) places; NaN where a point is hidden or has none, so that it is never drawn nor found.
    placed
        (n,) which points have a place: neither x nor y is missing or infinite.
    drawn
        (n,) which points are drawn: those that have a place and are visible.
    selected
        (n,) which are chosen.
    limits
        Of all points, hidden ones included.
    """

    def __init__(self) -> None:
        self.set_places([], [])

    @property
    def n(self) -> int:
        """Number of points, hidden ones included."""
        return len(self.x)

    def set_places(self, x: ArrayLike, y: ArrayLike, visible: ArrayLike | None = None) -> None:
        """Take new points; colours and what was chosen are gone.

        Raises
        ------
        InputError
            If there are not as many x as y, or not one `visible` for each.
        """
        given_x, given_y = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
        if len(given_x) != len(given_y):
            raise InputError(f"a point has one x and one y (got {len(given_x)} x and {len(given_y)} y)")
        n = len(given_x)
        self._given = given_x, given_y
        self.limits: Limits = data_limits(given_x, given_y)
        self.selected: Mask = np.zeros(n, bool)
        self._greyed: Mask = np.zeros(n, bool)
        self._values: NDArray[np.float64] | None = None
        self._kind: Kind = "number"
        self._name = ""
        self._colors: dict[int, str] = {}
        self._class_names: dict[int, str] = {}
        self.set_visible(visible)

    def set_visible(self, visible: ArrayLike | None) -> None:
        """Hide the points that are not `visible` (n,); None shows all."""
        x, y = self._given
        shown = np.ones(len(x), bool) if visible is None else self._mask(visible, "visible")
        self.placed: Mask = np.isfinite(x) & np.isfinite(y)
        self.drawn: Mask = shown & self.placed
        self.x, self.y = np.where(self.drawn, x, np.nan), np.where(self.drawn, y, np.nan)
        self._sort()

    def set_values(
        self,
        values: ArrayLike | None,
        kind: Kind = "number",
        name: str = "",
        colors: Mapping[int, str] | None = None,
        class_names: Mapping[int, str] | None = None,
        greyed: ArrayLike | None = None,
    ) -> None:
        """Say what the colours show; see Scatter.set_values."""
        n = len(self._given[0])
        if values is not None:
            numbers = np.asarray(values, dtype=np.float64).ravel()
            if len(numbers) != n:
                raise InputError(f"give one value for each of the {n} points (got {len(numbers)})")
            values = numbers
        self._values, self._kind, self._name = values, kind, name
        self._colors, self._class_names = dict(colors or {}), dict(class_names or {})
        self._greyed = np.zeros(n, bool) if greyed is None else self._mask(greyed, "greyed")
        self._sort()

    def set_selected(self, selected: ArrayLike | None) -> None:
        """Choose the points of a mask (n,); None chooses none."""
        n = len(self._given[0])
        self.selected = np.zeros(n, bool) if selected is None else self._mask(selected, "selected")

    @property
    def has_values(self) -> bool:
        """Whether colours show something."""
        return self._values is not None

    def classes(self) -> NDArray[np.int64]:
        """(n,) the class of each point; 0 where it has none, or colours show none."""
        if self._values is None or self._kind != "class":
            return np.zeros(self.n, np.int64)
        return np.nan_to_num(self._values, nan=0.0, posinf=0.0, neginf=0.0).astype(np.int64)

    def colors(self, dark: bool) -> NDArray[np.float32]:
        """(n, 4) the colour of each point, for a dark or a light background."""
        if self._values is None:
            colors = np.tile(np.array(parse_color(PALETTE[0]), np.float32), (self.n, 1))
        elif self._kind == "class":
            colors = class_colors(self.classes(), self._colors)
        else:
            colors = number_colors(self._values, self._number_limits(), dark)
        colors[self._greyed] = (*parse_color(_GREYED)[:3], _GREYED_OPACITY)
        return colors

    def legend(self) -> Legend:
        """What the colours of the drawn points mean."""
        if self._values is None:
            return Legend()
        if self._kind == "class":
            return class_legend(self._name, self.classes()[self.drawn], self._colors, self._class_names)
        missing = int(np.isnan(self._values[self.drawn]).sum())
        return Legend(self._name, limits=self._number_limits(), missing=missing)

    def rows(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """The rows to draw, in order: those that are not selected, and those that are."""
        chosen = self.selected[self._order]
        return self._order[~chosen], self._order[chosen]

    def n_within(self, limits: Limits) -> int:
        """Number of drawn points within limits."""
        x0, x1, y0, y1 = limits
        return int(np.count_nonzero((self.x >= x0) & (self.x <= x1) & (self.y >= y0) & (self.y <= y1)))

    def _number_limits(self) -> tuple[float, float]:
        # Of all points, so that colours keep their meaning from frame to frame.
        return number_limits([] if self._values is None else self._values)

    def _sort(self) -> None:
        self._order = drawing_order(self.x, self.y, self.drawn, self._greyed)

    def _mask(self, mask: ArrayLike, what: str) -> Mask:
        chosen = np.asarray(mask)
        n = len(self._given[0])
        if chosen.dtype != bool or chosen.shape != (n,):
            raise InputError(
                f"say of each of the {n} points whether it is {what}, by True or False "
                f"(got shape {chosen.shape}, {chosen.dtype})"
            )
        return chosen.copy()
