"""One row a motif: its activation over time as a trace, or the times it was played as ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ...plot_base import PAD
from ...theme import mixed
from ..colors import GREY
from .motif_rows import MotifRow, raster_image, trace_image
from .time_window import TimeWindow
from .timeline import Timeline

if TYPE_CHECKING:
    from napari import Viewer

TRACES, RASTER = "traces", "raster"
_NEAR = 6.0  # pixels within which a click means an occurrence
_ROOM = {TRACES: (24, 36), RASTER: (10, 16)}  # least and usual height under a row's name
_GAP = 4.0


class ActivationPlot(Timeline):
    """Rows of motifs over time.

    Signals
    -------
    frame_clicked
        The frame of the occurrence that was clicked, or the frame under the mouse where there is none near.
    """

    frame_clicked = Signal(int)

    def __init__(
        self, window: TimeWindow, napari_viewer: Viewer | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(window, napari_viewer, parent)
        self._rows: tuple[MotifRow, ...] = ()
        self._mode = TRACES
        self.clicked.connect(self._on_clicked)

    def set_rows(self, rows: Sequence[MotifRow], empty_text: str) -> None:
        """Show these motifs, or `empty_text` where there are none."""
        self._rows, self._empty_text = tuple(rows), empty_text
        self._fit()

    def set_mode(self, mode: str) -> None:
        """Show "traces" or a "raster"."""
        self._mode = mode
        self._fit()

    def changeEvent(self, event: Any) -> None:
        """Follow the font, which napari's theme sets (called by Qt)."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        self.setMinimumHeight(self._height(0) if self._rows else round(3 * self._line_height()))
        self._content_changed()

    def _height(self, which: int) -> int:
        row = self._line_height() + _ROOM[self._mode][which] + _GAP
        return round(max(1, len(self._rows)) * row + PAD)

    def sizeHint(self) -> QSize:
        """Rows as high as they are read well."""
        return QSize(280, self._height(1))

    def row_box(self, index: int) -> QRectF:
        """Where a motif's trace is, below its name."""
        left, width = self._span_px()
        height = (self.height() - PAD) / max(1, len(self._rows))
        name = self._line_height()
        return QRectF(left, PAD / 2 + index * height + name, width, height - name - _GAP)

    def _cursor_spans(self) -> list[tuple[float, float]]:
        boxes = [self.row_box(index) for index in range(len(self._rows))]  # not through the names
        return [(box.top(), box.bottom()) for box in boxes]

    def _is_empty(self) -> bool:
        return not self._rows

    def _color(self, row: MotifRow) -> QColor:
        color = QColor(row.color if row.significant else GREY)
        return color if self._colors.dark else mixed(color, QColor("black"), 0.15)

    def _paint_content(self, painter: QPainter, area: QRectF) -> None:
        low, high = self._window.low, self._window.high
        ratio = self.devicePixelRatioF()
        faint = QPen(mixed(self._colors.background, self._colors.text, 0.22), 1)
        for index, row in enumerate(self._rows):
            box, color = self.row_box(index), self._color(row)
            self._paint_name(painter, row, box, color)
            painter.setPen(faint)
            painter.drawLine(QLineF(box.left(), box.bottom() + 0.5, box.right(), box.bottom() + 0.5))
            columns, lines = max(1, round(box.width() * ratio)), max(2, round(box.height() * ratio))
            if self._mode == TRACES:
                image = trace_image(row.activation, low, high, columns, lines, color)
                self._paint_scale(painter, box)
            else:
                image = raster_image(row, low, high, columns, lines, color, round(2 * ratio))
            painter.drawImage(box, image)

    def _paint_name(self, painter: QPainter, row: MotifRow, box: QRectF, color: QColor) -> None:
        metrics, line = QFontMetricsF(painter.font()), self._line_height()
        top = box.top() - line
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(box.left(), top + line / 2 - 4.5, 9, 9), 2, 2)
        name = f"★ {row.name}" if row.significant and not math.isnan(row.p_value) else row.name
        width = metrics.horizontalAdvance(name) + 4
        left = box.left() + 14
        ink = self._colors.text if row.significant else self._colors.muted
        align = Qt.AlignmentFlag.AlignLeft
        self._text(painter, QRectF(left, top, width, line), name, align, ink)
        rest = QRectF(left + width + 6, top, box.right() - left - width - 6, line)
        self._text(painter, rest, row.note, align, self._colors.muted)

    def _paint_scale(self, painter: QPainter, box: QRectF) -> None:
        line, right = self._line_height(), Qt.AlignmentFlag.AlignRight
        if box.height() < 1.6 * line:
            return
        for y, text in ((box.top(), "1"), (box.bottom() - line + 3, "0")):
            place = QRectF(PAD - 2, y - 1, box.left() - PAD - 1, line)
            self._text(painter, place, text, right, self._colors.muted)

    def _row_at(self, place: QPointF) -> MotifRow | None:
        height = (self.height() - PAD) / max(1, len(self._rows))
        index = int((place.y() - PAD / 2) // height)
        return self._rows[min(max(index, 0), len(self._rows) - 1)] if self._rows else None

    def _meant(self, place: QPointF) -> tuple[MotifRow, int, int | None] | None:
        """Row, frame, and index of the occurrence at a place."""
        row = self._row_at(place)
        if row is None:
            return None
        left, width = self._span_px()
        exact = self._window.low + self._window.span * (place.x() - left) / width
        near = row.nearest(exact, max(0.5, _NEAR * self._window.span / width))
        return row, self.frame_at(place.x()) if near is None else int(row.frames[near]), near

    def _on_clicked(self, place: QPointF) -> None:
        meant = self._meant(place)
        if meant is not None:
            self.frame_clicked.emit(meant[1])

    def _said(self, place: QPointF) -> str:
        meant = self._meant(place)
        if meant is None:
            return ""
        row, frame, near = meant
        amplitude = row.activation[frame] if near is None else row.amplitudes[near]
        begins = "begins" if near is not None else "activation"
        seconds = self._window.seconds(frame)
        if near is not None:
            return f"{row.name} {begins} at {seconds:.2f} s, frame {frame:,}\namplitude {amplitude:.2f}"
        return f"{row.name}, {seconds:.2f} s, frame {frame:,}\n{begins} {amplitude:.2f}"
