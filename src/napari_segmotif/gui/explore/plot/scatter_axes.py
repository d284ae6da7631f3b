"""The frame of a scatter plot: round numbers along both axes, and their names."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QFont, QFontMetricsF, QPainter, QPen

from ...theme import ThemeColors, mixed
from .scatter_view import View

_TICK = 4.0  # length of a tick, pixels
_GAP = 3.0
_PIXELS_PER_TICK = (90.0, 48.0)  # along x and y
_MAX_DIGITS = 5  # of a number before it is written with a power of ten


def ticks(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """Round numbers from `low` to `high`, about so many, and how they are written.

    All have as many decimals as their step needs, so that neighbours never read alike; large and tiny ones
    are written with a power of ten.
    """
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return []
    raw = span / max(1, about)
    power = math.floor(math.log10(raw))
    mantissa = raw / 10.0**power
    step = 10.0**power * next((m for m in (1.0, 2.0, 5.0) if m >= mantissa * 0.999), 10.0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first > 1000:  # numbers that lie closer together than floats do
        return []
    values = [k * step for k in range(first, last + 1)]
    return [(value, _written(value, step, max(abs(low), abs(high)))) for value in values]


def _written(value: float, step: float, largest: float) -> str:
    if abs(value) < step / 2:
        return "0"
    finest, coarsest = math.floor(math.log10(step) + 1e-9), math.floor(math.log10(largest))
    if finest < -_MAX_DIGITS + 1 or coarsest > _MAX_DIGITS:
        digits = max(0, math.floor(math.log10(abs(value)) + 1e-9) - finest)
        return (
            f"{value:.{digits}e}".replace("e+0", "e")
            .replace("e-0", "e−")
            .replace("e+", "e")
            .replace("-", "−")
        )
    return f"{value:,.{max(0, -finest)}f}".replace("-", "−")


def axis_ticks(view: View) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    """The ticks of x and of y that fit the view."""
    x0, x1, y0, y1 = view.limits
    along_x, along_y = _PIXELS_PER_TICK
    return (
        ticks(x0, x1, max(2, int(view.width / along_x))),
        ticks(y0, y1, max(2, int(view.height / along_y))),
    )


def frame_margins(font: QFont) -> tuple[float, float, float, float]:
    """Room that axes take: left, top, right, bottom, in pixels."""
    metrics = QFontMetricsF(font)
    numbers = metrics.horizontalAdvance("−0.0000")
    line = metrics.height()
    return line + numbers + _TICK + 3 * _GAP, 0.5 * line + 2, 0.6 * numbers, 2 * line + _TICK + 2 * _GAP


def paint_axes(
    painter: QPainter, view: View, names: tuple[str, str], colors: ThemeColors, area: QRectF
) -> None:
    """Paint ticks, numbers and names around the view, within `area`."""
    metrics = QFontMetricsF(painter.font())
    line, line_color = metrics.height(), mixed(colors.background, colors.text, 0.45)
    along_x, along_y = axis_ticks(view)
    painter.setPen(QPen(line_color, 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRectF(view.left, view.top, view.width, view.height))
    for value, text in along_x:
        px = float(view.to_screen(value, view.limits[2])[0])
        painter.setPen(QPen(line_color, 1.0))
        painter.drawLine(QPointF(px, view.bottom), QPointF(px, view.bottom + _TICK))
        width = metrics.horizontalAdvance(text)
        left = min(max(px - width / 2, area.left()), area.right() - width)
        _write(painter, QRectF(left, view.bottom + _TICK + 1, width + 2, line), text, colors)
    for value, text in along_y:
        py = float(view.to_screen(view.limits[0], value)[1])
        painter.setPen(QPen(line_color, 1.0))
        painter.drawLine(QPointF(view.left - _TICK, py), QPointF(view.left, py))
        box = QRectF(area.left() + line, py - line / 2, view.left - _TICK - _GAP - area.left() - line, line)
        _write(painter, box, text, colors, Qt.AlignmentFlag.AlignRight)
    _paint_names(painter, view, names, colors, area)


def _paint_names(
    painter: QPainter, view: View, names: tuple[str, str], colors: ThemeColors, area: QRectF
) -> None:
    line = QFontMetricsF(painter.font()).height()
    painter.setPen(colors.text)
    below = QRectF(view.left, area.bottom() - line, view.width, line)
    painter.drawText(below, Qt.AlignmentFlag.AlignCenter, _fitted(painter, names[0], view.width))
    painter.save()
    painter.translate(area.left(), view.bottom)
    painter.rotate(-90)
    beside = QRectF(0, 0, view.height, line)
    painter.drawText(beside, Qt.AlignmentFlag.AlignCenter, _fitted(painter, names[1], view.height))
    painter.restore()


def _fitted(painter: QPainter, text: str, width: float) -> str:
    return QFontMetricsF(painter.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, width)


def _write(
    painter: QPainter,
    box: QRectF,
    text: str,
    colors: ThemeColors,
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> None:
    painter.setPen(colors.muted)
    painter.drawText(box, align | Qt.AlignmentFlag.AlignVCenter, text)
