"""Cells that are chosen, or changed, while something runs or another result is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motif_scene import Double, X, Y, cells, docked, finished, layer, names, video
from napari import Viewer
from pytestqt.qtbot import QtBot

from napari_segmotif.gui.motifs.crop import Crop
from napari_segmotif.gui.motifs.found import look_at, with_orders
from napari_segmotif.gui.motifs.pictures import cells_by_motif
from napari_segmotif.gui.motifs.widget import MotifDetectorWidget
from napari_segmotif.motifs.parameters import MotifParameters

ALL_FOUND = "6 of 7 cells fire in a motif."
BY_MOTIF = np.where(cells() < 30, cells() // 10, 0)


@pytest.fixture
def widget(viewer: Viewer, double: type[Double]) -> MotifDetectorWidget:
    viewer.add_image(video(), name="calcium")
    return docked(viewer)


def orders_of(widget: MotifDetectorWidget) -> list[list[int]]:
    assert widget.found is not None
    return [one.labels.tolist() for one in widget.found.orders]


def cells_in_motifs(widget: MotifDetectorWidget) -> set[int]:
    """Labels of the cells that the orders have."""
    return {label for one in orders_of(widget) for label in one}


def members(labels: np.ndarray) -> set[int]:
    """Labels of the cells that are in a motif, of cells that lie as in `cells`."""
    return {int(label) for label in np.unique(labels[(cells() > 0) & (cells() < 30)])}


def start_and_hold(widget: MotifDetectorWidget, double: type[Double], qtbot: QtBot, what: str) -> None:
    double.hold = "refine"
    getattr(widget, what)()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)


@pytest.mark.parametrize("what", ["run", "preview"])
@pytest.mark.parametrize("before", ["no cells", "other cells"])
def test_cells_chosen_during_a_run_are_looked_at_when_it_ends(
    viewer: Viewer, widget: MotifDetectorWidget, double: type[Double], qtbot: QtBot, what: str, before: str
) -> None:
    if before == "other cells":  # larger labels than those that are chosen later
        other = viewer.add_labels(np.where(cells() > 0, cells() + 500, 0), name="other")
        widget.form.cell_layer.choose(other)
    start_and_hold(widget, double, qtbot, what)
    chosen = viewer.add_labels(cells(), name="cells")
    widget.form.cell_layer.choose(chosen)
    double.go.set()
    finished(widget)
    if what == "run":
        assert widget.form.cells_said.text() == ALL_FOUND
        assert np.array_equal(layer(viewer, "Cells by motif").data, BY_MOTIF)
        assert cells_in_motifs(widget) == members(cells())
    else:
        said = "6 of 7 cells in the part that the preview looked at fire in a motif."
        assert widget.form.cells_said.text() == said
    assert orders_of(widget)[0] == [10, 11, 12]


def test_cells_chosen_while_a_run_is_dropped_are_looked_at_too(
    viewer: Viewer, widget: MotifDetectorWidget, double: type[Double], qtbot: QtBot
) -> None:
    widget.run()
    finished(widget)
    double.has_kept = False
    start_and_hold(widget, double, qtbot, "run")
    chosen = viewer.add_labels(cells(), name="cells")
    widget.form.cell_layer.choose(chosen)
    widget.runner.cancel()
    finished(widget)
    assert widget.form.cells_said.text() == ALL_FOUND
    assert np.array_equal(layer(viewer, "Cells by motif").data, BY_MOTIF)
    assert cells_in_motifs(widget) == members(cells())


def test_cells_chosen_at_a_preview_are_those_of_the_whole_video_too(
    viewer: Viewer, widget: MotifDetectorWidget
) -> None:
    widget.run()
    finished(widget)
    widget.preview()
    finished(widget)
    chosen = viewer.add_labels(cells(), name="cells")
    widget.form.cell_layer.choose(chosen)
    finished(widget)
    widget.form.motifs._whole.click()
    finished(widget)
    assert widget.form.cells_said.text() == ALL_FOUND
    assert np.array_equal(layer(viewer, "Cells by motif").data, BY_MOTIF)
    assert cells_in_motifs(widget) == members(cells())


def test_painted_cells_are_looked_at_again_when_a_result_is_shown(
    viewer: Viewer, widget: MotifDetectorWidget
) -> None:
    chosen = viewer.add_labels(cells(), name="cells")
    widget.form.cell_layer.choose(chosen)
    widget.run()
    finished(widget)
    widget.preview()
    finished(widget)
    chosen.data = np.where(cells() > 0, cells() + 500, 0)
    widget.form.motifs._whole.click()
    finished(widget)
    assert widget.form.cells_said.text() == ALL_FOUND
    assert np.array_equal(layer(viewer, "Cells by motif").data, BY_MOTIF)
    assert cells_in_motifs(widget) == members(chosen.data)


def test_without_cells_none_are_exported(viewer: Viewer, widget: MotifDetectorWidget, tmp_path: Path) -> None:
    chosen = viewer.add_labels(cells(), name="cells")
    widget.form.cell_layer.choose(chosen)
    widget.run()
    finished(widget)
    assert orders_of(widget)[0]
    widget.form.cell_layer.choose(None)
    finished(widget)
    assert widget.form.cells_said.text() == ""
    assert "Cells by motif" not in names(viewer)
    assert not orders_of(widget)


def fitted() -> Any:
    model = Double(**MotifParameters(motif_length=8).model_dump())
    model._learn(video())
    return model


def test_cells_that_the_orders_do_not_know_are_in_no_motif() -> None:
    found = with_orders(look_at(fitted()), cells())
    shown = cells_by_motif(np.where(cells() == 12, 1, np.minimum(cells(), 21)), found)
    assert shown[cells() == 12].max() == 0
    assert (shown[cells() == 10] == 1).all()
    huge = np.where(cells() > 0, cells().astype(np.int64) + 10**12, 0)
    shown = cells_by_motif(huge, with_orders(found, huge))
    assert np.array_equal(shown, BY_MOTIF)


def test_a_preview_of_a_part_without_cells_is_not_lost(
    viewer: Viewer, double: type[Double], monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(np.tile(video(), (1, 2, 1)), name="calcium")
    widget = docked(viewer)
    labels = np.zeros((2 * Y, X), np.int32)
    labels[Y:] = cells()
    widget.form.cell_layer.choose(viewer.add_labels(labels, name="cells"))
    top = Crop((slice(0, 120), slice(0, Y), slice(0, X)), (120, 2 * Y, X))
    monkeypatch.setattr("napari_segmotif.gui.motifs.widget.preview_crop", lambda *_: top)
    widget.preview()
    finished(widget)
    assert widget.found is not None
    assert widget.form.cells_said.text() == "No cell lies in the part that the preview looked at."
