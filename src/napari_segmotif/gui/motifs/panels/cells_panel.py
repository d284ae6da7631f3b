"""Which cells belong to a motif, and in which order they fire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from ....common.words import count
from ....motifs.results.cells import MotifCells
from ...section import words
from ...swatch import swatch_icon
from ..plots.cell_raster import CellRaster
from ..plots.scrolled import EDGE, scrolled
from ..words import motif_name

_SAID = 24  # cells that are named in the text
_NOTHING = "no cells yet"
_HIGHEST = 320  # pixels; more rows are scrolled


class CellsPanel(QWidget):
    """The cells of one motif as a raster, in firing order.

    Signals
    -------
    cell_clicked
        Label of the cell that the user clicked.
    """

    cell_clicked = Signal(int)

    def __init__(self, napari_viewer: Any = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._orders: tuple[MotifCells, ...] = ()
        self._colors: tuple[str, ...] = ()
        self._length, self._frame_rate = 1, 1.0
        self._motif = QComboBox()
        self._motif.setToolTip("The motif whose cells are shown.")
        self._motif.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._text = words()
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.raster = CellRaster(napari_viewer=napari_viewer)
        self._scroll = scrolled(self.raster)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for widget in (self._motif, self._text, self._scroll):
            layout.addWidget(widget)
        layout.addStretch(1)
        self._motif.currentIndexChanged.connect(self._show)
        self.raster.cell_clicked.connect(self.cell_clicked)
        self.clear()

    def show_cells(
        self, orders: Sequence[MotifCells], colors: Sequence[str], motif_length: int, frame_rate: float
    ) -> None:
        """Show the cells of each motif.

        Parameters
        ----------
        orders
            What `order_cells` returned, one per motif.
        colors
            "#rrggbb", one per motif.
        motif_length
            Frames of a motif.
        frame_rate
            Frames per second.
        """
        keep = self._motif.currentIndex()
        self._orders, self._colors = tuple(orders), tuple(colors)
        self._length, self._frame_rate = int(motif_length), float(frame_rate)
        with QSignalBlocker(self._motif):
            self._motif.clear()
            for order in self._orders:
                n = count(len(order.labels), "cell")
                icon = swatch_icon(self._colors[order.motif])
                self._motif.addItem(icon, f"{motif_name(order.motif)}: {n}", order.motif)
            self._motif.setCurrentIndex(min(max(keep, 0), len(self._orders) - 1))
        self._show()

    def clear(self) -> None:
        """Show nothing."""
        self.show_cells((), (), 1, 1.0)

    def _show(self, _: int = 0) -> None:
        index = self._motif.currentIndex()
        order = self._orders[index] if 0 <= index < len(self._orders) else None
        if order is None:
            self.raster.set_cells(None, empty_text=_NOTHING)
        else:
            color = self._colors[order.motif]
            empty = "no labelled cell takes part in this motif"
            self.raster.set_cells(order, color, self._length, self._frame_rate, empty)
        self._text.setText(cells_in_words(order))
        self._text.setToolTip("In the order in which they fire." if self._text.text() else "")
        self._text.setVisible(bool(self._text.text()))
        self._motif.setVisible(bool(self._orders))
        self._fit()

    def changeEvent(self, event: Any) -> None:
        """Follow the font, which napari's theme sets (called by Qt)."""
        super().changeEvent(event)
        self._fit()

    def showEvent(self, event: Any) -> None:
        """Follow the font (called by Qt)."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = self.raster.sizeHint().height()
        if height != self.raster.minimumHeight():
            self.raster.setFixedHeight(height)
            self._scroll.setFixedHeight(min(_HIGHEST, height + EDGE))


def cells_in_words(order: MotifCells | None) -> str:
    """Name the cells in the order in which they fire: "Cells 4, 9, 23, …"."""
    if order is None or not len(order.labels):
        return ""
    names = [str(int(label)) for label in order.labels[:_SAID]]
    more = len(order.labels) - len(names)
    return (
        ("Cell " if len(order.labels) == 1 else "Cells ")
        + ", ".join(names)
        + f" and {more} more" * (more > 0)
    )
