"""A classifier that was loaded or selected is kept until something is painted, and not a stroke longer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from scene import FEATURES, N_TREES, Paint, docked, halves, layer, settled, two_strokes

from napari_segmotif.gui.pixel.widget import PixelClassifierWidget
from napari_segmotif.pixel.classifier import PixelClassifier
from napari_segmotif.pixel.filtering.features import PixelFeatures


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A classifier that takes bright for class 1, other than the strokes of the tests."""
    annotation = np.zeros((48, 64), np.uint8)
    annotation[4:8, 40:60], annotation[4:8, 4:20] = 1, 2
    classifier = PixelClassifier(FEATURES, n_estimators=N_TREES).fit(halves(), annotation)
    return classifier.save(tmp_path / "bright.segmotif")


def loaded(widget: PixelClassifierWidget, qtbot: QtBot, saved: Path) -> None:
    settled(widget, qtbot)
    widget.keeping.load(saved)
    settled(widget, qtbot)


def predicted(widget: PixelClassifierWidget, qtbot: QtBot, viewer: Viewer) -> np.ndarray:
    widget.form.train.predict_clicked.emit()
    settled(widget, qtbot)
    return np.asarray(layer(viewer, "segmentation").data)


@pytest.mark.parametrize("when", ["before", "after", "live in 3D"])
def test_strokes_painted_after_loading_are_trained_on(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint, saved: Path, when: str
) -> None:
    viewer.add_image(halves(), name="cells")
    widget = docked(viewer)
    annotation = widget.new_annotation() if when != "after" else None
    loaded(widget, qtbot, saved)
    if annotation is None:
        annotation = widget.new_annotation()
    assert annotation is not None
    two_strokes(viewer, annotation, paint_stroke)
    if when == "live in 3D":
        viewer.dims.ndisplay = 3
        widget.form.train.set_live(True)
        settled(widget, qtbot)
    assert (predicted(widget, qtbot, viewer)[:, 40:] == 2).all()
    assert len(widget.session.require().training_.y) == np.count_nonzero(annotation.data)


def test_what_was_painted_before_loading_leaves_the_loaded_classifier(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint, saved: Path
) -> None:
    viewer.add_image(halves(), name="cells")
    widget = docked(viewer)
    annotation = widget.new_annotation()
    assert annotation is not None
    two_strokes(viewer, annotation, paint_stroke)
    loaded(widget, qtbot, saved)
    version = widget.session.version
    assert (predicted(widget, qtbot, viewer)[:, 40:] == 1).all()
    viewer.add_image(halves(), name="second")  # an empty annotation more is nothing painted
    widget.form.data.image.choose(viewer.layers["second"])
    assert widget.new_annotation() is not None
    widget.form.train.set_live(True)
    settled(widget, qtbot)
    assert (np.asarray(layer(viewer, "second · segmentation").data)[:, 40:] == 1).all()
    assert widget.session.version == version


@pytest.mark.parametrize("when", ["before", "after"])
def test_strokes_that_the_selection_did_not_know_are_trained_on(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    paint_stroke: Paint,
    when: str,
) -> None:
    widget, annotation = painted
    train = widget.form.train
    widget.form.grid.set_features(PixelFeatures(families=FEATURES.families, sigmas=(1.0, 1.6)))
    widget.form.n_best.setValue(2)
    train.set_live(False)
    train.train_clicked.emit()
    settled(widget, qtbot)
    paint_stroke(viewer, annotation, [(20, 5), (24, 20)], label=1, brush=3)
    settled(widget, qtbot)
    n_trained = len(widget.session.require().training_.y)
    widget.form.select.click()
    if when == "after":
        settled(widget, qtbot)
        predicted(widget, qtbot, viewer)
        n_trained = np.count_nonzero(annotation.data)
        widget.form.select.click()
        settled(widget, qtbot)
        paint_stroke(viewer, annotation, [(40, 6), (44, 18)], label=1, brush=3)
    settled(widget, qtbot)
    assert len(widget.session.require().training_.y) == n_trained
    predicted(widget, qtbot, viewer)
    assert len(widget.session.require().training_.y) == np.count_nonzero(annotation.data) > n_trained
    assert len(widget.session.require().feature_names_) == 2
    widget.form.select.click()
    settled(widget, qtbot)
    version = widget.session.version
    predicted(widget, qtbot, viewer)
    assert widget.session.version == version  # nothing was painted since
