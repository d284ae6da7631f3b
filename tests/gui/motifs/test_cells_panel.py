"""The Cells panel: cells of a motif in firing order."""

from __future__ import annotations

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_segmotif.gui.motifs.colors import motif_colors
from napari_segmotif.gui.motifs.panels.cells_panel import CellsPanel, cells_in_words
from napari_segmotif.motifs.results.cells import MotifCells

LENGTH, RATE = 30, 30.0


def order(motif: int, labels: list[int], onsets: list[int]) -> MotifCells:
    frames = np.arange(LENGTH)
    rise = np.array(onsets, np.int64).reshape(-1, 1)
    traces = np.where(frames >= rise, np.exp(-(frames - rise) / 10.0), 0).astype(np.float32)
    weights = np.linspace(1, 0.5, len(labels), dtype=np.float32)
    return MotifCells(motif, np.array(labels, np.int64), rise.ravel(), rise.ravel() + 1, weights, traces)


ORDERS = (order(0, [4, 9, 23], [2, 10, 21]), order(1, [7], [0]), order(2, [], []))


@pytest.fixture
def panel(viewer: Viewer) -> CellsPanel:
    panel = CellsPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Cells")
    panel.show_cells(ORDERS, motif_colors(3), LENGTH, RATE)
    panel.setFixedSize(360, 420)
    QApplication.processEvents()
    return panel


def middle(panel: CellsPanel, row: int) -> QPoint:
    return panel.raster.row_box(row).center().toPoint()


def test_a_click_on_a_row_gives_the_label(panel: CellsPanel, qtbot: QtBot) -> None:
    for row, label in enumerate((4, 9, 23)):
        for where in (middle(panel, row), QPoint(10, middle(panel, row).y())):
            with qtbot.waitSignal(panel.cell_clicked) as signal:
                qtbot.mouseClick(panel.raster, Qt.MouseButton.LeftButton, pos=where)
            assert signal.args == [label]
    below = QPoint(100, panel.raster.height() - 2)
    with qtbot.assertNotEmitted(panel.cell_clicked):
        qtbot.mouseClick(panel.raster, Qt.MouseButton.LeftButton, pos=below)


def test_the_combo_box_changes_the_motif(panel: CellsPanel, qtbot: QtBot) -> None:
    texts = [panel._motif.itemText(i) for i in range(panel._motif.count())]
    assert texts == ["Motif 1: 3 cells", "Motif 2: 1 cell", "Motif 3: 0 cells"]
    assert panel._text.text() == "Cells 4, 9, 23"
    panel._motif.setFocus()
    qtbot.keyClick(panel._motif, Qt.Key.Key_Down)
    assert panel._text.text() == "Cell 7"
    with qtbot.waitSignal(panel.cell_clicked) as signal:
        qtbot.mouseClick(panel.raster, Qt.MouseButton.LeftButton, pos=middle(panel, 0))
    assert signal.args == [7]
    panel.show_cells(ORDERS, motif_colors(3), LENGTH, RATE)  # the choice is kept
    assert panel._text.text() == "Cell 7"
    qtbot.keyClick(panel._motif, Qt.Key.Key_Down)
    assert not panel._text.isVisibleTo(panel)
    with qtbot.assertNotEmitted(panel.cell_clicked):
        qtbot.mouseClick(panel.raster, Qt.MouseButton.LeftButton, pos=QPoint(50, 15))


def test_ticks_stand_where_cells_fire(panel: CellsPanel) -> None:
    image = panel.raster.grab().toImage()
    ink = panel.raster._colors.text.rgb()
    for row, onset in enumerate(ORDERS[0].onset_frames):
        box = panel.raster.row_box(row)
        y = middle(panel, row).y()
        columns = [x for x in range(round(box.left()), round(box.right())) if image.pixel(x, y) == ink]
        assert columns
        wanted = box.left() + box.width() * (onset + 0.5) / LENGTH
        assert np.mean(columns) == pytest.approx(wanted, abs=1.5)


def test_a_tooltip_says_when_a_cell_fires(panel: CellsPanel) -> None:
    panel.raster.grab()
    said = [text for _, text in panel.raster._targets]
    assert said[1].splitlines() == [
        "cell 9 is number 2 to fire",
        "333 ms (frame 10) into the motif, brightest in frame 11",
        "75 % as bright as the motif's brightest cell",
    ]


def test_many_cells_scroll_and_are_not_all_named(panel: CellsPanel) -> None:
    labels = list(range(1, 101))
    panel.show_cells([order(0, labels, [i % 30 for i in labels])], motif_colors(1), LENGTH, RATE)
    QApplication.processEvents()
    assert panel._scroll.height() < panel.raster.height()
    assert panel.raster.row_box(99).bottom() < panel.raster.height()
    assert cells_in_words(panel._orders[0]).endswith("23, 24 and 76 more")
    few = [order(0, [1, 2], [0, 1])]
    panel.show_cells(few, motif_colors(1), LENGTH, RATE)
    QApplication.processEvents()
    assert panel._scroll.height() >= panel.raster.height()


def test_cleared_it_shows_no_cells(panel: CellsPanel, qtbot: QtBot) -> None:
    panel.clear()
    with qtbot.assertNotEmitted(panel.cell_clicked):
        qtbot.mouseClick(panel.raster, Qt.MouseButton.LeftButton, pos=QPoint(50, 15))
    assert not panel._motif.isVisibleTo(panel)
    assert not panel.grab().isNull()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_painted_beyond_the_edge(panel: CellsPanel, viewer: Viewer, theme: str) -> None:
    viewer.theme = theme
    panel.show_cells([order(0, [4, 123_456_789], [2, 10])], motif_colors(1), LENGTH, RATE)
    QApplication.processEvents()
    assert panel.minimumSizeHint().width() <= 360
    image = panel.raster.grab().toImage()
    edges = {image.pixel(x, y) for x in (0, image.width() - 1) for y in range(image.height())}
    edges |= {image.pixel(x, y) for y in (0, image.height() - 1) for x in range(image.width())}
    assert len(edges) == 1
