"""Named curves that may grow while a job runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from .plot_base import Plot, short_number
from .theme import mixed

if TYPE_CHECKING:
    from napari import Viewer

_CURVE_COLORS = ("#4da3ff", "#ff9f43", "#3ecf8e", "#e8607a", "#b48cff", "#d6c34a")


class CurvePlot(Plot):
    """Named curves that may grow while a job runs."""

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent, napari_viewer)
        self._curves: dict[str, tuple[list[float], list[float]]] = {}
        self._xlabel, self._ylabel, self._log_y = "", "", False

    def set_curves(self, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> None:
        """Show curves: name → (x, y)."""
        self._curves = {
            name: ([float(v) for v in x], [float(v) for v in y]) for name, (x, y) in curves.items()
        }
        self._changed()

    def add_point(self, name: str, x: float, y: float) -> None:
        """Add a point to the end of a curve."""
        xs, ys = self._curves.setdefault(name, ([], []))
        xs.append(float(x))
        ys.append(float(y))
        self._changed()

    def set_labels(self, xlabel: str, ylabel: str, *, log_y: bool = False) -> None:
        """Name the axes; a logarithmic y axis leaves out what is not positive."""
        self._xlabel, self._ylabel, self._log_y = xlabel, ylabel, log_y
        self._changed()

    def clear(self) -> None:
        """Show nothing."""
        self.set_curves({})

    def sizeHint(self) -> QSize:
        """As high as a plot must be to be read."""
        return QSize(280, round(12 * self._line_height() + self._line_height() * len(self._legend_rows(268))))

    def _is_empty(self) -> bool:
        return not any(len(points) for points in self._points().values())

    def _points(self) -> dict[str, Any]:
        """name → (N, 2) finite points, y as it is drawn."""
        points = {}
        for name, (x, y) in self._curves.items():
            both = np.column_stack([x, y]) if x else np.zeros((0, 2))
            if self._log_y:
                both = both[both[:, 1] > 0]
                both[:, 1] = np.log10(both[:, 1])
            points[name] = both[np.isfinite(both).all(axis=1)]
        return points

    def _legend_rows(self, width: float) -> list[list[str]]:
        """The names of the curves, broken into rows that fit the width."""
        metrics, used = QFontMetricsF(self.font()), 0.0
        rows: list[list[str]] = [[]]
        for name in self._curves:
            needed = metrics.horizontalAdvance(name) + 24
            if rows[-1] and used + needed > width:
                rows.append([])
                used = 0.0
            rows[-1].append(name)
            used += needed
        return rows if rows != [[]] else []

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        points, metrics, line = self._points(), QFontMetricsF(painter.font()), self._line_height()
        everything = np.concatenate(list(points.values()))
        (x0, y0), (x1, y1) = everything.min(axis=0), everything.max(axis=0)
        x0, x1, y0, y1 = *_widened(x0, x1, 0.0), *_widened(y0, y1, 0.05)
        yticks = _log_ticks(y0, y1) if self._log_y else _ticks(y0, y1, 4)
        ylabels = [short_number(10**v if self._log_y else v) for v in yticks]
        legend = self._legend_rows(area.width())
        top = area.top() + line * len(legend) + (line if self._ylabel else 0) + 4
        left = area.left() + max((metrics.horizontalAdvance(text) for text in ylabels), default=0) + 8
        bottom = area.bottom() - line - (line if self._xlabel else 0) - 2
        frame = QRectF(left, top, area.right() - left - 4, bottom - top)

        def at(x: float, y: float) -> QPointF:
            return QPointF(
                frame.left() + frame.width() * (x - x0) / (x1 - x0),
                frame.bottom() - frame.height() * (y - y0) / (y1 - y0),
            )

        self._paint_legend(painter, area, legend)
        rows = [(at(x0, v).y(), text) for v, text in zip(yticks, ylabels, strict=True)]
        columns = [(at(v, y0).x(), short_number(v)) for v in _ticks(x0, x1, 4)]
        self._paint_axes(painter, area, frame, rows, columns)
        for name, color in self._colored():
            painter.setPen(QPen(color, 1.8))
            path = QPolygonF([at(x, y) for x, y in points[name]])
            painter.drawPolyline(path)
            if len(points[name]) == 1:
                painter.drawEllipse(path[0], 2.0, 2.0)

    def _colored(self) -> list[tuple[str, QColor]]:
        shade = QColor("black")
        return [
            (name, QColor(code) if self._colors.dark else mixed(QColor(code), shade, 0.25))
            for name, code in zip(self._curves, _CURVE_COLORS * (1 + len(self._curves) // 6), strict=False)
        ]

    def _paint_legend(self, painter: QPainter, area: QRectF, rows: list[list[str]]) -> None:
        colors, metrics, line = dict(self._colored()), QFontMetricsF(painter.font()), self._line_height()
        for i, row in enumerate(rows):
            left, middle = area.left(), area.top() + (i + 0.5) * line
            for name in row:
                painter.setPen(QPen(colors[name], 2.5))
                painter.drawLine(QPointF(left, middle), QPointF(left + 12, middle))
                width = min(metrics.horizontalAdvance(name) + 2, area.right() - left - 16)
                box = QRectF(left + 16, area.top() + i * line, width, line)
                self._text(painter, box, name, Qt.AlignmentFlag.AlignLeft)
                left += metrics.horizontalAdvance(name) + 24
        if self._ylabel:
            box = QRectF(area.left(), area.top() + len(rows) * line, area.width(), line)
            self._text(painter, box, self._ylabel, Qt.AlignmentFlag.AlignLeft, self._colors.muted)

    def _paint_axes(
        self,
        painter: QPainter,
        area: QRectF,
        frame: QRectF,
        yticks: list[tuple[float, str]],
        xticks: list[tuple[float, str]],
    ) -> None:
        line, grid = self._line_height(), mixed(self._colors.background, self._colors.text, 0.18)
        for y, text in yticks:
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
            box = QRectF(area.left(), y - line / 2, frame.left() - area.left() - 5, line)
            self._text(painter, box, text, Qt.AlignmentFlag.AlignRight, self._colors.muted)
        for x, text in xticks:
            width = QFontMetricsF(painter.font()).horizontalAdvance(text) + 4
            start = min(max(x - width / 2, area.left()), area.right() - width)
            box = QRectF(start, frame.bottom() + 2, width, line)
            self._text(painter, box, text, Qt.AlignmentFlag.AlignHCenter, self._colors.muted)
        painter.setPen(QPen(self._colors.muted, 1))
        painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        if self._xlabel:
            box = QRectF(frame.left(), frame.bottom() + line + 2, frame.width(), line)
            self._text(painter, box, self._xlabel, Qt.AlignmentFlag.AlignHCenter, self._colors.muted)


def _widened(low: float, high: float, share: float) -> tuple[float, float]:
    """A range that is never empty, a little larger than the data."""
    span = high - low or max(abs(high), 1.0)
    margin = share * span if high > low else 0.5 * span
    return float(low - margin), float(high + margin)


def _ticks(low: float, high: float, about: int) -> list[float]:
    """About so many round numbers from low to high."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Logarithms of 1, 2 and 5 times powers of ten, or of fewer powers where the range is wide."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    fine = [k + math.log10(factor) for k in powers for factor in (1, 2, 5)]
    ticks = [v for v in fine if low <= v <= high]
    if len(ticks) <= 6:
        return ticks
    whole = [float(k) for k in powers if low <= k <= high]
    return whole[:: math.ceil(len(whole) / 6)]
