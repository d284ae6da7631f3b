"""The table of objects: sorted, and selected both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, QObject, Qt, QTimer
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QCheckBox, QHeaderView, QTableView, QVBoxLayout, QWidget

from ...section import row
from ..session import ObjectSession
from ..words import number

_SELECTED = QBrush(QColor(255, 178, 0, 90))
_CURRENT = QBrush(QColor(255, 178, 0, 190))
_ORIGIN = "table"


class ObjectTableModel(QAbstractTableModel):
    """Rows of a table in an order of its own; only what is on the screen is ever formatted."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table: pd.DataFrame | None = None
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._place: NDArray[np.int64] = np.zeros(0, np.int64)
        self._sorted_by: tuple[str, Qt.SortOrder] | None = None
        self._selected: NDArray[np.bool_] = np.zeros(0, bool)
        self._only_selected = False
        self._current = -1

    def set_table(self, table: pd.DataFrame | None, selected: NDArray[np.bool_]) -> None:
        """Show another table, or the same with other columns; the order stays where its column is there."""
        self.beginResetModel()
        self._table = table
        self._selected = selected
        self._arrange()
        self.endResetModel()

    def set_selected(self, selected: NDArray[np.bool_]) -> None:
        """Mark the selected rows."""
        self._selected = selected
        if self._only_selected:
            self.beginResetModel()
            self._arrange()
            self.endResetModel()
        else:
            self._repaint()

    def set_only_selected(self, only: bool) -> None:
        """Show the selected rows only, or all."""
        self.beginResetModel()
        self._only_selected = only
        self._arrange()
        self.endResetModel()

    def set_current(self, row: int) -> None:
        """Mark the object under attention."""
        self._current = row
        self._repaint()

    def table_rows(self, view_rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the table that are shown in some rows of the view."""
        return self._order[view_rows]

    def view_row(self, table_row: int) -> int:
        """Where a row of the table is shown, −1 if it is not."""
        return int(self._place[table_row]) if 0 <= table_row < len(self._place) else -1

    # ---- what Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        if self._table is None or (parent is not None and parent.isValid()):
            return 0
        return len(self._table.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._table is None or not index.isValid():
            return None
        at = int(self._order[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return number(self._table.iat[at, index.column()])
        if role == Qt.ItemDataRole.BackgroundRole:
            return _CURRENT if at == self._current else _SELECTED if self._selected[at] else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            text = not pd.api.types.is_numeric_dtype(self._table.dtypes.iloc[index.column()])
            side = Qt.AlignmentFlag.AlignLeft if text else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if self._table is None or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        if orientation == Qt.Orientation.Horizontal:
            name = str(self._table.columns[section])
            return name if role == Qt.ItemDataRole.ToolTipRole else name.replace("_", " ")
        return str(section + 1) if role == Qt.ItemDataRole.DisplayRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if self._table is None or not 0 <= column < len(self._table.columns):
            return
        self.layoutAboutToBeChanged.emit()
        self._sorted_by = str(self._table.columns[column]), order
        self._arrange()
        self.layoutChanged.emit()

    # ---- helpers

    def _arrange(self) -> None:
        table = self._table
        if table is None:
            self._order, self._place = np.zeros(0, np.int64), np.zeros(0, np.int64)
            return
        order = np.arange(len(table))
        if self._sorted_by is not None and self._sorted_by[0] in table.columns:
            name, direction = self._sorted_by
            ascending = direction == Qt.SortOrder.AscendingOrder
            # Missing values come last either way.
            order = table[name].reset_index(drop=True).sort_values(ascending=ascending, kind="stable").index
            order = np.asarray(order, np.int64)
        if self._only_selected:
            order = order[self._selected[order]]
        self._order = order
        self._place = np.full(len(table), -1, np.int64)
        self._place[order] = np.arange(len(order))

    def _repaint(self) -> None:
        if len(self._order):
            corner = self.index(len(self._order) - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), corner, [Qt.ItemDataRole.BackgroundRole])


class TableView(QWidget):
    """All objects as rows; what is selected here is selected everywhere.

    Parameters
    ----------
    session
        The table and its selection.
    """

    def __init__(self, session: ObjectSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._own = False
        self.model = ObjectTableModel(self)
        self.only_selected = QCheckBox("Only selected objects")
        self.view = view = QTableView()
        view.setModel(self.model)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setWordWrap(False)
        view.setSortingEnabled(True)
        header = view.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setDefaultSectionSize(96)
        view.verticalHeader().setDefaultSectionSize(20)
        view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        # Many signals in one turn of the event loop (three new columns of a map) are one new table.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._on_table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(row(self.only_selected))
        layout.addWidget(view, 1)
        self.only_selected.toggled.connect(self.model.set_only_selected)
        view.selectionModel().selectionChanged.connect(self._on_user)
        view.clicked.connect(self._on_click)
        session.table_changed.connect(self._on_new_table)
        session.column_changed.connect(self._on_column)
        session.selection_changed.connect(self._on_selection)
        session.current_changed.connect(self._on_current)
        self._on_table()

    def close_down(self) -> None:
        """Stop following the session."""
        self._later.stop()
        session = self._session
        session.table_changed.disconnect(self._on_new_table)
        session.column_changed.disconnect(self._on_column)
        session.selection_changed.disconnect(self._on_selection)
        session.current_changed.disconnect(self._on_current)

    def _on_new_table(self) -> None:
        # At once: rows of the table before are no rows of this one.
        self._later.stop()
        self._on_table()

    def _on_column(self, _name: str) -> None:
        self._later.start(0)

    def _on_table(self) -> None:
        table = self._session.table
        self.model.set_table(table, self._session.selected)
        for column, name in enumerate(() if table is None else table.columns):
            self.view.setColumnHidden(column, name == "index")  # the label once more, for other plugins

    def _on_selection(self, origin: str) -> None:
        if origin == _ORIGIN:
            self.model.set_selected(self._session.selected)
            return
        # The rows are marked by their background: Qt's own selection would take seconds for 100,000 of them.
        self._own = True
        self.view.selectionModel().clearSelection()
        self._own = False
        self.model.set_selected(self._session.selected)
        chosen = np.flatnonzero(self._session.selected)
        if len(chosen):
            places = [place for place in map(self.model.view_row, chosen[:1000].tolist()) if place >= 0]
            if places:
                self._show_row(min(places))

    def _on_current(self, row_number: int) -> None:
        self.model.set_current(row_number)
        place = self.model.view_row(row_number)
        if place >= 0 and self._session.current_origin != _ORIGIN:
            self._show_row(place)

    def _show_row(self, place: int) -> None:
        self.view.scrollTo(self.model.index(place, 0), QAbstractItemView.ScrollHint.EnsureVisible)

    def _on_user(self, *_: object) -> None:
        if self._own or self.only_selected.isChecked():
            return
        selection: QItemSelectionModel = self.view.selectionModel()
        parts = [np.arange(part.top(), part.bottom() + 1) for part in selection.selection()]
        if parts:
            rows = self.model.table_rows(np.unique(np.concatenate(parts)))
            self._session.select(rows, origin=_ORIGIN)

    def _on_click(self, index: QModelIndex) -> None:
        self._session.set_current(int(self.model.table_rows(np.array([index.row()]))[0]), origin=_ORIGIN)
