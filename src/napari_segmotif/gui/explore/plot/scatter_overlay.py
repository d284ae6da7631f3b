"""What lies over the points: it takes the mouse, and paints all but the points.

Axes, legend, outline of a lasso and the ring around the current object are painted by Qt, so that moving the
mouse never makes OpenGL draw the points again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from qtpy.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QApplication, QToolTip, QWidget

Tool = Literal["pan", "lasso", "rectangle"]
ScatterMode = Literal["replace", "add", "subtract"]

_CLICK_SLACK = 4.0  # pixels a click may wander
_LASSO_STEP = 2.0  # pixels between two corners of a lasso
_ZOOM_PER_NOTCH = 1.2
_CURSORS = {
    "pan": Qt.CursorShape.OpenHandCursor,
    "lasso": Qt.CursorShape.CrossCursor,
    "rectangle": Qt.CursorShape.CrossCursor,
}
_Button = Qt.MouseButton


def mode_of(modifiers: Any) -> ScatterMode:
    """What a selection does to the one before: Shift adds, Ctrl (on a Mac ⌘) and Alt subtract."""
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return "add"
    if modifiers & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
        return "subtract"
    return "replace"


class ScatterOverlay(QWidget):
    """Turns the mouse into what the user means; places are pixels of this widget.

    Parameters
    ----------
    parent
        Qt parent.
    paint
        Paints axes, legend and marks.
    hits
        Whether there is something at a place. A click on it counts at once; elsewhere a click clears the
        selection, and so waits for the second one of a double click, which must not.

    Signals
    -------
    dragged(dx, dy)
        The content was moved.
    turned(px, py, factor)
        The wheel magnified at a place.
    outlined(polygon, mode)
        A lasso or a rectangle was closed: a list of (px, py).
    clicked(px, py, mode)
    double_clicked()
    pointed(px, py)
        The mouse rests or moves there, no button pressed.
    left()
        The mouse left.
    escaped()
        Escape was pressed while nothing was being drawn.
    digit_pressed(digit)
        A number key, 0 to 9.
    """

    dragged = Signal(float, float)
    turned = Signal(float, float, float)
    outlined = Signal(object, str)
    clicked = Signal(float, float, str)
    double_clicked = Signal()
    pointed = Signal(float, float)
    left = Signal()
    escaped = Signal()
    digit_pressed = Signal(int)

    def __init__(
        self,
        parent: QWidget,
        paint: Callable[[QPainter], object],
        hits: Callable[[float, float], bool],
    ) -> None:
        super().__init__(parent)
        self._paint, self._hits = paint, hits
        self._tool: Tool = "pan"
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._wandered = False
        self._button = _Button.NoButton
        self._mode: ScatterMode = "replace"
        self._corners: list[QPointF] = []
        self._outline_color = QColor("white")
        self._waiting: tuple[float, float, str] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._click_now)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.set_tool("pan")

    @property
    def tool(self) -> Tool:
        """What dragging with the left button does."""
        return self._tool

    def set_tool(self, tool: Tool) -> None:
        self._tool = tool
        self._stop_drawing()
        self.setCursor(_CURSORS[tool])

    def set_outline_color(self, color: QColor) -> None:
        """Colour of the outline while it is drawn."""
        self._outline_color = color

    def stop(self) -> None:
        """Forget a click that waits, and an outline that is being drawn."""
        self._timer.stop()
        self._waiting = None
        self._stop_drawing()

    # -------------------------------------------------------------------------------------------------- mouse
    def mousePressEvent(self, event: Any) -> None:
        if self._pressed is not None:  # a second button during a drag changes nothing
            return
        self._pressed = self._last = event.position()
        self._wandered = False
        self._button, self._mode = event.button(), mode_of(event.modifiers())
        QToolTip.hideText()
        if self._draws():
            self._corners = [self._pressed]
        event.accept()

    def mouseMoveEvent(self, event: Any) -> None:
        place = event.position()
        if self._pressed is None:
            self.pointed.emit(place.x(), place.y())
            return
        self._wandered = self._wandered or _far(place, self._pressed, _CLICK_SLACK)
        if self._draws():
            self._draw_to(place)
        elif self._wandered:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.dragged.emit(place.x() - self._last.x(), place.y() - self._last.y())
            self._last = place
        event.accept()

    def mouseReleaseEvent(self, event: Any) -> None:
        if self._pressed is None or event.button() != self._button:
            return
        start, polygon = self._pressed, self._polygon()
        self._stop_drawing()
        if polygon:
            self.outlined.emit(polygon, self._mode)
        elif self._button == _Button.LeftButton and not self._wandered:
            self._click(start.x(), start.y())
        event.accept()

    def mouseDoubleClickEvent(self, event: Any) -> None:
        self._timer.stop()
        self._waiting = None
        if event.button() == _Button.LeftButton:
            self.double_clicked.emit()
        event.accept()

    def wheelEvent(self, event: Any) -> None:
        notches = event.angleDelta().y() / 120
        if notches:
            place = event.position()
            self.turned.emit(place.x(), place.y(), _ZOOM_PER_NOTCH**notches)
        event.accept()  # or the dock would scroll

    def leaveEvent(self, event: QEvent | None) -> None:
        self.left.emit()

    def keyPressEvent(self, event: Any) -> None:
        digit = event.key() - Qt.Key.Key_0.value
        if event.key() == Qt.Key.Key_Escape.value:
            if self._corners:
                self._stop_drawing()
            else:
                self.escaped.emit()
        elif 0 <= digit <= 9 and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            if not event.isAutoRepeat():  # a key held down is one answer
                self.digit_pressed.emit(digit)
        else:
            event.ignore()  # a shortcut of the window

    def _draws(self) -> bool:
        return self._button == _Button.LeftButton and self._tool != "pan" and self._pressed is not None

    def _draw_to(self, place: QPointF) -> None:
        if self._tool == "rectangle":
            self._corners = [self._corners[0], place] if self._wandered else self._corners[:1]
        elif self._wandered and _far(place, self._corners[-1], _LASSO_STEP):
            self._corners.append(place)
        self.update()

    def _polygon(self) -> list[tuple[float, float]]:
        """The corners of what was drawn; none where nothing was."""
        if len(self._corners) < 2:
            return []
        places = [(corner.x(), corner.y()) for corner in self._corners]
        if self._tool == "lasso":
            return places
        (x0, y0), (x1, y1) = places
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]

    def _stop_drawing(self) -> None:
        self._pressed, self._corners = None, []
        self.setCursor(_CURSORS[self._tool])
        self.update()

    def _click(self, px: float, py: float) -> None:
        if self._hits(px, py):
            self.clicked.emit(px, py, self._mode)
            return
        self._waiting = (px, py, self._mode)
        self._timer.start(QApplication.doubleClickInterval())

    def _click_now(self) -> None:
        if self._waiting is not None:
            px, py, mode = self._waiting
            self._waiting = None
            self.clicked.emit(px, py, mode)

    # ----------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint(painter)
        if len(self._corners) > 1:
            self._paint_outline(painter)
        painter.end()

    def _paint_outline(self, painter: QPainter) -> None:
        inside = QColor(self._outline_color)
        inside.setAlphaF(0.12)
        painter.setBrush(inside)
        painter.setPen(QPen(self._outline_color, 1.4, Qt.PenStyle.DashLine))
        if self._tool == "rectangle":
            painter.drawRect(QRectF(self._corners[0], self._corners[-1]).normalized())
        else:
            painter.drawPolygon(QPolygonF(self._corners))


def _far(place: QPointF, other: QPointF, distance: float) -> bool:
    off = place - other
    return max(abs(off.x()), abs(off.y())) > distance
