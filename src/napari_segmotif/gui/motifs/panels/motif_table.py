"""The list of what was found: colour, name, p-value, occurrences, length, and Play."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..words import p_in_words

SHOWN, NAME, P, COUNT, LENGTH, PLAY = range(6)
_TITLES = ("", "Motif", "p", "Times", "Length", "")
_ROW_HEIGHT = 26
_MOST_ROWS = 8


@dataclass(frozen=True)
class MotifRow:
    """One line of the table."""

    name: str
    color: str
    p: float
    significant: bool
    n_occurrences: int
    length: str
    visible: bool


class MotifTable(QWidget):
    """A row a motif.

    Signals
    -------
    visible_changed
        Index of a motif, and whether it is to be seen.
    play_wanted
        Index of the motif to play; -1 to stop.
    """

    visible_changed = Signal(int, bool)
    play_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: list[QToolButton] = []
        self.table = QTableWidget(0, len(_TITLES), self)
        self.table.setHorizontalHeaderLabels(list(_TITLES))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setShowGrid(False)
        self.table.setIconSize(QSize(14, 14))
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.table.itemChanged.connect(self._on_changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        self.set_rows(())

    def set_rows(self, rows: Sequence[MotifRow]) -> None:
        """Show these motifs."""
        with QSignalBlocker(self.table):
            self.table.setRowCount(0)  # with its buttons
            self._buttons = []
            self.table.setRowCount(len(rows))
            for index, one in enumerate(rows):
                self._fill(index, one)
        shown = max(1, min(len(rows), _MOST_ROWS))
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + shown * _ROW_HEIGHT + 4)

    def set_visible(self, index: int, visible: bool) -> None:
        """Tick or untick a motif. Does not emit `visible_changed`."""
        item = self.table.item(index, SHOWN)
        if item is not None:
            with QSignalBlocker(self.table):
                item.setCheckState(Qt.CheckState.Checked if visible else Qt.CheckState.Unchecked)

    def is_ticked(self, index: int) -> bool:
        """Whether a motif is to be seen."""
        item = self.table.item(index, SHOWN)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def set_playing(self, index: int | None) -> None:
        """Show which motif plays."""
        for number, button in enumerate(self._buttons):
            with QSignalBlocker(button):
                button.setChecked(number == index)
            button.setText("Stop" if number == index else "Play")

    def button(self, index: int) -> QToolButton:
        """The Play button of a motif."""
        return self._buttons[index]

    def _fill(self, index: int, one: MotifRow) -> None:
        swatch = QTableWidgetItem(_square(one.color), "")
        swatch.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
        swatch.setCheckState(Qt.CheckState.Checked if one.visible else Qt.CheckState.Unchecked)
        swatch.setToolTip("Show or hide this motif")
        self.table.setItem(index, SHOWN, swatch)
        tip = "significant" if one.significant else "not significant: it may be chance"
        p = p_in_words(one.p).removeprefix("p = ").removeprefix("p ")
        if math.isnan(one.p):
            tip, p = "the search was stopped before its test", "?"
        texts = (one.name, p, f"{one.n_occurrences:,}", one.length)
        for column, text in zip((NAME, P, COUNT, LENGTH), texts, strict=True):
            item = QTableWidgetItem(text)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setToolTip(f"{one.name}: {p_in_words(one.p)} ({tip})")
            if not (one.significant or math.isnan(one.p)):
                item.setForeground(QColor(one.color))
            self.table.setItem(index, column, item)
        button = QToolButton()
        button.setText("Play")
        button.setCheckable(True)
        button.setToolTip("Play this motif over and over, alone; press again to go back to where you were")
        button.toggled.connect(partial(self._on_play, index))
        self._buttons.append(button)
        self.table.setCellWidget(index, PLAY, button)

    def _on_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == SHOWN:
            self.visible_changed.emit(item.row(), item.checkState() == Qt.CheckState.Checked)

    def _on_play(self, index: int, playing: bool) -> None:
        self.play_wanted.emit(index if playing else -1)


def _square(color: str) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)
