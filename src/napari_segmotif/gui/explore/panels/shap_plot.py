"""How features pull single objects towards a group or away from it (a beeswarm of SHAP values)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ...plot_base import PAD, Plot
from ..point_colors import number_colors
from ..words import feature_in_words

if TYPE_CHECKING:
    from napari import Viewer

    from ....explore.explaining.explanation import Explanation

_MOST_ROWS = 8
_RADIUS = 1.7
_BINS = 60


class ShapPlot(Plot):
    """One line a feature, one point an object: right of the middle, the feature speaks for the group."""

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent, napari_viewer)
        self._names: list[str] = []
        self._pull: list[NDArray[np.float64]] = []
        self._values: list[NDArray[np.float64]] = []
        self._empty_text = "what single objects say appears here"
        self.setToolTip(
            "<p>Each point is an object. Right: the feature (with those that say the same) speaks for the "
            "group; left: against it. Bright points have large values of the feature, dark ones small.</p>"
        )

    def show_explanation(self, explanation: Explanation | None, channels: Sequence[str] = ()) -> None:
        """Show the features that matter most; None, or one without SHAP values, shows nothing."""
        self._names, self._pull, self._values = [], [], []
        if explanation is not None and len(explanation.shap_values):
            place = {name: j for j, name in enumerate(explanation.columns)}
            for group in explanation.groups[:_MOST_ROWS]:
                members = [place[name] for name in group.features]
                more = f" (+{len(members) - 1})" if len(members) > 1 else ""
                self._names.append(feature_in_words(group.representative, channels) + more)
                self._pull.append(explanation.shap_values[:, members].sum(axis=1))
                self._values.append(_ranks(explanation.values[:, place[group.representative]]))
        self.setVisible(bool(self._names))
        self._changed()

    def sizeHint(self) -> QSize:
        """A line for each feature, and the axis."""
        rows = max(2, len(self._names))
        return QSize(280, round((rows * 1.9 + 1.3) * self._line_height() + 2 * PAD))

    def _is_empty(self) -> bool:
        return not self._names

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        metrics, line = QFontMetricsF(painter.font()), self._line_height()
        widest = max(metrics.horizontalAdvance(name) for name in self._names)
        left = area.left() + min(widest, 0.42 * area.width()) + 8
        frame = QRectF(left, area.top(), area.right() - left - 4, area.height() - 1.3 * line)
        height = frame.height() / len(self._names)
        reach = max(float(np.abs(pull).max()) for pull in self._pull) or 1.0
        middle = frame.center().x()
        painter.setPen(QPen(self._colors.muted, 1))
        painter.drawLine(QPointF(middle, frame.top()), QPointF(middle, frame.bottom()))
        for number, (name, pull, values) in enumerate(
            zip(self._names, self._pull, self._values, strict=True)
        ):
            centre = frame.top() + (number + 0.5) * height
            box = QRectF(area.left(), centre - line / 2, left - area.left() - 8, line)
            self._text(painter, box, name, Qt.AlignmentFlag.AlignRight)
            x = middle + pull / reach * (frame.width() / 2 - 3)
            y = centre + _swarm(pull / reach) * (height / 2 - 2)
            self._paint_points(painter, x, y, values)
        foot = QRectF(frame.left(), frame.bottom() + 2, frame.width(), line)
        self._text(painter, foot, "against", Qt.AlignmentFlag.AlignLeft, self._colors.muted)
        self._text(painter, foot, "for the group", Qt.AlignmentFlag.AlignRight, self._colors.muted)

    def _paint_points(
        self,
        painter: QPainter,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        values: NDArray[np.float64],
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        colors = number_colors(values, (0.0, 1.0), dark=self._colors.dark)
        for px, py, color in zip(x, y, colors, strict=True):
            painter.setBrush(QColor.fromRgbF(*(float(part) for part in color[:3])))
            painter.drawEllipse(QPointF(px, py), _RADIUS, _RADIUS)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks (n,) in [0, 1]: colours then show small and large, whatever the distribution; ties are alike."""
    found, inverse = np.unique(values, return_inverse=True)
    return inverse / max(1, len(found) - 1)


def _swarm(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets (n,) in [−1, 1] across the line, so that points at one place lie beside each other."""
    bins = np.clip(((places + 1) / 2 * _BINS).astype(int), 0, _BINS - 1)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins, minlength=_BINS)
    starts = np.cumsum(counts) - counts
    turn = np.empty(len(places), int)
    turn[order] = np.arange(len(places)) - starts[bins[order]]
    step = 1.0 / max(4, -(-counts.max() // 2))
    sign = np.where(turn % 2, -1.0, 1.0)
    return sign * ((turn + 1) // 2) * step
