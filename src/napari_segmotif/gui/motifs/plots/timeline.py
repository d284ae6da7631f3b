"""What plots over time share: the wheel zooms, dragging pans, a cursor stands at the current frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QLineF, QPointF, QRect, QRectF, Qt, Signal
from qtpy.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen, QPixmap
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...plot_base import PAD, Plot
from .time_window import TimeWindow

if TYPE_CHECKING:
    from napari import Viewer

_CLICK = 4  # pixels the mouse may move and it is still a click
_ZOOM = 0.8  # a notch of the wheel


class Timeline(Plot):
    """A plot whose x axis is a TimeWindow.

    What a subclass paints in `_paint_content` is kept until something changes, so that the cursor can move
    while a video plays.

    Signals
    -------
    clicked
        A click that was no drag, with its place.
    resized
        The plot has another size.
    """

    clicked = Signal(QPointF)
    resized = Signal()

    def __init__(
        self, window: TimeWindow, napari_viewer: Viewer | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, napari_viewer)
        self._window = window
        self._cursor: int | None = None
        self._kept: tuple[Any, QPixmap] | None = None
        self._version = 0
        self._pressed: tuple[float, float] | None = None  # where, and the first frame in view then
        self._dragged = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        window.changed.connect(self.update)

    def x_of(self, frame: float) -> float:
        """Where the middle of a frame is, in pixels."""
        left, width = self._span_px()
        return left + width * (frame - self._window.low) / self._window.span

    def frame_at(self, x: float) -> int:
        """The frame at a place, in pixels; the nearest one beside the plot."""
        left, width = self._span_px()
        frame = round(self._window.low + self._window.span * (x - left) / width)
        return int(min(max(frame, 0), max(self._window.n_frames - 1, 0)))

    def set_current_frame(self, frame: int | None) -> None:
        """Move the cursor; None takes it away."""
        before, self._cursor = self._cursor, frame
        for place in (before, frame):
            if place is not None:
                self.update(QRect(int(self.x_of(place)) - 4, 0, 9, self.height()))

    def _span_px(self) -> tuple[float, float]:
        """Left edge and width of what shows the window."""
        left = PAD + QFontMetricsF(self.font()).horizontalAdvance("1") + 5
        return left, max(1.0, self._drawn_width() - PAD - left)

    def _drawn_width(self) -> float:
        return float(self.width())

    def _cursor_spans(self) -> list[tuple[float, float]]:
        """From where to where, up and down, the cursor is painted."""
        return [(0.0, float(self.height()))]

    def _content_changed(self) -> None:
        self._version += 1
        self._changed()

    def _paint_content(self, painter: QPainter, area: QRectF) -> None:
        """Paint all but the cursor."""

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        ratio = self.devicePixelRatioF()
        window = self._window
        view = (window.low, window.high, window.n_frames, window.frame_rate, self._drawn_width())
        key = (self.size(), ratio, self._version, view, self._colors.background.name(), self.font())
        if self._kept is None or self._kept[0] != key:
            pixmap = QPixmap(self.size() * ratio)
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            inner = QPainter(pixmap)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            inner.setFont(self.font())
            self._paint_content(inner, area)
            inner.end()
            self._kept = (key, pixmap)
        painter.drawPixmap(0, 0, self._kept[1])

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint (called by Qt)."""
        super().paintEvent(event)
        if self._cursor is None or self._is_empty():
            return
        left, width = self._span_px()
        x = self.x_of(self._cursor)
        if left - 1 <= x <= left + width + 1:
            painter = QPainter(self)
            painter.setPen(QPen(self._colors.text, 1))
            painter.drawLines([QLineF(x, top, x, bottom) for top, bottom in self._cursor_spans()])
            painter.end()

    def resizeEvent(self, event: Any) -> None:
        """Say so (called by Qt)."""
        super().resizeEvent(event)
        self.resized.emit()

    def wheelEvent(self, event: Any) -> None:
        """Zoom around the mouse, or move along (called by Qt)."""
        steps = event.angleDelta()
        sideways = abs(steps.x()) > abs(steps.y())
        nothing_left = self._window.is_whole and (sideways or steps.y() <= 0)
        if self._is_empty() or nothing_left or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            event.ignore()  # the form that holds this may scroll
            return
        if sideways:
            self._window.move(self._window.low - steps.x() / 1200 * self._window.span)
        else:
            left, width = self._span_px()
            share = min(max((event.position().x() - left) / width, 0.0), 1.0)
            self._window.zoom(self._window.low + share * self._window.span, _ZOOM ** (steps.y() / 120))
        event.accept()

    def mousePressEvent(self, event: Any) -> None:
        """Begin a click or a drag (called by Qt)."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._dragged = (event.position().x(), self._window.low), False

    def mouseMoveEvent(self, event: Any) -> None:
        """Drag, or say what is under the mouse (called by Qt)."""
        if self._pressed is None:
            text = "" if self._is_empty() else self._said(event.position())
            QToolTip.showText(event.globalPosition().toPoint(), text, self)
            return
        start, low = self._pressed
        moved = event.position().x() - start
        if self._dragged or abs(moved) > _CLICK:
            self._dragged = True
            self._window.move(low - moved / self._span_px()[1] * self._window.span)

    def mouseReleaseEvent(self, event: Any) -> None:
        """End a click or a drag (called by Qt)."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        self._pressed = None
        if not self._dragged and not self._is_empty():
            self.clicked.emit(event.position())

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Show everything (called by Qt)."""
        self._window.reset()

    def _said(self, place: QPointF) -> str:
        """What the tooltip says about a place."""
        return ""
