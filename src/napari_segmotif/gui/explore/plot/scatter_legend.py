"""What the colours of a scatter plot mean: a bar for numbers, chips with names and counts for classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPen

from ...plot_base import short_number
from ...theme import ThemeColors, mixed
from ..point_colors import NONE_COLOR, class_code, number_colormap

_MISSING = "no value"
_CHIP = 10.0
_BAR = 12.0  # width of the colour bar
_GAP = 6.0
_WIDEST, _SHARE = 190.0, 0.32  # of the legend: pixels, and share of the plot
_NARROW_PLOT = 260.0  # below this width there is no room for a legend


@dataclass(frozen=True)
class Chip:
    """A class in the legend."""

    class_id: int
    name: str
    count: int
    color: str


@dataclass(frozen=True)
class Legend:
    """What is shown beside the plot.

    Attributes
    ----------
    title
        What the colours show; "" where they show nothing.
    limits
        Numbers at the lower and the upper end of the colour bar; None without one.
    chips
        The classes.
    missing
        How many points have no number and are grey.
    """

    title: str = ""
    limits: tuple[float, float] | None = None
    chips: tuple[Chip, ...] = ()
    missing: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.limits is None and not self.chips


def class_legend(
    title: str,
    ids: NDArray[np.int64],
    colors: Mapping[int, str] | None = None,
    names: Mapping[int, str] | None = None,
) -> Legend:
    """Return the legend of classes (n,) of the points that are drawn; 0 comes last, as "none"."""
    present, counts = np.unique(np.maximum(ids, 0), return_counts=True)
    names = names or {}
    chips = [
        Chip(
            int(one),
            str(names.get(int(one), one if one else "none")),
            int(count),
            class_code(int(one), colors),
        )
        for one, count in zip(present, counts, strict=True)
    ]
    return Legend(title, chips=tuple([c for c in chips if c.class_id] + [c for c in chips if not c.class_id]))


def legend_width(legend: Legend, font: QFont, available: float) -> float:
    """Pixels the legend takes of a plot `available` pixels wide; 0 where there is none, or no room."""
    if legend.empty or available < _NARROW_PLOT:
        return 0.0
    bold = QFont(font)
    bold.setBold(True)
    metrics = QFontMetricsF(font)
    widths = [QFontMetricsF(bold).horizontalAdvance(legend.title)]
    if legend.limits is not None:
        widths += [_BAR + _GAP + metrics.horizontalAdvance(short_number(value)) for value in legend.limits]
    missing = [Chip(0, _MISSING, legend.missing, NONE_COLOR)] if legend.missing else []
    for chip in (*legend.chips, *missing):
        widths.append(_CHIP + 2 * _GAP + metrics.horizontalAdvance(chip.name + f"  {chip.count:,}"))
    return min(max(widths) + 2 * _GAP, _WIDEST, _SHARE * available)


def paint_legend(
    painter: QPainter, legend: Legend, area: QRectF, colors: ThemeColors
) -> list[tuple[QRectF, Chip]]:
    """Paint the legend into `area`; return where each class stands."""
    line = QFontMetricsF(painter.font()).height() + 3
    font = painter.font()
    bold = QFont(font)
    bold.setBold(True)
    painter.setFont(bold)
    _write(painter, QRectF(area.left(), area.top(), area.width(), line), legend.title, colors.text)
    painter.setFont(font)
    below = area.adjusted(0, line + 2, 0, 0)
    if legend.limits is not None:
        _paint_bar(painter, legend, below, colors, line)
        return []
    return _paint_chips(painter, legend, below, colors, line)


def _paint_bar(painter: QPainter, legend: Legend, area: QRectF, colors: ThemeColors, line: float) -> None:
    low, high = legend.limits or (0.0, 1.0)
    bar = QRectF(area.left(), area.top() + line / 2, _BAR, min(180.0, max(40.0, area.height() - 3 * line)))
    gradient = QLinearGradient(bar.bottomLeft(), bar.topLeft())
    table = number_colormap(colors.dark)
    for place in np.linspace(0.0, 1.0, 17):
        gradient.setColorAt(float(place), QColor.fromRgbF(*map(float, table[round(place * 255)])))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(gradient)
    painter.drawRect(bar)
    left = bar.right() + _GAP
    ends = [(bar.bottom(), low), (bar.top(), high)] if high > low else [(bar.center().y(), low)]
    for y, value in ends:
        box = QRectF(left, y - line / 2, area.right() - left, line)
        _write(painter, box, short_number(value).replace("-", "−"), colors.muted)
    if legend.missing:
        row = QRectF(area.left(), bar.bottom() + line, area.width(), line)
        _paint_chip(painter, row, Chip(0, _MISSING, legend.missing, NONE_COLOR), colors)


def _paint_chips(
    painter: QPainter, legend: Legend, area: QRectF, colors: ThemeColors, line: float
) -> list[tuple[QRectF, Chip]]:
    room = max(1, int(area.height() // line))
    shown = legend.chips if len(legend.chips) <= room else legend.chips[: room - 1]
    places = []
    for i, chip in enumerate(shown):
        row = QRectF(area.left(), area.top() + i * line, area.width(), line)
        _paint_chip(painter, row, chip, colors)
        places.append((row, chip))
    if hidden := len(legend.chips) - len(shown):
        row = QRectF(area.left(), area.top() + len(shown) * line, area.width(), line)
        _write(painter, row, f"and {hidden} more", colors.muted)
    return places


def _paint_chip(painter: QPainter, row: QRectF, chip: Chip, colors: ThemeColors) -> None:
    painter.setPen(QPen(mixed(colors.background, colors.text, 0.35), 0.8))
    painter.setBrush(QColor(chip.color))
    painter.drawEllipse(QPointF(row.left() + _CHIP / 2 + 1, row.center().y()), _CHIP / 2, _CHIP / 2)
    count = f"{chip.count:,}"
    width = QFontMetricsF(painter.font()).horizontalAdvance(count) + 2
    left = row.left() + _CHIP + _GAP
    _write(
        painter,
        QRectF(left, row.top(), row.right() - left - width - _GAP, row.height()),
        chip.name,
        colors.text,
    )
    box = QRectF(row.right() - width, row.top(), width, row.height())
    _write(painter, box, count, colors.muted, Qt.AlignmentFlag.AlignRight)


def _write(
    painter: QPainter,
    box: QRectF,
    text: str,
    color: QColor,
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> None:
    fitted = QFontMetricsF(painter.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, box.width())
    painter.setPen(color)
    painter.drawText(box, align | Qt.AlignmentFlag.AlignVCenter, fitted)
