"""The table: sorted with missing values last, and selected both ways."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_segmotif.gui.explore.panels.table_view import TableView
from napari_segmotif.gui.explore.session import ObjectSession

TABLE = pd.DataFrame({"label": [5, 3, 8, 4], "area": [2.0, np.nan, 1.0, 12345.678]}, index=[1, 1, 0, 0])


@pytest.fixture
def session() -> ObjectSession:
    session = ObjectSession()
    session.set_table(TABLE)
    return session


@pytest.fixture
def table(session: ObjectSession, qtbot: QtBot) -> Iterator[TableView]:
    table = TableView(session)
    qtbot.addWidget(table)
    table.resize(500, 300)
    table.show()
    qtbot.waitExposed(table)
    yield table
    table.close_down()


def shown(table: TableView, name: str) -> list[str]:
    column = list(table._session.table.columns).index(name)
    return [table.model.index(row, column).data() for row in range(table.model.rowCount())]


def click_row(table: TableView, place: int, modifier: Qt.KeyboardModifier, qtbot: QtBot) -> None:
    at = table.view.visualRect(table.model.index(place, 2)).center()
    qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, modifier, QPoint(at))


def marked(table: TableView) -> list[int]:
    role = Qt.ItemDataRole.BackgroundRole
    rows = range(table.model.rowCount())
    return [r for r in rows if table.model.index(r, 0).data(role) is not None]


@pytest.mark.parametrize(
    ("order", "labels"),
    [
        (Qt.SortOrder.AscendingOrder, ["8", "5", "4", "3"]),
        (Qt.SortOrder.DescendingOrder, ["4", "5", "8", "3"]),
    ],
)
def test_missing_values_come_last_in_either_order(
    table: TableView, order: Qt.SortOrder, labels: list[str]
) -> None:
    table.view.sortByColumn(4, order)
    assert shown(table, "label") == labels
    assert shown(table, "area")[-1] == "–"


def test_a_click_selects_the_object_whatever_the_order(
    table: TableView, session: ObjectSession, qtbot: QtBot
) -> None:
    table.view.sortByColumn(4, Qt.SortOrder.AscendingOrder)
    click_row(table, 0, Qt.KeyboardModifier.NoModifier, qtbot)
    assert session.selected.tolist() == [False, False, True, False]
    assert session.current == 2
    click_row(table, 2, Qt.KeyboardModifier.ControlModifier, qtbot)
    assert session.selected.tolist() == [False, False, True, True]
    table.view.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert shown(table, "label") == ["3", "4", "5", "8"]
    assert marked(table) == [1, 3]


def test_what_is_selected_elsewhere_is_marked_and_can_be_seen_alone(
    table: TableView, session: ObjectSession, qtbot: QtBot
) -> None:
    session.select([0, 1], origin="plot")
    assert marked(table) == [0, 1]
    qtbot.mouseClick(
        table.only_selected, Qt.MouseButton.LeftButton, pos=QPoint(8, table.only_selected.height() // 2)
    )
    assert shown(table, "label") == ["5", "3"]
    session.select([2], origin="plot")
    assert shown(table, "label") == ["8"]
    assert session.selected.tolist() == [False, False, True, False]  # showing it changed nothing
    table.only_selected.setChecked(False)
    assert len(shown(table, "label")) == 4


def test_new_columns_and_new_tables_are_shown(table: TableView, session: ObjectSession, qtbot: QtBot) -> None:
    session.set_column("cluster", [1, 2, 1, 0])
    qtbot.waitUntil(lambda: table.model.columnCount() == 6)
    assert shown(table, "cluster") == ["1", "2", "1", "0"]
    session.set_table(pd.DataFrame({"label": [1]}))
    assert shown(table, "label") == ["1"]
    session.set_table(None)
    assert table.model.rowCount() == 0


def test_a_hundred_thousand_rows_are_selected_without_formatting_them(
    session: ObjectSession, table: TableView, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 100_000
    session.set_table(pd.DataFrame({"label": np.arange(1, n + 1), "area": np.arange(n)[::-1]}))
    table.view.sortByColumn(4, Qt.SortOrder.AscendingOrder)
    asked: list[int] = []
    data = type(table.model).data

    def counted(self: object, index: object, role: int = 0) -> object:
        asked.append(1)
        return data(self, index, role)

    monkeypatch.setattr(type(table.model), "data", counted)
    session.select(np.arange(n) % 10 == 0, origin="plot")
    session.set_current(77_777, "image")
    QApplication.processEvents()
    assert len(asked) < 5_000
    assert table.model.view_row(77_777) == n - 1 - 77_777
