"""The Export panel: a folder, what is written, and why something is not offered."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QCheckBox, QFileDialog

from napari_segmotif.gui.motifs.panels.export_panel import ExportPanel


@pytest.fixture
def has_pynwb() -> bool:
    """Whether pynwb is installed; a test can say otherwise."""
    return True


@pytest.fixture
def panel(viewer: Viewer, monkeypatch: pytest.MonkeyPatch, has_pynwb: bool) -> ExportPanel:
    real = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return (object() if has_pynwb else None) if name == "pynwb" else real(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    panel = ExportPanel()
    viewer.window.add_dock_widget(panel, name="Export")
    panel.setFixedWidth(360)
    QApplication.processEvents()
    return panel


def click(qtbot: QtBot, widget: Any) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.rect().center())


def tick(qtbot: QtBot, box: QCheckBox) -> None:
    where = box.rect().center()
    where.setX(12)
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=where)


def test_it_asks_for_what_is_missing(panel: ExportPanel, qtbot: QtBot, tmp_path: Path) -> None:
    assert not panel.export.isEnabled()
    assert "find motifs first" in panel.export.toolTip()
    panel.set_available("")
    assert not panel.export.isEnabled()
    assert "choose a folder" in panel.export.toolTip()
    qtbot.keyClicks(panel.folder, str(tmp_path))
    assert panel.export.isEnabled()
    panel.set_available("a job is running.")
    with qtbot.assertNotEmitted(panel.export_wanted):
        click(qtbot, panel.export)


def test_the_button_tells_folder_and_format(panel: ExportPanel, qtbot: QtBot, tmp_path: Path) -> None:
    panel.set_available("")
    panel.set_folder(tmp_path)
    with qtbot.waitSignal(panel.export_wanted) as signal:
        click(qtbot, panel.export)
    assert signal.args == [tmp_path, False]
    tick(qtbot, panel.nwb)
    with qtbot.waitSignal(panel.export_wanted) as signal:
        click(qtbot, panel.export)
    assert signal.args == [tmp_path, True]


def test_tables_and_motifs_are_always_written(panel: ExportPanel, qtbot: QtBot) -> None:
    for box in panel._always:
        tick(qtbot, box)
        assert box.isChecked()
    assert [box.text() for box in panel._always] == ["motifs (TIFF)", "activations and occurrences (CSV)"]


def test_the_folder_is_chosen_in_a_dialog(
    panel: ExportPanel, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([str(tmp_path), ""])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: next(answers))
    for _ in range(2):  # the second time it is cancelled, and the folder stays
        click(qtbot, panel.choose)
        assert panel.folder.text() == str(tmp_path)


@pytest.mark.parametrize("has_pynwb", [False])
def test_without_pynwb_it_says_what_to_install(panel: ExportPanel, qtbot: QtBot, tmp_path: Path) -> None:
    assert not panel.nwb.isEnabled()
    assert panel._why.isVisibleTo(panel)
    assert "pip install" in panel._why.text()
    panel.set_available("")
    panel.set_folder(tmp_path)
    tick(qtbot, panel.nwb)
    with qtbot.waitSignal(panel.export_wanted) as signal:
        click(qtbot, panel.export)
    assert signal.args == [tmp_path, False]


def test_it_fits_a_narrow_dock(panel: ExportPanel) -> None:
    panel.show_text("Written: motifs.tif, activations.csv, occurrences.csv and " + "a long name " * 12)
    QApplication.processEvents()
    assert panel.minimumSizeHint().width() <= 360
    for box in (*panel._always, panel.nwb):
        assert box.sizeHint().width() <= box.width()
    assert panel._text.heightForWidth(panel._text.width()) <= panel._text.height()
