"""What the views of the feature explorer share: the table, what is selected, which object is current.

Views never talk to each other. Each tells the session what the user did and follows its signals; the word
that says where a change came from (`origin`) lets a view leave its own changes alone.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QObject, Signal

from ...explore.alignment import ABSENT, RowIndex
from ...explore.tables import identified

Mode = Literal["replace", "add", "subtract", "toggle"]


class ObjectSession(QObject):
    """An object table with a selection.

    Attributes
    ----------
    table_changed
        Signal: another table, or none; what was selected is gone.
    column_changed
        Signal(name): a column was added, replaced or removed; rows and selection are as before.
    selection_changed
        Signal(origin).
    current_changed
        Signal(row): the object under attention, −1 for none.
    stale_changed
        Signal(reason): why the table no longer fits the image, "" where it does.
    """

    table_changed = Signal()
    column_changed = Signal(str)
    selection_changed = Signal(str)
    current_changed = Signal(int)
    stale_changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table: pd.DataFrame | None = None
        self._index: RowIndex | None = None
        self._selected: NDArray[np.bool_] = np.zeros(0, bool)
        self._current = ABSENT
        self._current_origin = ""
        self._stale = ""

    # ------------------------------------------------------------------------------------------------- table
    @property
    def table(self) -> pd.DataFrame | None:
        """The table, or None. Columns are changed through set_column only."""
        return self._table

    @property
    def index(self) -> RowIndex | None:
        """Finds the row of an object."""
        return self._index

    @property
    def n(self) -> int:
        """Number of rows."""
        return 0 if self._table is None else len(self._table)

    def set_table(self, table: pd.DataFrame | None) -> None:
        """Take another table (a copy of it, with rows counted from 0), or none."""
        if table is not None:
            table = identified(table).reset_index(drop=True)
            index = RowIndex(table)
        self._table, self._index = table, None if table is None else index
        self._selected, self._current = np.zeros(self.n, bool), ABSENT
        self._stale = ""
        self.table_changed.emit()
        self.stale_changed.emit("")

    def set_column(self, name: str, values: ArrayLike | None) -> None:
        """Add or replace a column by values (n,); None removes it."""
        if self._table is None:
            return
        if values is None:
            if name not in self._table.columns:
                return
            self._table = self._with_attrs(self._table.drop(columns=name))
        else:
            self._table = self._with_attrs(self._table.assign(**{name: np.asarray(values)}))
        self.column_changed.emit(name)

    def column(self, name: str) -> NDArray[Any] | None:
        """Values (n,) of a column, or None where the table lacks it."""
        if self._table is None or name not in self._table.columns:
            return None
        return self._table[name].to_numpy()

    # --------------------------------------------------------------------------------------------- selection
    @property
    def selected(self) -> NDArray[np.bool_]:
        """(n,) which rows are selected; not to be written into."""
        return self._selected

    def select(self, rows: ArrayLike, mode: Mode = "replace", origin: str = "") -> None:
        """Select rows: a mask (n,), or row numbers, of which those below 0 are left out."""
        given = np.asarray(rows)
        if given.dtype == bool:
            chosen = given.copy()
        else:
            chosen = np.zeros(self.n, bool)
            numbers = given.astype(np.int64).ravel()
            chosen[numbers[(numbers >= 0) & (numbers < self.n)]] = True
        before = self._selected
        after = {
            "replace": lambda: chosen,
            "add": lambda: before | chosen,
            "subtract": lambda: before & ~chosen,
            "toggle": lambda: before ^ chosen,
        }[mode]()
        if np.array_equal(before, after):
            return
        self._selected = after
        self.selection_changed.emit(origin)

    @property
    def current(self) -> int:
        """Row of the object under attention, −1 for none."""
        return self._current

    @property
    def current_origin(self) -> str:
        """Which view made it current."""
        return self._current_origin

    def set_current(self, row: int, origin: str = "") -> None:
        """Give the attention to one object; −1 to none."""
        row = int(row) if 0 <= row < self.n else ABSENT
        if row == self._current:
            return
        self._current, self._current_origin = row, origin
        self.current_changed.emit(row)

    # --------------------------------------------------------------------------------------------- staleness
    @property
    def stale(self) -> str:
        """Why the table no longer fits the image; "" where it does."""
        return self._stale

    def mark_stale(self, reason: str) -> None:
        """Say that the labels were edited, removed or moved after measuring; the first reason stays."""
        if self._table is None or self._stale or not reason:
            return
        self._stale = reason
        self.stale_changed.emit(reason)

    def _with_attrs(self, table: pd.DataFrame) -> pd.DataFrame:
        table.attrs = {} if self._table is None else dict(self._table.attrs)
        return table
