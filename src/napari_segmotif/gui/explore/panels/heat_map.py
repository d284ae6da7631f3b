"""The correlations of all features with each other, as a square of colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QToolTip, QWidget

from ...plot_base import PAD, Plot
from ..words import feature_in_words

if TYPE_CHECKING:
    from napari import Viewer

_NEGATIVE, _POSITIVE, _NOTHING = (41, 108, 196), (214, 69, 65), (128, 128, 128)


class HeatMap(Plot):
    """Correlations from −1 (blue) over 0 (the background) to 1 (red); the mouse tells which two features."""

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent, napari_viewer)
        self._names: list[str] = []
        self._values: NDArray[np.float64] = np.zeros((0, 0))
        self._channels: tuple[str, ...] = ()
        self._square = QRectF()
        self._empty_text = "correlations appear here"

    def set_correlation(
        self,
        correlation: pd.DataFrame | None,
        groups: Sequence[Sequence[str]] = (),
        channels: Sequence[str] = (),
    ) -> None:
        """Show correlations (F, F), features of one group side by side; None shows nothing."""
        if correlation is None:
            self._names, self._values = [], np.zeros((0, 0))
        else:
            grouped = [name for group in groups for name in group if name in correlation.columns]
            rest = [name for name in correlation.columns if name not in set(grouped)]
            self._names = [str(name) for name in [*grouped, *rest]]
            self._values = correlation.loc[self._names, self._names].to_numpy(float)
        self._channels = tuple(channels)
        self._changed()

    def pair_at(self, place: QPointF) -> tuple[str, str, float] | None:
        """Which two features a point of the widget is about, and their correlation."""
        n = len(self._names)
        if not n or not self._square.contains(place):
            return None
        side = self._square.width() / n
        column = min(n - 1, int((place.x() - self._square.left()) / side))
        row = min(n - 1, int((place.y() - self._square.top()) / side))
        return self._names[row], self._names[column], float(self._values[row, column])

    def sizeHint(self) -> QSize:
        """Square, with a line below; low while there is nothing to show."""
        if self._is_empty():
            return QSize(220, round(2 * self._line_height() + 2 * PAD))
        return QSize(260, round(250 + 2 * self._line_height()))

    def _is_empty(self) -> bool:
        return not self._names

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        line = self._line_height()
        side = min(area.width(), area.height() - 1.5 * line)
        self._square = QRectF(area.left() + (area.width() - side) / 2, area.top(), side, side)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(self._square, self._image())
        legend = QRectF(area.left(), self._square.bottom() + 2, area.width(), line)
        text = f"{len(self._names)} features: red alike, blue opposite. Point at a square."
        self._text(painter, legend, text, Qt.AlignmentFlag.AlignHCenter, self._colors.muted)

    def _image(self) -> QImage:
        background = np.array(self._colors.background.getRgb()[:3], float)
        size = np.abs(np.nan_to_num(self._values))[..., None]
        target = np.where((self._values < 0)[..., None], _NEGATIVE, _POSITIVE)
        rgb = background + (target - background) * size
        rgb[np.isnan(self._values)] = _NOTHING
        pixels = np.ascontiguousarray(np.rint(rgb).astype(np.uint8))
        n = len(self._names)
        # A copy, since Qt looks at the bytes again when Python has let go of them.
        return QImage(pixels.tobytes(), n, n, 3 * n, QImage.Format.Format_RGB888).copy()

    def mouseMoveEvent(self, event: Any) -> None:
        """Say in a tooltip which pair the mouse points at (called by Qt)."""
        pair = self.pair_at(event.position())
        text = "" if pair is None else self._in_words(*pair)
        QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def _in_words(self, first: str, second: str, value: float) -> str:
        said = "–" if np.isnan(value) else f"{value:.2f}"
        names = [feature_in_words(name, self._channels) for name in (first, second)]
        return f"{names[0]} and {names[1]}: {said}"
