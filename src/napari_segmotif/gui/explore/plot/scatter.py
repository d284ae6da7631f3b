"""A scatter plot of many points that are chosen by click, lasso and rectangle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from qtpy.QtCore import QPoint, QSize, QTimer, Signal
from qtpy.QtGui import QFontInfo, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from .scatter_canvas import PointCanvas
from .scatter_export import save_plot
from .scatter_lasso import nearest_row, rows_in_polygon
from .scatter_overlay import ScatterOverlay, Tool
from .scatter_points import Kind, PointSet
from .scatter_scene import ScatterScene
from .scatter_view import Limits, View

if TYPE_CHECKING:
    from napari import Viewer

_REACH = 6.0  # pixels within which the mouse finds a point
_REST = 60  # ms without a move of the view, after which a density is counted anew


class Scatter(QWidget):
    """A scatter plot.

    It knows neither table nor image: rows count from 0 in the order of set_points. Whoever owns it calls
    `release` when it is closed for good.

    Parameters
    ----------
    parent
        Qt parent.
    napari_viewer
        The viewer whose theme is followed; None follows the settings.

    Signals
    -------
    lassoed(rows, mode)
        Rows (k,) in an outline, or of a class clicked in the legend; mode is replace, add or subtract.
    clicked(row, mode)
        A point was clicked; or, with −1, a place without one, or Escape was pressed.
    hovered(row)
        The mouse points at another point; −1 for none.
    class_key(digit)
        A number key was pressed over the plot.
    """

    lassoed = Signal(object, str)
    clicked = Signal(int, str)
    hovered = Signal(int)
    class_key = Signal(int)

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent)
        self._tooltip: Callable[[int], str] | None = None
        self._hovered = -1
        self._released = False
        self._canvas = PointCanvas(self, self._begin_anew)
        self._scene = ScatterScene(self._canvas, napari_viewer)
        self._overlay = ScatterOverlay(self, self._paint_over, self._hits)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._timer.timeout.connect(self._draw)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._connect()

    def _connect(self) -> None:
        overlay = self._overlay
        overlay.dragged.connect(self._pan)
        overlay.turned.connect(self._zoom)
        overlay.outlined.connect(self._take_outline)
        overlay.clicked.connect(self._take_click)
        overlay.double_clicked.connect(self.reset_view)
        overlay.pointed.connect(self._point_at)
        overlay.left.connect(self._leave)
        overlay.escaped.connect(self._clear)
        overlay.digit_pressed.connect(self.class_key)

    # ------------------------------------------------------------------------------------------------ content
    def set_points(
        self,
        x: ArrayLike,
        y: ArrayLike,
        names: tuple[str, str] = ("", ""),
        *,
        visible: ArrayLike | None = None,
    ) -> None:
        """Show other points; colours, selection and view begin anew.

        Parameters
        ----------
        x, y
            (n,) numbers. A point whose x or y is missing or infinite is not drawn and never found.
        names
            Of the x and the y axis.
        visible
            (n,) mask of the points to draw; None draws all.

        Raises
        ------
        InputError
            If the lengths differ.
        """
        scene = self._scene
        scene.points.set_places(x, y, visible)
        scene.names, scene.current, scene.limits = names, -1, scene.points.limits
        scene.place()
        self._hovered = -1
        self._recolor()

    def set_visible(self, visible: ArrayLike | None) -> None:
        """Draw only the points of a mask (n,), None for all; the view stays."""
        self._scene.points.set_visible(visible)
        self._recolor()

    def set_values(
        self,
        values: ArrayLike | None,
        kind: Kind = "number",
        name: str = "",
        colors: Mapping[int, str] | None = None,
        greyed: ArrayLike | None = None,
        *,
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        """Say what colours show.

        Parameters
        ----------
        values
            (n,) numbers, or ids of classes; None gives all points one colour.
        kind
            "number" (a colour bar from low to high) or "class" (a colour each; 0 and missing are grey).
        name
            Title of the legend.
        colors, class_names
            Colours "#rrggbb" and names of classes; by default those of `class_color`, and their ids.
        greyed
            (n,) mask of points that are drawn grey and below the others, such as uncertain ones.

        Raises
        ------
        InputError
            If there is not one value for each point.
        """
        self._scene.points.set_values(values, kind, name, colors, class_names, greyed)
        self._recolor()

    def set_selected(self, selected: ArrayLike | None) -> None:
        """Emphasise the points of a mask (n,), the others fade; None emphasises none."""
        self._scene.points.set_selected(selected)
        self._draw()

    def set_current(self, row: int | None) -> None:
        """Put a ring around one point; −1 or None around none."""
        self._scene.current = -1 if row is None else int(row)
        self._overlay.update()

    def set_labels(self, text: Callable[[int], str] | None) -> None:
        """Say what the tooltip of a row is."""
        self._tooltip = text

    def set_empty_text(self, text: str) -> None:
        """What stands there while there is nothing to draw."""
        self._scene.empty_text = text
        self._overlay.update()

    def set_density(self, density: bool | None) -> None:
        """Show how many points there are at each place, or each point; None decides by their number."""
        self._scene.density_asked = density
        self._draw()

    @property
    def density_shown(self) -> bool:
        """Whether a density is shown now."""
        return self._scene.density is not None

    @property
    def tool(self) -> Tool:
        """What dragging with the left button does: "pan", "lasso" or "rectangle"; the others always pan."""
        return self._overlay.tool

    @tool.setter
    def tool(self, tool: Tool) -> None:
        self._overlay.set_tool(tool)

    @property
    def points(self) -> PointSet:
        """What is shown; changed through the methods of this widget only."""
        return self._scene.points

    def save(self, path: str | Path) -> Path:
        """Write the plot as it is seen: PNG at twice its size, or SVG, by the suffix of `path`.

        Raises
        ------
        InputError
            If the suffix is another one.
        StorageError
            If the file cannot be written.
        """
        size, font = self._size(), self.font()
        # In points its size would depend on the resolution that a file claims to have.
        font.setPixelSize(QFontInfo(font).pixelSize())

        def paint(painter: QPainter, vector: bool) -> None:
            painter.setFont(font)
            self._scene.paint_whole(painter, size, vector)

        title = " and ".join(name for name in self._scene.names if name)
        return save_plot(path, size, paint, title, self.svg_note)

    @property
    def svg_note(self) -> str:
        """What is to be known about an SVG of what is shown; "" where there is nothing."""
        return self._scene.svg_note()

    # --------------------------------------------------------------------------------------------------- view
    @property
    def view(self) -> View:
        """Which part of the data is shown, and where in the widget."""
        return self._scene.view(self._size(), self.font())

    def set_limits(self, limits: Limits) -> None:
        """Show x from and to, y from and to."""
        self._move(replace(self.view, limits=limits))

    def reset_view(self) -> None:
        """Show all points."""
        self.set_limits(self._scene.points.limits)

    def show_row(self, row: int) -> None:
        """Move the view to a point that is not in it."""
        points, view = self._scene.points, self.view
        if not (0 <= row < points.n and points.drawn[row]):
            return
        px, py = (float(one) for one in view.to_screen(points.x[row], points.y[row]))
        if not view.holds(px, py):
            self._move(view.panned(view.left + view.width / 2 - px, view.top + view.height / 2 - py))

    def sizeHint(self) -> QSize:
        return QSize(480, 380)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 140)

    def resizeEvent(self, event: Any) -> None:
        self._canvas.native.setGeometry(self.rect())
        self._overlay.setGeometry(self.rect())
        self._overlay.raise_()
        self._move(self.view)
        super().resizeEvent(event)

    def release(self) -> None:
        """Close the canvas and stop the timers; the widget shows nothing from here on."""
        self._released = True
        with suppress(RuntimeError):  # Qt may have deleted the widget by now, and what is in it
            self._timer.stop()
            self._overlay.stop()
        self._canvas.close()

    def _begin_anew(self) -> None:
        QTimer.singleShot(0, self._renew_canvas)  # not while Qt paints the old one

    def _renew_canvas(self) -> None:
        """Go on with another canvas where the old one has lost what it was given."""
        if self._released:
            return
        old, self._canvas = self._canvas, PointCanvas(self, self._begin_anew)
        old.close()
        old.native.setParent(None)
        old.native.deleteLater()
        self._canvas.native.setGeometry(self.rect())
        self._canvas.native.show()
        self._overlay.raise_()
        self._scene.use_canvas(self._canvas)
        self._draw()

    def _size(self) -> QSize:
        return QSize(self.width(), self.height())

    def _move(self, view: View) -> None:
        if self._released:
            return
        self._scene.move(view)
        self._overlay.update()
        self._timer.start()

    def _recolor(self) -> None:
        self._scene.recolor()
        self._draw()

    def _draw(self) -> None:
        if self._released:
            return
        self._timer.stop()
        self._scene.draw(self._size(), self.font())
        self._overlay.update()

    def _paint_over(self, painter: QPainter) -> None:
        if self._scene.follow_theme():
            self._draw()
        self._overlay.set_outline_color(self._scene.theme.text)
        self._scene.paint_over(painter, self._size())

    # ---------------------------------------------------------------------------------------------- the mouse
    def _pan(self, dx: float, dy: float) -> None:
        self._move(self.view.panned(dx, dy))

    def _zoom(self, px: float, py: float, factor: float) -> None:
        """Magnify at a place; over the numbers of an axis, along this axis alone."""
        view = self.view
        beside, below = px < view.left, py > view.bottom
        at_x, at_y = min(max(px, view.left), view.right), min(max(py, view.top), view.bottom)
        self._move(view.zoomed(at_x, at_y, factor, x=not beside, y=beside or not below))

    def _row_at(self, px: float, py: float) -> int:
        view, points = self.view, self._scene.points
        if not view.holds(px, py):
            return -1
        x, y = view.to_data(px, py)
        along_x, along_y = view.scale
        reach = max(_REACH, self._scene.look.size / 2)
        return nearest_row(points.x, points.y, (float(x), float(y)), (reach / along_x, reach / along_y))

    def _hits(self, px: float, py: float) -> bool:
        return not self.view.holds(px, py) or self._row_at(px, py) >= 0

    def _take_outline(self, polygon: list[tuple[float, float]], mode: str) -> None:
        points = self._scene.points
        corners = np.stack(self.view.to_data(*np.array(polygon).T), axis=1)
        self.lassoed.emit(rows_in_polygon(points.x, points.y, corners), mode)

    def _take_click(self, px: float, py: float, mode: str) -> None:
        if self.view.holds(px, py):
            self.clicked.emit(self._row_at(px, py), mode)
            return
        for place, chip in self._scene.chips:
            if place.contains(px, py):
                points = self._scene.points
                of_class = np.maximum(points.classes(), 0) == chip.class_id
                self.lassoed.emit(np.flatnonzero(of_class & points.drawn), mode)

    def _clear(self) -> None:
        self.clicked.emit(-1, "replace")

    def _point_at(self, px: float, py: float) -> None:
        row = self._row_at(px, py)
        if row < 0:
            QToolTip.hideText()
        elif self._tooltip is not None:
            place = self._overlay.mapToGlobal(QPoint(round(px), round(py)))
            QToolTip.showText(place, self._tooltip(row), self._overlay)
        self._hover(row)

    def _leave(self) -> None:
        QToolTip.hideText()
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            self._hovered = row
            self.hovered.emit(row)
