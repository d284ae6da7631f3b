"""The cells of a motif, one a row in the order in which they fire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ...plot_base import PAD, Plot
from ...theme import mixed
from .time_window import round_ticks, time_text

if TYPE_CHECKING:
    from napari import Viewer

    from ....motifs.results.cells import MotifCells

_APART = 48.0  # pixels between two ticks of the axis, at least


class CellRaster(Plot):
    """How bright each cell is in each frame of the motif, with a tick where it fires.

    Signals
    -------
    cell_clicked
        Label of the cell whose row was clicked.
    """

    cell_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent, napari_viewer)
        self._cells: MotifCells | None = None
        self._color = QColor()
        self._length, self._frame_rate = 1, 1.0

    def set_cells(
        self,
        cells: MotifCells | None,
        color: str = "#888888",
        motif_length: int = 1,
        frame_rate: float = 1.0,
        empty_text: str = "",
    ) -> None:
        """Show the cells of a motif of `motif_length` frames, or `empty_text` where there are none."""
        self._cells, self._color = cells, QColor(color)
        self._length, self._frame_rate = max(1, motif_length), frame_rate
        self._empty_text = empty_text
        self._changed()

    def sizeHint(self) -> QSize:
        """A line of text a row, and the axis."""
        rows = len(self._cells.labels) if self._cells is not None else 0
        axis = 2 * self._line_height() + 8 if rows else 2 * self._line_height()
        return QSize(280, round(rows * self._row_height() + axis + 2 * PAD))

    def row_box(self, index: int) -> QRectF:
        """Where the trace of a cell is."""
        left = PAD + self._name_width()
        row = self._row_height()
        return QRectF(left, PAD + index * row + 1, max(1.0, self.width() - PAD - left), row - 2)

    def _row_height(self) -> float:
        return max(14.0, self._line_height() + 1)

    def _name_width(self) -> float:
        if self._cells is None:
            return 0.0
        metrics = QFontMetricsF(self.font())
        widest = max((metrics.horizontalAdvance(_name(label)) for label in self._cells.labels), default=0.0)
        return float(min(widest + 8, 0.4 * self.width()))

    def _x(self, frame: float) -> float:
        """The middle of a frame; every frame is as wide as any other."""
        box = self.row_box(0)
        return box.left() + box.width() * (frame + 0.5) / self._length

    def _is_empty(self) -> bool:
        return self._cells is None or not len(self._cells.labels)

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        if self._cells is None:
            return
        color = self._color if self._colors.dark else mixed(self._color, QColor("black"), 0.15)
        right = Qt.AlignmentFlag.AlignRight
        name_width = self._name_width()
        heat = _heat(self._cells.traces, color)
        for index, label in enumerate(self._cells.labels):
            box = self.row_box(index)
            self._text(painter, QRectF(PAD, box.top(), name_width - 6, box.height()), _name(label), right)
            painter.drawImage(box, heat, QRectF(0, index, heat.width(), 1))
            x = self._x(self._cells.onset_frames[index])
            painter.setPen(QPen(self._colors.text, 2, cap=Qt.PenCapStyle.FlatCap))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            self._targets.append(
                (QRectF(0, box.top() - 1, self.width(), box.height() + 2), self._said(index))
            )
        self._paint_axis(painter, self.row_box(len(self._cells.labels) - 1).bottom() + 3)

    def _said(self, index: int) -> str:
        assert self._cells is not None
        frame, peak = int(self._cells.onset_frames[index]), int(self._cells.peak_frames[index])
        milliseconds = 1000 * frame / self._frame_rate
        return (
            f"{_name(self._cells.labels[index])} is number {index + 1} to fire\n"
            f"{milliseconds:,.0f} ms (frame {frame}) into the motif, brightest in frame {peak}\n"
            f"{100 * self._cells.weights[index]:.0f} % as bright as the motif's brightest cell"
        )

    def _paint_axis(self, painter: QPainter, top: float) -> None:
        box, line, metrics = self.row_box(0), self._line_height(), QFontMetricsF(painter.font())
        painter.setPen(QPen(self._colors.muted, 1))
        painter.drawLine(QPointF(box.left(), top), QPointF(box.right(), top))
        about = max(1, int(box.width() / _APART))
        seconds = round_ticks(0, (self._length - 1) / self._frame_rate, about)
        step = seconds[1] - seconds[0] if len(seconds) > 1 else 0.01
        frames = round_ticks(0, self._length - 1, about, whole=True)
        rows = (
            [(self._x(s * self._frame_rate), time_text(s, step)) for s in seconds],
            [(self._x(f), f"{f:,.0f}" if f else "frame 0") for f in frames],
        )
        for which, labels in enumerate(rows):
            end = 0.0
            for x, text in labels:
                width = metrics.horizontalAdvance(text) + 2
                start = min(max(x - width / 2, 1.0), self.width() - 1 - width)
                if start < end:
                    continue
                place = QRectF(start, top + 3 + which * line, width, line)
                self._text(painter, place, text, Qt.AlignmentFlag.AlignHCenter, self._colors.muted)
                end = start + width + 6

    def mouseReleaseEvent(self, event: Any) -> None:
        """Say which cell was clicked (called by Qt)."""
        if self._cells is None or event.button() != Qt.MouseButton.LeftButton:
            return
        index = int((event.position().y() - PAD) // self._row_height())
        if 0 <= index < len(self._cells.labels) and self.rect().contains(event.position().toPoint()):
            self.cell_clicked.emit(int(self._cells.labels[index]))


def _name(label: Any) -> str:
    return f"cell {int(label):,}"


def _heat(traces: NDArray[np.float32], color: QColor) -> QImage:
    """(n, F) traces as an image of one colour, each row as opaque as it is bright."""
    height, width = traces.shape
    peaks = traces.max(axis=1, keepdims=True)
    alpha = np.clip(traces / np.where(peaks > 0, peaks, 1), 0, 1)
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[..., :3] = color.red(), color.green(), color.blue()
    pixels[..., 3] = np.rint(15 + 190 * alpha)
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.copy()
