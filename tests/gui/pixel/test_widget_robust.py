"""What goes wrong or goes away: bad input, removed layers, closed docks and viewers, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication
from scene import N_TREES, Paint, docked, expected, halves, layer, settled, two_strokes

from napari_segmotif.gui.pixel import widget as widget_module
from napari_segmotif.gui.pixel.panels.model_panel import LayerDialog
from napari_segmotif.gui.pixel.widget import PixelClassifierWidget
from napari_segmotif.pixel.parameters import ForestParameters


@pytest.mark.parametrize("bad", ["none", "one class", "shape", "nan"])
def test_bad_input_is_told_and_nothing_is_lost(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint, notifications: list[tuple[str, str]], bad: str
) -> None:
    image = halves()
    if bad == "nan":
        image[8:12, 8:12] = np.nan
    viewer.add_image(image, name="cells", contrast_limits=(0, 255))
    widget = docked(viewer)
    annotation = widget.new_annotation()
    assert annotation is not None
    if bad == "one class":
        paint_stroke(viewer, annotation, [(8, 6), (12, 18)], label=1, brush=3)
    if bad == "nan":
        two_strokes(viewer, annotation, paint_stroke)
    if bad == "shape":
        viewer.layers.remove(annotation)
        viewer.add_labels(np.zeros((10, 10), np.uint8), name="small")
    settled(widget, qtbot)
    data = viewer.layers[-1].data.copy()
    widget.jobs.train()
    settled(widget, qtbot)
    word = {
        "none": "paint a few strokes",
        "one class": "second class",
        "shape": "New annotation",
        "nan": "NaN",
    }[bad]
    assert any(word in message for _, message in notifications), notifications
    assert word in widget.form.said
    assert not widget.session.fitted
    np.testing.assert_array_equal(viewer.layers[-1].data, data)
    assert not widget.runner.busy


def test_removing_a_layer_or_a_second_job_while_one_runs(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    notifications: list[tuple[str, str]],
) -> None:
    widget, annotation = painted
    widget.form.train.set_live(False)
    widget.form.train.set_forest(ForestParameters(n_estimators=2000))
    settled(widget, qtbot)
    widget.form.train.train_clicked.emit()
    widget.form.validation.wanted.emit("stroke")
    assert any("still running" in message for _, message in notifications)
    viewer.layers.remove(annotation)
    settled(widget, qtbot)
    assert widget.session.require().parameters.n_estimators == N_TREES  # the training was dropped
    assert widget.form.data.current_pair is None
    assert not widget.form.train._train.isEnabled()
    assert "annotation" in widget.form.train._train.toolTip()


def test_closing_the_dock_while_a_job_runs(
    viewer: Viewer, qtbot: QtBot, painted: tuple[PixelClassifierWidget, Labels]
) -> None:
    widget, annotation = painted
    names = [e.name for e in widget.form.table.entries]
    widget.form.train.set_forest(ForestParameters(n_estimators=2000))
    widget.form.train.train_clicked.emit()
    assert widget.runner.busy
    viewer.window.remove_dock_widget(widget)
    qtbot.wait(50)
    annotation.data_setitem((np.array([0]), np.array([0])), 1)  # nobody listens any more, and nothing breaks
    reopened = docked(viewer)
    settled(reopened, qtbot)
    assert [e.name for e in reopened.form.table.entries] == names


def test_closing_the_viewer_while_a_job_runs(
    make_napari_viewer: Callable[..., Viewer], qtbot: QtBot, paint_stroke: Paint
) -> None:
    viewer = make_napari_viewer(strict_qt=True)
    viewer.add_image(halves(), name="cells")
    widget = docked(viewer)
    annotation = widget.new_annotation()
    assert annotation is not None
    two_strokes(viewer, annotation, paint_stroke)
    settled(widget, qtbot)
    widget.form.train.set_forest(ForestParameters(n_estimators=2000))
    widget.form.train.train_clicked.emit()
    viewer.close()


def test_lists_follow_the_viewer_and_nothing_works_without_an_image(viewer: Viewer, qtbot: QtBot) -> None:
    widget = docked(viewer)
    assert widget.form.data.source is None
    assert not widget.form.data._new.isEnabled()
    assert "open an image" in widget.form.train._train.toolTip()
    cells = viewer.add_image(halves(), name="cells")
    assert widget.form.data.source is not None
    cells.name = "renamed"
    assert widget.form.data.image.itemText(0) == "renamed"
    viewer.layers.remove(cells)
    assert widget.form.data.image.count() == 0
    assert widget.form.data.source is None


def test_results_larger_than_memory_go_to_the_folder_that_was_chosen(
    viewer: Viewer, qtbot: QtBot, painted: tuple[PixelClassifierWidget, Labels], tmp_path: Path
) -> None:
    widget, annotation = painted
    widget.form.train.set_live(False)
    widget.form.train.set_output("probabilities", True)
    widget.jobs.predict_all(tmp_path / "result")
    settled(widget, qtbot)
    segmentation = layer(viewer, "segmentation")
    assert isinstance(segmentation.data, da.Array)
    truth = expected(widget, halves(), annotation.data, spacing=(0.5, 0.25))
    np.testing.assert_array_equal(np.asarray(segmentation.data), truth)
    assert (tmp_path / "result" / "labels.zarr").is_dir()
    assert layer(viewer, "probability: Object").data.shape == (48, 64)


def test_layers_whose_results_are_larger_than_memory_get_a_folder_each(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, _ = painted
    where = {"scale": (0.5, 0.25), "units": ("um", "um")}
    images = {"a/b": halves(), "a:b": halves()[:, ::-1].copy()}
    for name, image in images.items():
        viewer.add_image(image, name=name, **where)
    monkeypatch.setattr(LayerDialog, "exec", lambda _self: True)
    offered = [one.name for one in app.form.data.image.layers]
    monkeypatch.setattr(LayerDialog, "ticked", tuple(offered.index(name) for name in images))
    one = halves().size  # bytes of a segmentation: both together are too much
    monkeypatch.setattr(widget_module, "IN_MEMORY_BYTES", 2 * one - 1)
    answers = iter([("", ""), (str(tmp_path / "big"), "")])
    monkeypatch.setattr(widget_module.QFileDialog, "getSaveFileName", lambda *_: next(answers))
    app.form.model.apply_wanted.emit()
    settled(app, qtbot)
    assert not any(one.name.startswith("a") and "segmentation" in one.name for one in viewer.layers)
    app.form.model.apply_wanted.emit()
    settled(app, qtbot)
    for name, image in images.items():
        found = layer(viewer, f"{name} · segmentation").data
        assert isinstance(found, da.Array)
        np.testing.assert_array_equal(np.asarray(found), app.session.require().predict(image))
    folders = sorted(path.name for path in (tmp_path / "big").iterdir())
    assert folders == ["1_a_b", "2_a_b"]
    monkeypatch.setattr(LayerDialog, "ticked", (offered.index("a/b"),))  # one alone has room: nobody is asked
    app.form.model.apply_wanted.emit()
    settled(app, qtbot)
    assert isinstance(layer(viewer, "a/b · segmentation").data, np.ndarray)


def test_copy_as_python_runs(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widget, annotation = painted
    script = widget.keeping.copy_as_python()
    assert QApplication.clipboard().text() == script
    monkeypatch.chdir(tmp_path)
    from napari_segmotif.common.image_io import open_image, write_image

    write_image("image.tif", halves(), axes="YX", spacing=(0.5, 0.25), units="micrometer")
    write_image("annotation.tif", annotation.data, axes="YX", labels=True)
    exec(compile(script, "script", "exec"), {})
    with open_image("segmentation.tif") as written:
        np.testing.assert_array_equal(written.array[:], layer(viewer, "segmentation").data)


def test_a_stroke_does_not_push_aside_what_was_asked_for(
    viewer: Viewer, qtbot: QtBot, painted: tuple[PixelClassifierWidget, Labels], paint_stroke: Paint
) -> None:
    widget, annotation = painted
    started: list[str] = []
    widget.runner.started.connect(started.append)
    paint_stroke(viewer, annotation, [(20, 6), (24, 12)], label=1, brush=3)
    widget.following.follow()
    assert widget.runner.running_name == "Live"
    widget.form.train.train_clicked.emit()  # waits for Live to give way
    paint_stroke(viewer, annotation, [(20, 50), (24, 56)], label=2, brush=3)
    widget.following.follow()
    settled(widget, qtbot)
    assert "Train" in started
    assert started[-1] == "Live"  # and the last stroke is followed after it
    truth = expected(widget, halves(), annotation.data, spacing=(0.5, 0.25))
    np.testing.assert_array_equal(layer(viewer, "segmentation").data, truth)
