"""The learning curve: asked for, watched, and said in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from result_scene import Known, host, squares

from napari_segmotif.common.progress import CancelToken, Job, Progress
from napari_segmotif.gui.unet.panels.growth_panel import GrowthPanel
from napari_segmotif.unet.learning import learning_curve
from napari_segmotif.unet.learning.learning_curve import CurvePoint, LearningCurve


@pytest.fixture
def panel(viewer: Viewer) -> GrowthPanel:
    panel = GrowthPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Growth")
    panel.setFixedWidth(360)
    QApplication.processEvents()
    return panel


def curve(*scores: float, verdict: str = "", messages: tuple[str, ...] = ()) -> LearningCurve:
    points = tuple(CurvePoint(2**k, value) for k, value in enumerate(scores))
    return LearningCurve(points, "mean AP", (3, 7), verdict, messages)


def test_it_asks_for_a_curve(panel: GrowthPanel, qtbot: QtBot) -> None:
    assert not panel.button.isEnabled()
    panel.set_available("")
    with qtbot.waitSignal(panel.wanted):
        qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton, pos=panel.button.rect().center())


def test_a_curve_grows(panel: GrowthPanel) -> None:
    panel.show_curve(curve(0.4))
    assert not panel._verdict.isVisibleTo(panel)
    panel.show_curve(curve(0.4, math.nan, 0.6, verdict="more annotated images are likely to help"))
    np.testing.assert_allclose(panel.plot._points()["mean AP on held-out images"], [(1, 0.4), (4, 0.6)])
    assert panel.verdict == "More annotated images are likely to help."
    assert panel._notes.text() == "Judged on 2 images that no network was trained on."
    panel.show_curve(curve(0.4, messages=("Training on 2 images was left out: no label",)))
    assert panel._notes.text().endswith("Training on 2 images was left out: no label.")
    panel.clear()
    assert not panel.plot.isVisibleTo(panel)
    assert not panel._notes.isVisibleTo(panel)


def test_it_fits_a_narrow_dock(panel: GrowthPanel) -> None:
    panel.show_curve(curve(0.4, 0.5, 0.6, verdict="a long sentence of words " * 12))
    QApplication.processEvents()
    assert panel.minimumSizeHint().width() <= 360
    assert panel._verdict.heightForWidth(panel._verdict.width()) <= panel._verdict.height()


def test_too_few_images(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    viewer.add_labels(np.ones((48, 64), np.int32), name="truth")
    widget = host(viewer, Known())
    button = widget.use.growth.button
    assert not button.isEnabled()
    assert "at least 3 annotated images are needed (got 1)" in button.toolTip()


def test_a_curve_of_the_images_that_are_chosen(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def job(
        parameters: Any, images: Any, labels: Any, annotation: Any, *, cancel: CancelToken
    ) -> Job[LearningCurve]:
        given.update(parameters=parameters, images=images, labels=labels, annotation=annotation)
        yield Progress(1, 2, "trained on 1 image", partial=curve(0.4))
        return curve(0.4, 0.7, verdict="more annotated images are likely to help")

    monkeypatch.setattr(learning_curve, "learning_curve_job", job)
    viewer.add_image(squares(), name="cells")
    viewer.add_labels(np.ones((48, 64), np.int32), name="truth")
    known = Known()
    widget = host(viewer, known)
    widget.form.settings.set_parameters({"n_epochs": 7})
    widget.use.growth.wanted.emit()
    widget.wait()
    assert given["parameters"].n_epochs == 7
    np.testing.assert_array_equal(given["images"][0].array, squares())
    assert (given["labels"][0] == 1).all()
    np.testing.assert_allclose(
        widget.use.growth.plot._points()["mean AP on held-out images"], [(1, 0.4), (2, 0.7)]
    )
    assert widget.form.said == "more annotated images are likely to help"
    assert widget.segmenter is known


def test_without_labels_it_says_so(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer)
    widget.using.learn_curve()
    assert "labels" in widget.form.said
