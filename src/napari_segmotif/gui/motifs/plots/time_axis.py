"""The axis under plots over time: seconds and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QLineF, QRectF, QSize, Qt
from qtpy.QtGui import QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy

from .time_window import TimeWindow, round_ticks, time_text
from .timeline import Timeline

if TYPE_CHECKING:
    from napari import Viewer

_TICK = 5.0
_APART = 78.0  # pixels between two ticks, at least


class TimeAxis(Timeline):
    """Two rows of ticks, in seconds and in frames, under a plot of the same window.

    Parameters
    ----------
    window
        What is in view.
    above
        The plot above, whose width counts: it may have a scroll bar beside it.
    napari_viewer
        Whose theme is followed.
    """

    def __init__(self, window: TimeWindow, above: Timeline, napari_viewer: Viewer | None = None) -> None:
        super().__init__(window, napari_viewer)
        self._above = above
        above.resized.connect(self.update)
        self._empty_text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Two lines of text."""
        return QSize(280, round(2 * self._line_height() + _TICK + 6))

    def _drawn_width(self) -> float:
        return float(self._above.width())

    def _cursor_spans(self) -> list[tuple[float, float]]:
        return [(0.0, _TICK + 1)]  # not through the numbers

    def _is_empty(self) -> bool:
        return self._window.n_frames == 0

    def _paint_content(self, painter: QPainter, area: QRectF) -> None:
        window, line = self._window, self._line_height()
        left, width = self._span_px()
        painter.setPen(QPen(self._colors.muted, 1))
        painter.drawLine(QLineF(left, 0.5, left + width, 0.5))
        about = max(1, int(width / _APART))
        low, high = max(window.low, 0.0), min(window.high, window.n_frames - 1.0)
        seconds = round_ticks(window.seconds(low), window.seconds(high), about)
        step = seconds[1] - seconds[0] if len(seconds) > 1 else 0.01
        labels = [(self.x_of(s * window.frame_rate), time_text(s, step)) for s in seconds]
        for x, _ in labels:
            painter.drawLine(QLineF(x, 1, x, _TICK))
        self._write(painter, labels, _TICK)
        frames = [(self.x_of(f), f"{f:,.0f}") for f in round_ticks(low, high, about, whole=True)]
        if frames:
            frames[0] = (frames[0][0], f"frame {frames[0][1]}")
        self._write(painter, frames, _TICK + line)

    def _write(self, painter: QPainter, labels: list[tuple[float, str]], top: float) -> None:
        """Write labels in a row; none is cut off, and none over another."""
        metrics, end = QFontMetricsF(painter.font()), 0.0
        for x, text in labels:
            width = metrics.horizontalAdvance(text) + 2
            start = min(max(x - width / 2, 1.0), self._drawn_width() - width - 1)
            if start >= end:
                box = QRectF(start, top, width, self._line_height())
                self._text(painter, box, text, Qt.AlignmentFlag.AlignHCenter, self._colors.muted)
                end = start + width + 6
