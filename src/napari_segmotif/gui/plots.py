"""Small plots for a narrow dock: bars, a confusion matrix, and curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..errors import InputError
from .curve_plot import CurvePlot
from .plot_base import PAD, Plot, short_number
from .theme import ThemeColors, mixed

if TYPE_CHECKING:
    from napari import Viewer

__all__ = ["BarPlot", "CurvePlot", "MatrixPlot"]


class BarPlot(Plot):
    """Named values as horizontal bars, in the order given."""

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent, napari_viewer)
        self._names: list[str] = []
        self._values = np.zeros(0)
        self._errors: Any = None
        self._xlabel = ""
        self._hidden = 0

    def set_bars(
        self,
        names: Sequence[str],
        values: Sequence[float],
        *,
        errors: Sequence[float] | None = None,
        xlabel: str = "",
        max_bars: int = 30,
    ) -> None:
        """Show bars.

        Parameters
        ----------
        names, values
            One each per bar.
        errors
            Half-lengths of error bars, or None.
        xlabel
            What the values are.
        max_bars
            Only the first so many are shown, and the number of the others said.

        Raises
        ------
        InputError
            If there are not as many names as values.
        """
        if len(names) != len(values):
            raise InputError(f"a bar plot needs one name per value (got {len(names)} and {len(values)})")
        self._hidden = max(0, len(names) - max_bars)
        self._names = [str(name) for name in names[:max_bars]]
        self._values = np.nan_to_num(np.asarray(values[:max_bars], dtype=float))
        self._errors = None if errors is None else np.nan_to_num(np.asarray(errors[:max_bars], dtype=float))
        self._xlabel = xlabel
        self._changed()

    def clear(self) -> None:
        """Show nothing."""
        self.set_bars([], [])

    def sizeHint(self) -> QSize:
        """As high as the bars need."""
        rows = max(3, len(self._names)) + (self._xlabel != "") + (self._hidden > 0)
        return QSize(280, round(rows * (self._line_height() + 4) + 2 * PAD))

    def _is_empty(self) -> bool:
        return not self._names

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        metrics = QFontMetricsF(painter.font())
        row = self._line_height() + 4
        texts = [short_number(value) for value in self._values]
        number_width = max(metrics.horizontalAdvance(text) for text in texts) + 4
        name_width = min(max(metrics.horizontalAdvance(name) for name in self._names) + 4, 0.5 * area.width())
        room = max(10.0, area.width() - name_width - number_width - 8)
        reach = self._values if self._errors is None else self._values + self._errors
        low, high = min(0.0, float(self._values.min())), max(float(reach.max()), 1e-12)
        zero = area.left() + name_width + 4 - room * low / (high - low)
        for i, (name, value, text) in enumerate(zip(self._names, self._values, texts, strict=True)):
            top = area.top() + i * row
            self._text(painter, QRectF(area.left(), top, name_width, row), name, Qt.AlignmentFlag.AlignRight)
            length = room * value / (high - low)
            bar = QRectF(zero + min(0.0, length), top + 3, abs(length), row - 6)
            painter.fillRect(bar, self._colors.accent if value >= 0 else self._colors.muted)
            if self._errors is not None:
                self._paint_error(painter, zero + length, room * self._errors[i] / (high - low), bar)
            numbers = QRectF(area.right() - number_width, top, number_width, row)
            self._text(painter, numbers, text, Qt.AlignmentFlag.AlignRight, self._colors.muted)
            self._targets.append((QRectF(area.left(), top, area.width(), row), f"{name}: {value:.4g}"))
        self._paint_footer(painter, area, area.top() + len(self._names) * row, row)

    def _paint_error(self, painter: QPainter, end: float, half: float, bar: QRectF) -> None:
        painter.setPen(QPen(self._colors.text, 1.2))
        middle = bar.center().y()
        painter.drawLine(QPointF(end - half, middle), QPointF(end + half, middle))

    def _paint_footer(self, painter: QPainter, area: QRectF, top: float, row: float) -> None:
        lines = [f"and {self._hidden} more"] * (self._hidden > 0) + [self._xlabel] * (self._xlabel != "")
        for i, line in enumerate(lines):
            box = QRectF(area.left(), top + i * row, area.width(), row)
            self._text(painter, box, line, Qt.AlignmentFlag.AlignRight, self._colors.muted)


class MatrixPlot(Plot):
    """A confusion matrix: counts, and the share of each row."""

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent, napari_viewer)
        self._matrix = np.zeros((0, 0))
        self._names: list[str] = []
        self._labels = ("painted", "predicted")

    def set_matrix(
        self,
        matrix: Any,
        names: Sequence[str],
        *,
        row_label: str = "painted",
        column_label: str = "predicted",
    ) -> None:
        """Show a confusion matrix.

        Parameters
        ----------
        matrix
            (K, K) counts; rows are the truth.
        names
            One per class.
        row_label, column_label
            What rows and columns are.

        Raises
        ------
        InputError
            If the matrix is not square, or has not one name per class.
        """
        counts = np.asarray(matrix, dtype=float)
        if counts.shape != (len(names), len(names)):
            raise InputError(f"a matrix of {len(names)} classes is square (got shape {counts.shape})")
        self._matrix, self._names, self._labels = (
            counts,
            [str(name) for name in names],
            (row_label, column_label),
        )
        self._changed()

    def clear(self) -> None:
        """Show nothing."""
        self.set_matrix(np.zeros((0, 0)), [])

    def sizeHint(self) -> QSize:
        """Two lines of text a row."""
        rows = max(2, len(self._names))
        return QSize(280, round(rows * self._row_height() + 2 * self._line_height() + 4 * PAD))

    def _row_height(self) -> float:
        return 2 * self._line_height() + 8

    def _is_empty(self) -> bool:
        return not self._names

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        metrics = QFontMetricsF(painter.font())
        line, row = self._line_height(), self._row_height()
        widest = max(metrics.horizontalAdvance(text) for text in [*self._names, f"{self._labels[0]} ↓"])
        name_width = min(widest + 6, 0.34 * area.width())
        left, top = area.left() + name_width, area.top() + 2 * line + PAD
        cell_width = (area.right() - left) / len(self._names)
        center, right = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight
        header = QRectF(left, area.top(), area.right() - left, line)
        self._text(painter, header, f"{self._labels[1]} →", center, self._colors.muted)
        corner = QRectF(area.left(), area.top() + line, name_width - 6, line)
        self._text(painter, corner, f"{self._labels[0]} ↓", right, self._colors.muted)
        for i, name in enumerate(self._names):
            column = QRectF(left + i * cell_width + 2, area.top() + line, cell_width - 4, line)
            self._text(painter, column, name, center)
            self._text(painter, QRectF(area.left(), top + i * row, name_width - 6, row), name, right)
            for j in range(len(self._names)):
                cell = QRectF(left + j * cell_width + 1, top + i * row + 1, cell_width - 2, row - 2)
                self._paint_cell(painter, cell, i, j)

    def _paint_cell(self, painter: QPainter, cell: QRectF, i: int, j: int) -> None:
        total = self._matrix[i].sum()
        share = self._matrix[i, j] / total if total else 0.0
        fill, ink = cell_colors(self._colors, share, i == j)
        painter.fillRect(cell, fill)
        count, percent = f"{self._matrix[i, j]:,.0f}", f"{100 * share:.1f} %" if total else "–"
        upper = QRectF(cell.left(), cell.top(), cell.width(), cell.height() / 2 + 1)
        lower = QRectF(cell.left(), cell.center().y() - 1, cell.width(), cell.height() / 2)
        self._text(painter, upper, percent, Qt.AlignmentFlag.AlignHCenter, ink)
        self._text(painter, lower, count, Qt.AlignmentFlag.AlignHCenter, mixed(ink, fill, 0.25))
        row_name, column_name = self._names[i], self._names[j]
        painted, predicted = self._labels
        said = f"{count} pixels {painted} as {row_name} were {predicted} as {column_name} ({percent})"
        self._targets.append((cell, said))


def cell_colors(colors: ThemeColors, share: float, right: bool) -> tuple[QColor, QColor]:
    """Fill and text of a cell of a confusion matrix; the text is black or white, whichever stands out."""
    hue = colors.accent if right else QColor("#e8607a")
    fill = mixed(mixed(colors.background, colors.foreground, 0.5), hue, share)
    return fill, QColor("#111111") if luminance(fill) > 0.18 else QColor("#f5f5f5")


def luminance(color: QColor) -> float:
    """Relative luminance of a colour, in [0, 1]."""
    red, green, blue = (channel**2.2 for channel in color.getRgbF()[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
