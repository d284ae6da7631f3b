"""Pictures of the most and the least typical objects of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from ...section import words
from ..session import ObjectSession

_SIDE = 72
_ORIGIN = "thumbnails"
Picture = Callable[[int], "NDArray[np.uint8] | None"]


class Thumbnails(QWidget):
    """Two strips of pictures; a click makes an object the current one.

    Parameters
    ----------
    session
        The table.
    picture
        Gives the picture (h, w, 3) uint8 of the object in a row, or None.
    """

    def __init__(self, session: ObjectSession, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._picture = picture
        self._said = words(dim=True)
        self._strips: dict[str, tuple[QLabel, QHBoxLayout]] = {}
        body = QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(3)
        inner.addWidget(self._said)
        for title in ("Most typical", "Least typical"):
            label, strip = QLabel(title), QHBoxLayout()
            strip.setSpacing(3)
            self._strips[title] = label, strip
            inner.addWidget(label)
            inner.addLayout(strip)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        session.table_changed.connect(self.clear)
        self.clear()

    def show_objects(self, title: str, most: Sequence[int], least: Sequence[int]) -> None:
        """Show objects by their rows, and say what they are objects of."""
        self._said.setText(title)
        for (label, strip), rows in zip(self._strips.values(), (most, least), strict=True):
            _empty(strip)
            label.setVisible(len(rows) > 0)
            for row_number in rows:
                strip.addWidget(self._button(int(row_number)))
            strip.addStretch(1)

    def clear(self) -> None:
        """Show none."""
        self.show_objects("Click on a cluster in the list to see its most and least typical objects.", [], [])

    def close_down(self) -> None:
        """Stop following the session."""
        self._session.table_changed.disconnect(self.clear)

    def _button(self, row_number: int) -> QToolButton:
        button = QToolButton()
        button.setFixedSize(_SIDE, _SIDE + 16)
        button.setIconSize(QSize(_SIDE - 6, _SIDE - 6))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        table = self._session.table
        label = "" if table is None else str(int(table["label"].iat[row_number]))
        button.setText(label)
        button.setToolTip(f"Object {label}: click to go there.")
        pixels = self._picture(row_number)
        if pixels is not None:
            button.setIcon(QIcon(pixmap_of(pixels, _SIDE - 6)))
        button.clicked.connect(partial(self._go_to, row_number))
        return button

    def _go_to(self, row_number: int, _checked: bool = False) -> None:
        self._session.set_current(row_number, origin=_ORIGIN)


def pixmap_of(pixels: NDArray[np.uint8], side: int) -> QPixmap:
    """A picture (h, w, 3) as large as fits into a square."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    size = QSize(side, side)
    smooth = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.copy()).scaled(size, Qt.AspectRatioMode.KeepAspectRatio, smooth)


def _empty(strip: QHBoxLayout) -> None:
    while strip.count():
        item = strip.takeAt(0)
        widget = None if item is None else item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
