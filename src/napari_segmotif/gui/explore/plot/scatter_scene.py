"""What a scatter plot shows, and how: single points or their density, axes, legend, and marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QFont, QPainter, QPen

from ...theme import ThemeColors, theme_colors
from ..point_colors import number_colormap
from . import scatter_export
from .scatter_axes import frame_margins, paint_axes
from .scatter_canvas import PointCanvas
from .scatter_density import DensityPicture, density_picture
from .scatter_export import paint_points, to_image
from .scatter_legend import Chip, Legend, legend_width, paint_legend
from .scatter_points import FADE, PointLook, PointSet, look_of
from .scatter_view import Limits, View

if TYPE_CHECKING:
    from napari import Viewer

_MANY = 200_000  # points from which on they are shown as density
_FEW_IN_VIEW = 60_000  # points in view that are drawn one by one even then
_MOST_EMPHASISED = 50_000  # selected points drawn over a density
_RING = 4.0  # pixels between the current point's edge and its ring
_LEGEND_GAP, _EDGE = 12.0, 6.0  # left and right of the legend


@dataclass(frozen=True)
class _Shown:
    """What was drawn last."""

    look: PointLook
    density: DensityPicture | None
    view: View  # in which the density was counted


class ScatterScene:
    """Points with everything around them, drawn on a canvas and painted over it, or painted into a file.

    Attributes
    ----------
    points
        What is shown.
    limits
        Which part of it.
    names
        Of the x and the y axis.
    current
        Row with a ring, −1 for none.
    density_asked
        Whether to show density; None decides by the number of points.
    empty_text
        Stands there while there is nothing to draw.
    chips
        Where in the widget each class of the legend stands.
    """

    def __init__(self, canvas: PointCanvas, napari_viewer: Viewer | None) -> None:
        self._canvas, self._viewer = canvas, napari_viewer
        self.points = PointSet()
        self.limits: Limits = self.points.limits
        self.names = ("", "")
        self.current = -1
        self.density_asked: bool | None = None
        self.empty_text = "Measure objects to see them here"
        self.chips: list[tuple[QRectF, Chip]] = []
        self._colors: NDArray[np.float32] = np.zeros((0, 4), np.float32)
        self._legend = Legend()
        self._theme = theme_colors(napari_viewer)
        self._canvas.set_background(self._theme.background)
        self._shown = _Shown(look_of(0, False), None, self.view(QSize(100, 100), QFont()))

    @property
    def theme(self) -> ThemeColors:
        """The colours in use."""
        return self._theme

    @property
    def look(self) -> PointLook:
        """How points are drawn now."""
        return self._shown.look

    @property
    def density(self) -> DensityPicture | None:
        """The density that is shown, if one is."""
        return self._shown.density

    def view(self, size: QSize, font: QFont) -> View:
        """Where in a widget of this size the data are shown."""
        left, top, right, bottom = frame_margins(font)
        beside = legend_width(self._legend, font, size.width())
        width = size.width() - left - max(right, beside + _LEGEND_GAP + _EDGE if beside else 0.0)
        return View(left, top, max(20.0, width), max(20.0, size.height() - top - bottom), self.limits)

    # ------------------------------------------------------------------------------------------------ drawing
    def use_canvas(self, canvas: PointCanvas) -> None:
        """Draw on another canvas from now on; draw follows."""
        self._canvas = canvas
        canvas.set_background(self._theme.background)
        self.place()
        self.recolor()

    def place(self) -> None:
        """Points have other places."""
        if self.points.n:
            self._canvas.set_places(self.points.x, self.points.y)

    def recolor(self) -> None:
        """Points have other colours, are hidden, or the theme changed; draw follows."""
        self._colors = self.points.colors(self._theme.dark)
        if self.points.n:
            self._canvas.set_colors(self._colors)
        self._legend = self.points.legend()

    def follow_theme(self) -> bool:
        """Take over the theme as it is now; whether it had changed."""
        theme = theme_colors(self._viewer)
        if theme == self._theme:
            return False
        self._theme = theme
        self._canvas.set_background(theme.background)
        self.recolor()
        return True

    def draw(self, size: QSize, font: QFont) -> None:
        """Draw all anew: as many points as there are in view decide how."""
        points = self.points
        n_in_view = points.n_within(self.limits)
        any_selected = bool(points.selected.any())
        look = look_of(n_in_view, any_selected)
        dense = self._is_dense(n_in_view)
        self._legend = points.legend()
        view = self.view(size, font)
        density = self._count(view, any_selected) if dense else None
        if density is not None and self._legend.empty:
            self._legend = Legend("objects per spot", limits=(1, max(1, density.most)))
            view = self.view(size, font)
        rows, selected = points.rows()
        if density is not None:
            rows = rows[:0]
            selected = selected if len(selected) <= _MOST_EMPHASISED else selected[:0]
        self._shown = _Shown(look, density, view)
        self._canvas.set_rows(rows, selected)
        self._canvas.set_look(look.size, look.alpha, look.fade, look.selected_size)
        self._canvas.set_view(view)
        self._canvas.set_picture(None if density is None else density.pixels, view)

    def move(self, view: View) -> None:
        """Show another part of the data as it was drawn last; `draw` should follow when the view rests."""
        self.limits = view.limits
        self._canvas.set_view(view)
        if self.density is not None:
            place = self._picture_place(view)
            height, width = self.density.pixels.shape[:2]
            self._canvas.move_picture(
                place.left(), place.top(), place.width() / width, place.height() / height
            )

    def _is_dense(self, n_in_view: int) -> bool:
        if self.density_asked is not None:
            return self.density_asked and n_in_view > 0
        return bool(self.points.drawn.sum() > _MANY) and n_in_view > _FEW_IN_VIEW

    def _count(self, view: View, any_selected: bool) -> DensityPicture:
        points = self.points
        colors = self._colors if any_selected or points.has_values else None
        if any_selected:
            red, green, blue, _ = self._theme.background.getRgbF()
            ground = np.array([red, green, blue, 1.0], np.float32)
            faded = self._colors + np.float32(FADE) * (ground - self._colors)
            colors = np.where(points.selected[:, None], self._colors, faded)
        return density_picture(
            points.x, points.y, view, colormap=number_colormap(self._theme.dark), colors=colors
        )

    def _picture_place(self, view: View) -> QRectF:
        """Where the density that was counted in another view lies in this one."""
        x0, x1, y0, y1 = self._shown.view.limits
        px, py = view.to_screen([x0, x1], [y1, y0])
        return QRectF(QPointF(px[0], py[0]), QPointF(px[1], py[1]))

    # ----------------------------------------------------------------------------------------------- painting
    def paint_over(self, painter: QPainter, size: QSize) -> None:
        """Paint all but the points, with an opaque margin that cuts them off at the frame."""
        view, area = self.view(size, painter.font()), QRectF(0, 0, size.width(), size.height())
        frame = QRectF(view.left, view.top, view.width, view.height)
        self._paint_margin(painter, area, frame)
        self._paint_decorations(painter, view, area)

    def paint_whole(self, painter: QPainter, size: QSize, vector: bool) -> None:
        """Paint everything, points included, for a file."""
        view, area = self.view(size, painter.font()), QRectF(0, 0, size.width(), size.height())
        frame = QRectF(view.left, view.top, view.width, view.height)
        painter.fillRect(area, self._theme.background)
        circles = vector and not self.svg_note()
        rows, selected = self.points.rows()
        if self.density is not None:
            painter.save()
            painter.setClipRect(frame)
            painter.drawImage(self._picture_place(view), to_image(self.density.pixels))
            painter.restore()
            rows = rows[:0]
            selected = selected if len(selected) <= _MOST_EMPHASISED else selected[:0]
        look = self.look
        for part, width_, alpha, fade in (
            (rows, look.size, look.alpha, look.fade),
            (selected, look.selected_size, 1.0, 0.0),
        ):
            px, py = view.to_screen(self.points.x[part], self.points.y[part])
            colors = self._as_drawn(self._colors[part], alpha, fade)
            paint_points(painter, px, py, colors, width_, frame, circles=circles)
        self._paint_decorations(painter, view, area)

    def svg_note(self) -> str:
        """What is to be known about an SVG of what is shown; "" where there is nothing."""
        if self.density is not None:
            return "In the SVG the density is one picture."
        n = self.points.n_within(self.limits)
        if n > scatter_export.MOST_CIRCLES:
            return f"In the SVG the {n:,} points are one picture; only fewer are circles of their own."
        return ""

    def _as_drawn(self, colors: NDArray[np.float32], alpha: float, fade: float) -> NDArray[np.float32]:
        """What the canvas makes of colours; see its shader."""
        red, green, blue, _ = self._theme.background.getRgbF()
        drawn = colors.copy()
        drawn[:, :3] += fade * (np.array([red, green, blue], np.float32) - drawn[:, :3])
        drawn[:, 3] *= alpha
        return drawn

    def _paint_margin(self, painter: QPainter, area: QRectF, frame: QRectF) -> None:
        for part in (
            QRectF(area.topLeft(), QPointF(area.right(), frame.top())),
            QRectF(QPointF(area.left(), frame.bottom()), area.bottomRight()),
            QRectF(QPointF(area.left(), frame.top()), frame.bottomLeft()),
            QRectF(frame.topRight(), QPointF(area.right(), frame.bottom())),
        ):
            painter.fillRect(part, self._theme.background)

    def _paint_decorations(self, painter: QPainter, view: View, area: QRectF) -> None:
        self.chips = []
        frame = QRectF(view.left, view.top, view.width, view.height)
        if not self.points.drawn.any():
            painter.setPen(self._theme.muted)
            wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area if not self.points.n else frame, wrapped, self.empty_text)
            if not self.points.n:
                return
        paint_axes(painter, view, self.names, self._theme, area)
        beside = legend_width(self._legend, painter.font(), area.width())
        if beside:
            box = QRectF(frame.right() + _LEGEND_GAP, frame.top(), beside, frame.height())
            self.chips = paint_legend(painter, self._legend, box, self._theme)
        self._paint_ring(painter, view)

    def _paint_ring(self, painter: QPainter, view: View) -> None:
        if not (0 <= self.current < self.points.n and self.points.drawn[self.current]):
            return
        px, py = view.to_screen(self.points.x[self.current], self.points.y[self.current])
        if not view.holds(float(px), float(py)):
            return
        place, radius = QPointF(float(px), float(py)), self.look.selected_size / 2 + _RING
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in ((self._theme.background, 4.5), (self._theme.text, 2.0)):
            painter.setPen(QPen(color, width))
            painter.drawEllipse(place, radius, radius)
