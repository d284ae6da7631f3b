"""Which pixels speak for a class: what the panel asks for, and the layer that answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from result_scene import Known, host, layer, squares, trained

from napari_segmotif.gui.unet.panels.explain_panel import ExplainPanel

NAMES = {0: "background", 1: "nuclei", 2: "cytoplasm"}


@pytest.fixture
def panel(viewer: Viewer) -> ExplainPanel:
    panel = ExplainPanel()
    viewer.window.add_dock_widget(panel, name="Why")
    panel.setFixedWidth(360)
    QApplication.processEvents()
    return panel


def click(qtbot: QtBot, panel: ExplainPanel) -> None:
    qtbot.mouseClick(panel.explain, Qt.MouseButton.LeftButton, pos=panel.explain.rect().center())


def test_it_needs_a_network(panel: ExplainPanel, qtbot: QtBot) -> None:
    panel.set_available("")
    assert not panel.explain.isEnabled()
    assert "train or load a network first" in panel.explain.toolTip()
    panel.set_classes((0, 1), NAMES, {})
    assert panel.explain.isEnabled()
    panel.set_available("wait until what is running is done.")
    with qtbot.assertNotEmitted(panel.explain_clicked):
        click(qtbot, panel)


def test_it_asks_for_a_class_and_a_method(panel: ExplainPanel, qtbot: QtBot) -> None:
    panel.set_available("")
    panel.set_classes((1, 2, 0), NAMES, {2: "#00ff00"})
    assert panel.class_id == 1  # the first; the background comes last
    panel.classes.setCurrentIndex(1)
    panel.method.setCurrentIndex(1)
    with qtbot.waitSignal(panel.explain_clicked) as signal:
        click(qtbot, panel)
    assert signal.args == [2, "occlusion"]
    panel.set_classes((2, 0), NAMES, {})  # another network that has the class, too
    assert panel.class_id == 2
    panel.set_classes((1, 0), NAMES, {})
    assert panel.class_id == 1


@pytest.mark.parametrize(("axes", "shape"), [("YX", (48, 64)), ("TYX", (3, 48, 64)), ("ZYX", (3, 48, 64))])
def test_the_view_is_explained_in_its_place(viewer: Viewer, axes: str, shape: tuple[int, ...]) -> None:
    labels = {"T": "time", "Z": "z", "Y": "y", "X": "x"}
    viewer.add_image(
        squares(shape), name="cells", axis_labels=[labels[a] for a in axes], scale=(2,) * len(axes)
    )
    if len(axes) == 3:
        viewer.dims.set_current_step(0, 1)
    known = Known(trained(axes=axes))
    widget = host(viewer, known)
    widget.using.predicting.explain(1, "gradcam")
    widget.wait()
    heat = layer(viewer, "U-Net evidence: nuclei")
    assert heat.data.shape == shape
    given: dict[str, Any] = known.given
    assert given["frame"] == (1 if axes == "TYX" else 0)
    assert len(given["region"]) == (3 if axes == "ZYX" else 2)
    place = (slice(1, 2), *given["region"][-2:])[-len(shape) :]
    answer = np.linspace(0, 1, heat.data[place].size, dtype=np.float32)
    np.testing.assert_array_equal(heat.data[place].ravel(), answer)
    heat.data[place] = 0
    assert not heat.data.any()
    recipe = heat.metadata["segmotif"]
    assert recipe["explanation"] == {"class": 1, "name": "nuclei", "method": "gradcam"}
    assert "“nuclei”" in widget.form.said


def test_without_an_image_it_says_so(viewer: Viewer) -> None:
    widget = host(viewer, Known())
    widget.using.predicting.explain(1, "gradcam")
    assert "open an image" in widget.form.said


def test_it_fits_a_narrow_dock(panel: ExplainPanel) -> None:
    panel.set_classes((0, 1), {0: "background", 1: "a long name of a class " * 4}, {})
    panel.show_text("The brighter a pixel is, the more it speaks for “" + "a long name " * 10 + "”.")
    QApplication.processEvents()
    assert panel.minimumSizeHint().width() <= 360
