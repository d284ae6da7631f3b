"""The times at which motifs were played, as a table: sort, filter, copy, go there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ....motifs.results.findings import Occurrence
from ...section import row
from ...swatch import swatch_icon
from ..words import motif_name
from .occurrence_model import FRAME, OccurrenceModel

_ROW_HEIGHT = 22


class OccurrenceTable(QWidget):
    """A row an occurrence.

    Signals
    -------
    frame_clicked
        The user chose an occurrence, with the mouse or the arrow keys: go to its frame.
    """

    frame_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = OccurrenceModel(self)
        self._motif = QComboBox()
        self._motif.setToolTip("Show the occurrences of all motifs, or of one.")
        self._motif.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._copy = QPushButton("Copy")
        self._copy.setToolTip("Copy the selected rows, or all that are shown, for a spreadsheet (Ctrl+C).")
        self.view = _View(self)
        self.view.setModel(self.model)
        header = self.view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.view.sortByColumn(FRAME, Qt.SortOrder.AscendingOrder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self._motif, self._copy, stretch=0))
        layout.addWidget(self.view, 1)
        self._motif.currentIndexChanged.connect(self._on_motif)
        self._copy.clicked.connect(lambda _checked=False: self.copy())
        self.view.copy_wanted.connect(self.copy)
        self.view.clicked.connect(lambda index: self.frame_clicked.emit(self.model.frame(index.row())))
        self.view.went_to.connect(lambda index: self.frame_clicked.emit(self.model.frame(index)))
        self.clear()

    def set_occurrences(self, occurrences: Sequence[Occurrence], colors: Sequence[str]) -> None:
        """Show when motifs were played.

        Parameters
        ----------
        occurrences
            In any order.
        colors
            "#rrggbb", one per motif.
        """
        self.model.set_occurrences(occurrences, colors)
        counts = self.model.counts()
        with QSignalBlocker(self._motif):
            self._motif.clear()
            self._motif.addItem(f"All motifs ({len(occurrences):,})", None)
            for motif, color in enumerate(colors):
                text = f"{motif_name(motif)} ({counts.get(motif, 0):,})"
                self._motif.addItem(swatch_icon(color), text, motif)
        self._copy.setEnabled(bool(occurrences))

    def clear(self) -> None:
        """Show nothing."""
        self.set_occurrences((), ())

    def copy(self) -> None:
        """Put the selected rows, or all that are shown, onto the clipboard."""
        chosen = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        QGuiApplication.clipboard().setText(self.model.as_tsv(chosen or range(self.model.rowCount())))

    def _on_motif(self, _: int) -> None:
        self.model.show_motif(self._motif.currentData())


class _View(QTableView):
    """A table whose rows are chosen as a whole; the arrow keys go from row to row."""

    copy_wanted = Signal()
    went_to = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSortingEnabled(True)
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.setMinimumHeight(7 * _ROW_HEIGHT)

    def keyPressEvent(self, event: Any) -> None:
        """Copy, or go to another row (called by Qt)."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
            return
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        after: QModelIndex = self.currentIndex()
        if after.isValid() and after.row() != before:
            self.went_to.emit(after.row())
