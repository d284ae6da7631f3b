"""The table of occurrences: sort, filter, copy, go to a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QModelIndex, QPoint, Qt
from qtpy.QtWidgets import QApplication, QPushButton

from napari_segmotif.gui.motifs.colors import motif_colors
from napari_segmotif.gui.motifs.panels.occurrence_model import AMPLITUDE, FRAME, MOTIF, TIME
from napari_segmotif.gui.motifs.panels.occurrence_table import OccurrenceTable
from napari_segmotif.motifs.results.findings import Occurrence

FOUND = (
    Occurrence(1, 1234, 41.1333333, 0.5),
    Occurrence(0, 30, 1.0, 0.99),
    Occurrence(0, 60, 2.0, 0.75),
    Occurrence(1, 90, 3.0, 0.875),
)


@pytest.fixture
def table(viewer: Viewer) -> OccurrenceTable:
    table = OccurrenceTable()
    viewer.window.add_dock_widget(table, name="Occurrences")
    table.set_occurrences(FOUND, motif_colors(3))
    table.setFixedSize(360, 300)
    QApplication.processEvents()
    return table


def column(table: OccurrenceTable, which: int) -> list[str]:
    model = table.model
    return [str(model.data(model.index(row, which))) for row in range(model.rowCount())]


def middle(table: OccurrenceTable, row: int, which: int = FRAME) -> QPoint:
    return table.view.visualRect(table.model.index(row, which)).center()


def test_it_shows_occurrences_in_the_order_of_time(table: OccurrenceTable) -> None:
    assert column(table, FRAME) == ["30", "60", "90", "1,234"]
    assert column(table, TIME) == ["1.00", "2.00", "3.00", "41.13"]
    assert column(table, MOTIF) == ["Motif 1", "Motif 1", "Motif 2", "Motif 2"]


def test_motifs_have_their_colours(table: OccurrenceTable) -> None:
    for row, color in enumerate(motif_colors(2)[i] for i in (0, 0, 1, 1)):
        icon = table.model.data(table.model.index(row, MOTIF), Qt.ItemDataRole.DecorationRole)
        assert icon.pixmap(12).toImage().pixelColor(6, 6).name() == color


@pytest.mark.parametrize(
    ("which", "frames"),
    [
        (TIME, ["30", "60", "90", "1,234"]),
        (MOTIF, ["30", "60", "90", "1,234"]),
        (AMPLITUDE, ["1,234", "60", "90", "30"]),
    ],
)
def test_a_click_on_a_header_sorts_by_number(
    table: OccurrenceTable, qtbot: QtBot, which: int, frames: list[str]
) -> None:
    header = table.view.horizontalHeader()
    where = QPoint(header.sectionViewportPosition(which) + 20, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)
    if table.view.horizontalHeader().sortIndicatorOrder() == Qt.SortOrder.DescendingOrder:
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert column(table, FRAME) == frames
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)
    if which == MOTIF:  # within a motif, time still goes on
        assert column(table, FRAME) == ["90", "1,234", "30", "60"]
    else:
        assert column(table, FRAME) == frames[::-1]


def test_the_filter_shows_one_motif(table: OccurrenceTable, qtbot: QtBot) -> None:
    texts = [table._motif.itemText(i) for i in range(table._motif.count())]
    assert texts == ["All motifs (4)", "Motif 1 (2)", "Motif 2 (2)", "Motif 3 (0)"]
    table._motif.setFocus()
    qtbot.keyClick(table._motif, Qt.Key.Key_Down)
    qtbot.keyClick(table._motif, Qt.Key.Key_Down)
    assert column(table, FRAME) == ["90", "1,234"]
    with qtbot.waitSignal(table.frame_clicked) as signal:
        qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=middle(table, 1))
    assert signal.args == [1234]
    qtbot.keyClick(table._motif, Qt.Key.Key_Down)
    assert table.model.rowCount() == 0
    table.set_occurrences(FOUND, motif_colors(3))  # a new result shows all again
    assert table._motif.currentIndex() == 0
    assert table.model.rowCount() == 4


def test_clicks_and_arrow_keys_go_to_the_frame_once(table: OccurrenceTable, qtbot: QtBot) -> None:
    frames: list[int] = []
    table.frame_clicked.connect(frames.append)
    for which in (TIME, MOTIF):
        qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=middle(table, 2, which))
    qtbot.keyClick(table.view, Qt.Key.Key_Down)
    qtbot.keyClick(table.view, Qt.Key.Key_Down)  # there is no further row
    qtbot.keyClick(table.view, Qt.Key.Key_Up)
    assert frames == [90, 90, 1234, 90]


def test_rows_are_copied_for_a_spreadsheet(table: OccurrenceTable, qtbot: QtBot) -> None:
    qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=middle(table, 3))
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, shift, pos=middle(table, 2))
    qtbot.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == (
        "Time (s)\tFrame\tMotif\tAmplitude\n3\t90\t2\t0.875\n41.1333\t1234\t2\t0.5\n"
    )
    table.view.clearSelection()
    button = next(b for b in table.findChildren(QPushButton) if b.text() == "Copy")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(QApplication.clipboard().text().splitlines()) == 5


def test_nothing_can_be_shown(table: OccurrenceTable, qtbot: QtBot) -> None:
    table.clear()
    assert table.model.rowCount() == 0
    with qtbot.assertNotEmitted(table.frame_clicked):
        qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(50, 20))
        qtbot.keyClick(table.view, Qt.Key.Key_Down)


def test_many_rows_sort_and_filter_right(table: OccurrenceTable) -> None:
    random = np.random.default_rng(0)
    frames = random.permutation(50_000)
    table.set_occurrences(
        [
            Occurrence(int(f) % 3, int(f), f / 30, float(a))
            for f, a in zip(frames, random.random(50_000), strict=True)
        ],
        motif_colors(3),
    )
    assert [table.model.frame(row) for row in (0, 1, 49_999)] == [0, 1, 49_999]
    table.model.show_motif(1)
    assert table.model.rowCount() == 16_667
    assert table.model.frame(1) == 4


def test_no_text_is_cut_in_a_narrow_dock(table: OccurrenceTable) -> None:
    assert table.minimumSizeHint().width() <= 360
    model, view = table.model, table.view
    for which in (TIME, FRAME, MOTIF, AMPLITUDE):
        hint: Any = view.sizeHintForColumn(which)
        assert hint <= view.columnWidth(which)
        assert view.horizontalHeader().sectionSizeHint(which) <= view.columnWidth(which)
    assert model.rowCount(QModelIndex()) == 4
