"""What the small plots of a dock share.

They are painted with Qt and not with matplotlib: importing its Qt canvas holds the GUI thread for some 0.3 s
and every drawing of a figure with a layout for 60 to 100 ms. These use the font and the colours of napari,
and shorten names instead of cutting plots off.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from ..errors import StorageError
from .theme import ThemeColors, theme_colors

if TYPE_CHECKING:
    from napari import Viewer

PAD = 6.0


class Plot(QWidget):
    """What all plots share: theme, size, saving, and a line of text while there is nothing to show.

    Parameters
    ----------
    parent
        Qt parent.
    napari_viewer
        The viewer whose theme is followed; None follows the settings.
    """

    def __init__(self, parent: QWidget | None = None, napari_viewer: Viewer | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._empty_text = "nothing to show yet"
        self._targets: list[tuple[QRectF, str]] = []  # what the mouse may point at
        self._colors: ThemeColors = theme_colors(napari_viewer)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough for any dock."""
        return QSize(160, self.sizeHint().height())

    def save(self, path: str | Path) -> Path:
        """Write the plot as it is seen, as PNG.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        path = Path(path).with_suffix(".png")
        if not self.grab().save(str(path)):
            raise StorageError(f"the plot could not be written: choose another folder (got {path})")
        return path

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()

    def _is_empty(self) -> bool:
        return True

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        """Paint the plot into `area`."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint (called by Qt), in the colours of the theme as it is now."""
        self._colors = theme_colors(self._viewer)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(PAD, PAD, -PAD, -PAD)
        self._targets.clear()
        if self._is_empty():
            painter.setPen(self._colors.muted)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._empty_text)
        else:
            self._paint(painter, area)
        painter.end()

    def mouseMoveEvent(self, event: Any) -> None:
        """Say in a tooltip what the mouse points at (called by Qt)."""
        place = event.position()
        text = next((text for target, text in self._targets if target.contains(place)), "")
        QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def _line_height(self) -> float:
        return QFontMetricsF(self.font()).height()

    def _text(
        self, painter: QPainter, box: QRectF, text: str, align: Qt.AlignmentFlag, color: QColor | None = None
    ) -> None:
        """Write one line, shortened in the middle where it does not fit."""
        fitted = QFontMetricsF(painter.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, box.width())
        painter.setPen(color or self._colors.text)
        painter.drawText(box, align | Qt.AlignmentFlag.AlignVCenter, fitted)


def short_number(value: float) -> str:
    """A number in few characters: 0.137, 12.5, 3,400, 2.1e-05."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}"
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e5 else f"{value:.1e}"
