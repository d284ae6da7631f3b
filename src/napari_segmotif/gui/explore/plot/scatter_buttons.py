"""The tool buttons beside a scatter plot, with signs of our own in the colour of the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QButtonGroup, QToolButton, QVBoxLayout, QWidget

from .scatter_overlay import Tool

_SIZE = 26
_SIGN = 16.0  # pixels that a sign is drawn in


class SignButton(QToolButton):
    """A small button with a painted sign, which follows the theme by itself."""

    def __init__(self, sign: Callable[[QPainter], object], tip: str, *, checkable: bool = False) -> None:
        super().__init__()
        self._sign = sign
        self.setToolTip(tip)
        self.setAccessibleName(tip.partition(":")[0].partition("\n")[0])
        self.setCheckable(checkable)
        self.setFixedSize(_SIZE, _SIZE)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def sizeHint(self) -> QSize:
        return QSize(_SIZE, _SIZE)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)  # and not Qt: napari's style does not tell which button is down
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        group = QPalette.ColorGroup.Normal if self.isEnabled() else QPalette.ColorGroup.Disabled
        color = self.palette().color(group, QPalette.ColorRole.ButtonText)
        if self.isChecked() or self.isDown() or self.underMouse():
            ground = QColor(color)
            ground.setAlphaF(0.28 if self.isChecked() or self.isDown() else 0.12)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)
        painter.setPen(QPen(color, 1.5, cap=Qt.PenCapStyle.RoundCap, join=Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.translate((self.width() - _SIGN) / 2, (self.height() - _SIGN) / 2)
        self._sign(painter)
        painter.end()


class ToolColumn(QWidget):
    """Pan, lasso, rectangle, and show all, under each other."""

    def __init__(self, choose: Callable[[Tool], object], reset: Callable[[], object]) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self._buttons: dict[Tool, SignButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for tool, (sign, tip) in _TOOLS.items():
            button = SignButton(sign, tip, checkable=True)
            self._buttons[tool] = button
            self._group.addButton(button)
            column.addWidget(button)
            button.clicked.connect(lambda _checked=False, tool=tool: choose(tool))
        self._all = SignButton(_all_sign, "Show all: fit the view to the points (double-click in the plot)")
        self._all.clicked.connect(lambda _checked=False: reset())
        column.addWidget(self._all)
        column.addStretch(1)
        self.set_tool("pan")

    def set_tool(self, tool: Tool) -> None:
        """Show which tool is in use."""
        self._buttons[tool].setChecked(True)

    def button(self, tool: Tool) -> SignButton:
        """The button of a tool."""
        return self._buttons[tool]


def _pan_sign(painter: QPainter) -> None:
    middle = _SIGN / 2
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        tip = QPointF(middle + 7 * dx, middle + 7 * dy)
        painter.drawLine(QPointF(middle, middle), tip)
        for side in (-1, 1):
            painter.drawLine(tip, tip + QPointF(-2.5 * dx + 2.5 * side * dy, -2.5 * dy + 2.5 * side * dx))


def _lasso_sign(painter: QPainter) -> None:
    loop = QPainterPath()
    loop.addEllipse(QRectF(1, 1.5, 14, 8.5))
    painter.drawPath(loop)
    tail = QPainterPath(QPointF(5, 10))
    tail.cubicTo(QPointF(3, 12), QPointF(7, 12.5), QPointF(4.5, 15.2))
    painter.drawPath(tail)


def _rectangle_sign(painter: QPainter) -> None:
    pen: Any = painter.pen()
    pen.setDashPattern([2.0, 2.0])
    painter.setPen(pen)
    painter.drawRect(QRectF(1.5, 2.5, 13, 11))


def _all_sign(painter: QPainter) -> None:
    for x, y, dx, dy in ((1, 2, 1, 1), (15, 2, -1, 1), (1, 14, 1, -1), (15, 14, -1, -1)):
        painter.drawLine(QPointF(x, y), QPointF(x + 4 * dx, y))
        painter.drawLine(QPointF(x, y), QPointF(x, y + 3.5 * dy))
    painter.drawEllipse(QPointF(8, 8), 1.2, 1.2)


_CHOOSING = (
    "Shift adds to the selection, Ctrl or Alt takes away. Click a point to select it alone; "
    "Escape, or a click beside the points, clears the selection."
)
_TOOLS: dict[Tool, tuple[Callable[[QPainter], object], str]] = {
    "pan": (
        _pan_sign,
        "Move: drag to move, turn the wheel to zoom; over the numbers of an axis, along this axis alone",
    ),
    "lasso": (_lasso_sign, f"Lasso: draw around points. {_CHOOSING}"),
    "rectangle": (_rectangle_sign, f"Rectangle: drag over points. {_CHOOSING}"),
}
