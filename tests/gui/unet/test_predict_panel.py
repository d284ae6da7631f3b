"""Predicting: what the panel asks for, and what it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from result_scene import Known, answers, host, layer, names, squares, trained

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.errors import InputError
from napari_segmotif.gui import placement
from napari_segmotif.gui.layers import snapshot_image
from napari_segmotif.gui.results import show_result
from napari_segmotif.gui.unet import predicting
from napari_segmotif.gui.unet.panels.predict_panel import PredictPanel, PredictWish
from napari_segmotif.unet.objects.decoding import Decoder


@pytest.fixture
def panel(viewer: Viewer) -> Iterator[PredictPanel]:
    viewer.add_image(squares(), name="cells")
    panel = PredictPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Predict")
    panel.setFixedWidth(360)
    QApplication.processEvents()
    yield panel
    panel.close_down()


def click(qtbot: QtBot, widget: Any) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.rect().center())


# ---- the panel


def test_it_says_why_nothing_can_be_predicted(panel: PredictPanel, viewer: Viewer) -> None:
    buttons = panel.buttons.values()
    assert not any(button.isEnabled() for button in buttons)
    assert all("train or load a network first" in button.toolTip() for button in buttons)
    panel.set_available("")
    assert all(button.isEnabled() for button in buttons)
    for box in panel.boxes.values():
        box.setChecked(False)
    assert all("tick what to show" in button.toolTip() for button in buttons)
    panel.boxes["labels"].setChecked(True)
    viewer.layers.clear()
    assert all("open an image first" in button.toolTip() for button in buttons)


def test_how_objects_are_made_can_be_changed_and_put_back(panel: PredictPanel, qtbot: QtBot) -> None:
    chosen = Decoder(method="votes", foreground_threshold=0.4, minimum_size=20)
    panel.set_model(objects=True, dropout=False, decoder=chosen)
    assert panel.wish.decoder is None
    click(qtbot, panel.objects.change)
    assert panel.wish.decoder is None  # nothing was changed yet
    assert panel.objects.form_names() == (
        "foreground_threshold", "minimum_size", "vote_distance", "vote_share", "vote_smoothing",
    )  # fmt: skip
    panel.objects.show_wish(chosen.model_copy(update={"minimum_size": 90}))
    assert panel.wish.decoder == chosen.model_copy(update={"minimum_size": 90})
    panel.boxes["instances"].setChecked(False)
    panel.boxes["labels"].setChecked(True)
    assert not panel.objects.isVisible()
    assert panel.wish.decoder is None
    panel.boxes["instances"].setChecked(True)
    click(qtbot, panel.objects.reset)
    assert panel.wish.decoder is None
    with pytest.raises(InputError, match="makes objects by 'votes'"):
        panel.objects.show_wish(Decoder(method="seeds"))


@pytest.mark.parametrize("scope", ["layer", "view", "all"])
def test_a_button_says_where(panel: PredictPanel, qtbot: QtBot, scope: Any) -> None:
    panel.set_available("")
    with qtbot.waitSignal(panel.predict_clicked) as signal:
        click(qtbot, panel.buttons[scope])
    assert signal.args == [scope]


@pytest.mark.parametrize(
    "wish",
    [
        PredictWish(("instances",), False, "flips"),
        PredictWish(("labels", "probabilities"), True, "flips"),
        PredictWish(("instances", "labels", "probabilities", "uncertainty"), False, "dropout"),
    ],
)
def test_what_is_shown_is_what_is_wanted(panel: PredictPanel, wish: PredictWish) -> None:
    panel.set_model(objects=True, dropout=True)
    panel.set_wish(wish)
    assert panel.wish == wish


def test_a_network_decides_until_the_user_does(panel: PredictPanel) -> None:
    panel.set_model(objects=True, dropout=False)
    assert panel.wish.outputs == ("instances",)
    panel.set_model(objects=False, dropout=False)
    assert panel.wish.outputs == ("labels",)
    assert "touching objects are one" in panel.boxes["instances"].toolTip()
    panel.boxes["uncertainty"].click()
    panel.set_model(objects=True, dropout=False)
    assert panel.wish.outputs == ("labels", "uncertainty")


def test_dropout_is_offered_where_it_was_trained_with(panel: PredictPanel) -> None:
    item = panel.method.model().item(panel.method.findData("dropout"))
    assert not panel.method.isVisibleTo(panel)
    panel.boxes["uncertainty"].click()
    assert panel.method.isVisibleTo(panel)
    assert not item.isEnabled()
    assert "Dropout above 0" in item.toolTip()
    panel.set_model(objects=True, dropout=True)
    panel.set_wish(PredictWish(("uncertainty",), False, "dropout"))
    assert panel.wish.uncertainty == "dropout"
    panel.set_model(objects=True, dropout=False)
    assert panel.wish.uncertainty == "flips"


def test_results_are_no_images_to_predict(panel: PredictPanel, viewer: Viewer) -> None:
    source = snapshot_image(viewer.layers["cells"])
    show_result(viewer, "image", squares(), source, name="cells · probability", recipe={})
    assert [one.name for one in panel.image.layers] == ["cells"]


def test_it_fits_a_narrow_dock(panel: PredictPanel) -> None:
    panel.boxes["uncertainty"].click()
    panel.show_text("Found 214 objects in " + "a long name " * 12)
    panel.grab()  # lays everything out
    assert panel.minimumSizeHint().width() <= 360
    for box in (*panel.boxes.values(), panel.augment, *panel.buttons.values()):
        assert box.sizeHint().width() <= box.width()


# ---- what it starts


def test_a_layer_becomes_objects_in_its_place(viewer: Viewer) -> None:
    image = viewer.add_image(squares(), name="cells", scale=(0.5, 0.25), translate=(3, 4), units=("um", "um"))
    widget = host(viewer, Known())
    widget.predict("layer")
    objects = layer(viewer, "U-Net objects")
    expected = answers(ImageSource.of(squares(), "YX"), (0, 1))["labels"]
    np.testing.assert_array_equal(objects.data > 0, expected > 0)
    np.testing.assert_array_equal(objects.scale, image.scale)
    np.testing.assert_array_equal(objects.translate, image.translate)
    assert objects.units == image.units
    assert widget.form.said == "Found 6 objects in cells."
    recipe = objects.metadata["segmotif"]
    assert recipe["tool"] == "unet"
    assert recipe["parameters"]["outputs"] == ["instances"]
    assert "model" not in recipe  # it is in no file yet


def test_the_current_view_is_written_in_place(viewer: Viewer) -> None:
    image = viewer.add_image(squares((3, 48, 64)), name="cells")
    viewer.dims.set_point(0, 1)
    widget = host(viewer, Known())
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 24, 16), 20
    widget.predict("view", "labels")
    region = widget.segmenter.given["region"]
    assert region[0] == slice(1, 2)
    assert region[2].stop - region[2].start < 64
    classes = layer(viewer, "U-Net classes")
    assert classes.data.shape == image.data.shape
    whole = answers(ImageSource.of(image.data, "ZYX"), (0, 1))["labels"]
    np.testing.assert_array_equal(classes.data[region], whole[region])
    classes.data[region] = 0
    assert not classes.data.any()


def test_a_network_for_volumes_gets_all_planes(viewer: Viewer) -> None:
    viewer.add_image(squares((5, 48, 64)), name="stack")
    widget = host(viewer, Known(trained(dimensions=3, axes="ZYX")))
    widget.predict("view", "labels")
    assert widget.segmenter.given["region"][0] == slice(0, 5)


def test_all_layers_but_those_with_other_channels(viewer: Viewer) -> None:
    for name in ("a", "b"):
        viewer.add_image(squares(), name=name)
    viewer.add_image(np.zeros((48, 64, 3), np.uint8), name="color")
    truth = viewer.add_labels(np.ones((48, 64), np.uint8), name="truth")
    widget = host(viewer, Known())
    widget.predict("all", "labels", "uncertainty")
    made = [name for name in names(viewer) if "U-Net" in name]
    assert sorted(made) == [
        "a · U-Net classes", "a · U-Net uncertainty", "b · U-Net classes", "b · U-Net uncertainty",
    ]  # fmt: skip
    assert widget.form.said == "Segmented a, b. Left out, since they have other channels: color."
    assert (truth.data == 1).all()


def test_all_layers_but_those_without_planes_for_a_network_of_volumes(viewer: Viewer) -> None:
    viewer.add_image(squares((5, 48, 64)), name="a")
    viewer.add_image(squares(), name="flat")
    viewer.add_image(squares((2, 5, 48, 64)), name="b")
    viewer.add_image(np.zeros((48, 64, 3), np.uint8), name="color")
    widget = host(viewer, Known(trained(dimensions=3, axes="ZYX")))
    widget.predict("all", "labels")
    made = [name for name in names(viewer) if "U-Net" in name]
    assert sorted(made) == ["a · U-Net classes", "b · U-Net classes"]
    assert widget.form.said == (
        "Segmented a, b. Left out, since they are no volumes: flat. "
        "Left out, since they have other channels: color."
    )


def test_no_image_is_a_volume(viewer: Viewer, notifications: list[tuple[str, str]]) -> None:
    viewer.add_image(squares(), name="flat")
    widget = host(viewer, Known(trained(dimensions=3, axes="ZYX")))
    widget.predict("all")
    assert "no image is a volume with the 1 channel of the training" in widget.form.said
    assert widget.form.said.endswith("(got flat)")


def test_no_image_fits(viewer: Viewer, notifications: list[tuple[str, str]]) -> None:
    viewer.add_image(squares(), name="grey")
    widget = host(viewer, Known(trained(n_channels=2, axes="CYX")))
    widget.predict("all")
    assert "no image has the 2 channels of the training" in widget.form.said
    assert "(got grey)" in widget.form.said


def test_without_a_network_or_an_image_it_says_so(viewer: Viewer) -> None:
    widget = host(viewer)
    widget.predict("layer")
    assert widget.form.said == "Train or load a network first."
    widget.segmenter = Known()
    widget.predict("layer")
    assert "open an image first" in widget.form.said


def test_the_training_image_is_offered(viewer: Viewer) -> None:
    first = viewer.add_image(squares(), name="first")
    second = viewer.add_image(squares(), name="second")
    widget = host(viewer, Known())
    image = widget.form.data.layers.image
    for chosen in (first, second, first):
        image.choose(chosen)
        assert widget.use.predict.image.layer is chosen


def test_options_reach_the_network_and_the_recipe(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known(trained(dropout=0.2)))
    fewer = widget.segmenter.model_.decoder.model_copy(update={"minimum_size": 77})
    widget.use.predict.set_wish(PredictWish(("uncertainty", "instances"), True, "dropout", fewer))
    widget.using.predicting.predict("layer")
    widget.wait()
    assert widget.segmenter.given["augment"]
    assert widget.segmenter.given["decoder"] == fewer
    assert widget.segmenter.given["uncertainty"] == "dropout"
    parameters = layer(viewer, "U-Net uncertainty").metadata["segmotif"]["parameters"]
    assert parameters["augment"]
    assert parameters["uncertainty"] == "dropout"
    assert parameters["decoder"]["minimum_size"] == 77


def test_a_large_result_goes_to_a_folder(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(squares(), name="cells", scale=(0.5, 0.25), units=("um", "um"))
    widget = host(viewer, Known())
    monkeypatch.setattr(predicting, "IN_MEMORY_BYTES", 1000)
    answered = iter([("", ""), (str(tmp_path / "big"), "")])
    monkeypatch.setattr(predicting.QFileDialog, "getSaveFileName", lambda *_: next(answered))
    widget.predict("layer", "instances", "labels", "probabilities")
    assert names(viewer) == ["cells"]  # no folder was chosen
    widget.predict("layer", "instances", "labels", "probabilities")
    found = layer(viewer, "U-Net objects")
    assert not isinstance(found.data, np.ndarray)
    assert (tmp_path / "big" / "instances.zarr").is_dir()
    expected = answers(ImageSource.of(squares(), "YX"), (0, 1))
    np.testing.assert_array_equal(np.asarray(found.data) > 0, expected["labels"] > 0)
    np.testing.assert_array_equal(np.asarray(layer(viewer, "nuclei").data), expected["probabilities"][1])


@pytest.mark.parametrize(
    ("axes", "shape"), [("YX", (48, 64)), ("TZYX", (3, 2, 48, 64)), ("TCYX", (3, 2, 48, 64))]
)
def test_a_large_result_of_the_current_view(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axes: str, shape: tuple[int, ...]
) -> None:
    """The folder is as large as the image, whose other pixels nobody computed."""
    image = squares(shape)
    image[..., 0, 0] = 150  # out of view
    viewer.add_image(image, name="cells")
    widget = host(viewer, Known(trained((0, 1, 2), objects=True, axes=axes, n_channels=1 + ("C" in axes))))
    widget.form.data.layers.set_axes(axes)
    viewer.dims.set_point(0, 1)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 24, 32), 18
    monkeypatch.setattr(predicting, "IN_MEMORY_BYTES", 10)
    monkeypatch.setattr(predicting.QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "big"), ""))
    outputs = ("instances", "labels", "probabilities", "uncertainty")
    widget.predict("view", *outputs)
    assert "(current view)" in widget.form.said
    region = widget.segmenter.given["region"]
    assert region[-1].stop - region[-1].start < 64
    expected = answers(ImageSource.of(image, axes), (0, 1, 2))
    for name, wanted in (("classes", expected["labels"]), ("uncertainty", expected["uncertainty"]),
                         ("nuclei", expected["probabilities"][1])):  # fmt: skip
        found = np.asarray(layer(viewer, name).data).reshape(wanted.shape)
        np.testing.assert_array_equal(found[region], wanted[region])
        found[region] = 0
        assert not found.any(), "elsewhere nothing is known"
    objects = np.asarray(layer(viewer, "objects").data).reshape(expected["labels"].shape)
    np.testing.assert_array_equal(objects[region] > 0, expected["labels"][region] > 0)


def test_a_large_view_stays_in_its_files(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer of the whole would take too much memory, and so may the part."""
    image = squares((3, 48, 64))
    viewer.add_image(image, name="cells")
    widget = host(viewer, Known())
    viewer.dims.set_point(0, 1)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 24, 16), 20
    monkeypatch.setattr(predicting, "IN_MEMORY_BYTES", 10)
    monkeypatch.setattr(placement, "_LARGEST_CANVAS", 10)
    widget.using.predicting.predict("view", tmp_path / "big")
    widget.wait()
    region = widget.segmenter.given["region"]
    objects = layer(viewer, "U-Net objects")
    assert not isinstance(objects.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(objects.data) > 0, image[region] > 100)
    np.testing.assert_array_equal(objects.translate, [part.start for part in region])


def test_several_large_results_do_not_share_a_folder(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(squares(), name="a")
    viewer.add_image(squares()[:, ::-1], name="b")
    widget = host(viewer, Known())
    monkeypatch.setattr(predicting, "IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(predicting.QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "big"), ""))
    widget.predict("all", "labels")
    for name, data in (("a", squares()), ("b", squares()[:, ::-1])):
        found = np.asarray(layer(viewer, f"{name} · U-Net classes").data)
        np.testing.assert_array_equal(found > 0, data > 100)


def test_removing_the_image_stops_the_prediction(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    known = Known()
    known.hold = True
    widget = host(viewer, known)
    widget.using.predicting.predict("layer")
    assert known.entered.wait(10)
    viewer.layers.clear()
    widget.wait()
    assert names(viewer) == []


def test_closing_the_dock_stops_the_prediction(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    known = Known()
    known.hold = True
    widget = host(viewer, known)
    widget.using.predicting.predict("layer")
    assert known.entered.wait(10)
    viewer.window.remove_dock_widget(widget)
    for _ in range(3):
        QApplication.processEvents()
    assert names(viewer) == ["cells"]
