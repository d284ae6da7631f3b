"""Occurrences as a Qt model that sorts and filters arrays: quick with 100,000 of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QIcon

from ....motifs.results.findings import Occurrence
from ...swatch import swatch_icon
from ..words import motif_name

TIME, FRAME, MOTIF, AMPLITUDE = range(4)
_HEADERS = ("Time (s)", "Frame", "Motif", "Amplitude")
_TIPS = (
    "When it begins, in seconds.",
    "Frame of the video in which it begins.",
    "Which motif.",
    "How sure it is that the motif begins here, from 0 to 1.",
)


class OccurrenceModel(QAbstractTableModel):
    """Rows of occurrences: those of one motif or of all, in any order."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._columns: tuple[NDArray[Any], ...] = ()
        self._icons: list[QIcon] = []
        self._rows: NDArray[np.intp] = np.zeros(0, np.intp)  # of the occurrences, as they are shown
        self._motif: int | None = None
        self._sort = (FRAME, Qt.SortOrder.AscendingOrder)
        self.set_occurrences((), ())

    def set_occurrences(self, occurrences: Sequence[Occurrence], colors: Sequence[str]) -> None:
        """Show other occurrences, of all motifs."""
        self._columns = (
            np.array([o.time for o in occurrences], float),
            np.array([o.frame for o in occurrences], np.int64),
            np.array([o.motif for o in occurrences], np.int64),
            np.array([o.amplitude for o in occurrences], float),
        )
        self._icons = [swatch_icon(color, 12) for color in colors]
        self.show_motif(None)

    def show_motif(self, motif: int | None) -> None:
        """Show the occurrences of one motif, or of all."""
        self._motif = motif
        self._arrange()

    def counts(self) -> dict[int, int]:
        """How often each motif was played, of those that were played."""
        motifs, numbers = np.unique(self._columns[MOTIF], return_counts=True)
        return dict(zip(motifs.tolist(), numbers.tolist(), strict=True))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put the rows in another order (called by the view)."""
        if 0 <= column < len(_HEADERS):
            self._sort = (column, order)
            self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        column, order = self._sort
        # Equal rows stay in the order of time.
        rows = np.lexsort((self._columns[FRAME], self._columns[column]))
        if order == Qt.SortOrder.DescendingOrder:
            rows = np.lexsort((self._columns[FRAME], -self._columns[column]))
        if self._motif is not None:
            rows = rows[self._columns[MOTIF][rows] == self._motif]
        self._rows = rows
        self.endResetModel()

    def frame(self, row: int) -> int:
        """The frame of a shown row."""
        return int(self._columns[FRAME][self._rows[row]])

    def as_tsv(self, rows: Iterable[int]) -> str:
        """Shown rows as text that spreadsheets take: tabs between columns, a header, full precision."""
        lines = ["\t".join(_HEADERS)]
        for row in rows:
            time, frame, motif, amplitude = (column[self._rows[row]] for column in self._columns)
            lines.append(f"{time:.6g}\t{frame}\t{motif + 1}\t{amplitude:.6g}")
        return "\n".join(lines) + "\n"

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """How many occurrences are shown (called by Qt)."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """How many columns there are (called by Qt)."""
        return 0 if parent is not None and parent.isValid() else len(_HEADERS)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        """Names of the columns (called by Qt)."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return _HEADERS[section]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS[section]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """What a cell shows (called by Qt)."""
        if not index.isValid():
            return None
        column, row = index.column(), self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(column, self._columns[column][row])
        if role == Qt.ItemDataRole.DecorationRole and column == MOTIF:
            motif = int(self._columns[MOTIF][row])
            return self._icons[motif] if motif < len(self._icons) else None
        if role == Qt.ItemDataRole.TextAlignmentRole and column != MOTIF:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def _text(column: int, value: Any) -> str:
    if column == TIME:
        return f"{value:.2f}"
    if column == FRAME:
        return f"{value:,}"
    return motif_name(int(value)) if column == MOTIF else f"{value:.2f}"
