"""A small table of scores: as high as its rows, and nothing to edit in it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

_ROW = 24
_MOST_ROWS = 10


class ScoreTable(QTableWidget):
    """Rows of texts under named columns.

    Parameters
    ----------
    columns
        Name and tooltip of each.
    named
        Whether the first column has names, and takes the room that the numbers leave.
    """

    def __init__(
        self, columns: Sequence[tuple[str, str]], *, named: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(0, len(columns), parent)
        self.setHorizontalHeaderLabels([name for name, _ in columns])
        for index, (_, tip) in enumerate(columns):
            self.horizontalHeaderItem(index).setToolTip(tip)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        alike, rest = QHeaderView.ResizeMode.Stretch, QHeaderView.ResizeMode.ResizeToContents
        header.setSectionResizeMode(rest if named else alike)
        header.setSectionResizeMode(0, alike)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeaderItem(0).setTextAlignment(_LEFT)

    def set_rows(self, rows: Sequence[Sequence[str]], icons: Sequence[QIcon] = ()) -> None:
        """Show these rows; the first column may have icons."""
        self.setRowCount(len(rows))
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setTextAlignment(_LEFT if j == 0 else _RIGHT)
                self.setItem(i, j, item)
            if icons:
                self.item(i, 0).setIcon(icons[i])
        height = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(height + _ROW * min(len(rows), _MOST_ROWS) + 6)

    def texts(self) -> list[list[str]]:
        """The rows that are shown."""
        return [[self.item(i, j).text() for j in range(self.columnCount())] for i in range(self.rowCount())]


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
