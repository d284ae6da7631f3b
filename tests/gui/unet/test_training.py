"""Training in a real viewer: what is trained on, what is shown meanwhile, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton
from unet_scene import N_EPOCHS, PREVIEW, Double, discs, docked, names, picture, scene, settled, strokes

from napari_segmotif.gui.job_status import JobStatus
from napari_segmotif.gui.unet.widget import UNetSegmenterWidget


def test_training_from_layers(viewer: Viewer, double: type[Double]) -> None:
    widget, image, truth = scene(viewer)
    widget.form.training._train.click()
    settled(widget)
    assert widget.segmenter is double.made[-1]
    given = widget.segmenter.given
    assert given["annotation"] == "instances"
    assert given["image_names"] == ["cells"]
    assert given["class_names"] is None
    np.testing.assert_array_equal(given["images"][0].array, image.data)
    assert given["images"][0].axes == "YX"
    assert given["images"][0].spacing == (2.0, 0.5)
    np.testing.assert_array_equal(given["labels"][0], truth.data)
    assert not np.shares_memory(given["labels"][0], truth.data), "labels that are painted on are copied"
    assert [r.epoch for r in widget.form.training.reports] == [1, 2, 3, 4]
    assert "Best validation AP: .60, in epoch 4" in widget.form.training.said
    assert "held out" in widget.form.training.said
    assert widget.form.said == "Trained for 4 epochs. Best validation AP: .60, in epoch 4."
    assert widget.form.sections["train"]._summary.text() == "trained · AP .60"


def test_every_epoch_reaches_the_curves_and_the_words(
    viewer: Viewer, double: type[Double], qtbot: QtBot
) -> None:
    widget, _, _ = scene(viewer)
    double.hold = "epoch 3"
    widget.train()
    qtbot.waitUntil(lambda: len(widget.form.training.reports) == 2, timeout=5000)
    panel = widget.form.training
    assert panel.said == "Epoch 2 of 4 · validation AP .50, best .50 · 60 s left"
    assert not panel.curves.isHidden()
    assert panel.curves.expanded
    assert panel._scores._curves == {
        "AP of objects": ([1.0, 2.0], [0.3, 0.5]),
        "Dice of foreground": ([1.0, 2.0], [0.4, 0.6]),
    }
    assert panel._losses._curves == {
        "training": ([1.0, 2.0], [1.0, 0.5]),
        "validation": ([1.0, 2.0], [1.2, 0.6]),
    }
    double.go.set()
    settled(widget)
    assert len(panel.reports) == N_EPOCHS


def test_what_was_chosen_automatically_is_said(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    widget, _, _ = scene(viewer)
    double.hold = "configuring"
    widget.train()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    settings = widget.form.settings
    qtbot.waitUntil(lambda: "objects are about 12 pixels wide" in settings._choices_said.text(), timeout=5000)
    assert settings.choices._summary.text() == "depth 2, patch 32 × 32"
    double.go.set()
    settled(widget)


def test_the_preview_is_in_place_and_one_layer(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    widget, image, truth = scene(viewer)
    before = truth.data.copy()
    double.hold = "epoch 2"
    widget.train()
    qtbot.waitUntil(lambda: PREVIEW in names(viewer), timeout=5000)
    preview = viewer.layers[PREVIEW]
    assert names(viewer) == ["cells", PREVIEW, "truth"]
    expected = np.zeros(image.data.shape, np.int32)
    expected[9:40, 8:40] = 1
    np.testing.assert_array_equal(preview.data, expected)
    np.testing.assert_allclose(preview.scale, image.scale)
    np.testing.assert_allclose(preview.translate, image.translate)
    assert preview not in widget.form.data.layers.annotation.layers
    double.go.set()
    settled(widget)
    assert viewer.layers[PREVIEW] is preview
    assert preview.data[20, 20] == 4, "the best epoch stays"
    np.testing.assert_array_equal(truth.data, before)


def test_the_best_epoch_is_shown_at_the_end(viewer: Viewer, double: type[Double]) -> None:
    widget, _, _ = scene(viewer)
    widget.form.settings.set_parameters({"n_epochs": 3})  # of which the third is not the best
    widget.train()
    settled(widget)
    assert viewer.layers[PREVIEW].data[20, 20] == 2


def test_a_preview_that_was_removed_stays_away(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    widget, _, _ = scene(viewer)
    double.hold = "epoch 2"
    widget.train()
    qtbot.waitUntil(lambda: PREVIEW in names(viewer), timeout=5000)
    viewer.layers.remove(PREVIEW)
    double.go.set()
    settled(widget)
    assert names(viewer) == ["cells", "truth"]
    widget.train()
    settled(widget)
    assert PREVIEW in names(viewer), "the next training shows it again"


def test_previews_can_be_switched_off_and_gone_to(viewer: Viewer, double: type[Double]) -> None:
    widget, _, _ = scene(viewer)
    panel = widget.form.training
    panel._preview.setChecked(False)
    widget.train()
    settled(widget)
    assert names(viewer) == ["cells", "truth"]
    assert not panel._go.isEnabled()
    panel._preview.setChecked(True)
    assert PREVIEW in names(viewer)
    panel._go.click()
    # The middle of rows and columns 8 to 39, in the world.
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (2 * 23.5 + 3, 0.5 * 23.5 + 4))
    panel._preview.setChecked(False)
    assert names(viewer) == ["cells", "truth"]


@pytest.mark.parametrize(
    ("shape", "axes", "region", "where"),
    [
        ((3, 64, 96), "TYX", np.s_[8:40, 8:40], np.s_[2:3, 9:40, 8:40]),
        ((5, 64, 96), "ZYX", np.s_[1:4, 8:40, 8:40], np.s_[1:4, 9:40, 8:40]),
        ((2, 5, 64, 96), "TZYX", np.s_[4:5, 0:9, 0:9], np.s_[1:2, 4:5, 1:9, 0:9]),
    ],
)
def test_previews_find_their_frame_and_plane(
    viewer: Viewer,
    double: type[Double],
    shape: tuple[int, ...],
    axes: str,
    region: tuple[slice, ...],
    where: tuple[slice, ...],
) -> None:
    labels = discs(shape)
    viewer.add_image(picture(labels), name="cells", scale=range(1, len(shape) + 1))
    viewer.add_labels(labels, name="truth", scale=range(1, len(shape) + 1))
    widget = docked(viewer)
    widget.form.data.layers.set_axes(axes)
    double.region = region
    widget.train()
    settled(widget)
    expected = np.zeros(shape, np.int32)
    expected[where] = N_EPOCHS
    np.testing.assert_array_equal(viewer.layers[PREVIEW].data, expected)
    np.testing.assert_allclose(viewer.layers[PREVIEW].scale, range(1, len(shape) + 1))


def test_strokes_are_shown_as_classes_in_their_colours(viewer: Viewer, double: type[Double]) -> None:
    viewer.add_image(picture(discs()), name="cells")
    classes = [
        {"label": 1, "name": "ground", "color": "#2f8fff"},
        {"label": 2, "name": "cell", "color": "#ffb000"},
    ]
    viewer.add_labels(strokes(), name="strokes", metadata={"segmotif_classes": classes})
    widget = docked(viewer)
    settled(widget)
    assert widget.form.data.annotation == "scribbles"
    widget.train()
    settled(widget)
    given = double.made[-1].given
    assert given["class_names"] == {1: "ground", 2: "cell"}
    assert given["class_colors"] == {1: "#2f8fff", 2: "#ffb000"}
    preview = viewer.layers[PREVIEW]
    assert set(np.unique(preview.data[8:40, 8:40])) == {1, 2}
    np.testing.assert_allclose(preview.get_color(2)[:3], np.array([0xFF, 0xB0, 0]) / 255, atol=0.01)
    assert (
        "validation Dice" in widget.form.training.said or "Best validation Dice" in widget.form.training.said
    )


def test_stop_keeps_the_best_and_resume_goes_on(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    widget, _, _ = scene(viewer)
    panel = widget.form.training
    assert not panel._stop.isEnabled()
    assert not panel._resume.isEnabled()
    double.hold = "epoch 3"
    widget.train()
    qtbot.waitUntil(lambda: double.entered.is_set() and panel._stop.isEnabled(), timeout=5000)
    panel._stop.click()
    button = widget.findChild(JobStatus).findChild(QPushButton)
    assert button.text() == "Drop it", "both buttons say the same"
    settled(widget)
    assert widget.segmenter is not None
    assert [r.epoch for r in widget.segmenter.history_] == [1, 2]
    assert "Stopped in epoch 3 of 4" in widget.form.said
    assert panel._resume.isEnabled()
    double.hold = ""
    before = widget.segmenter
    panel._resume.click()
    settled(widget)
    assert widget.segmenter is before
    assert [r.epoch for r in panel.reports] == [1, 2, 3, 4]
    assert not panel._resume.isEnabled()
    assert "before its end" in panel._resume.toolTip()
    assert viewer.layers[PREVIEW].data[20, 20] == 4


def test_what_was_stopped_is_judged_by_itself(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    widget, _, _ = scene(viewer)
    double.hold = "epoch 3"
    widget.train()
    qtbot.waitUntil(lambda: double.entered.is_set() and widget.form.training._stop.isEnabled(), timeout=5000)
    widget.form.training._stop.click()
    qtbot.waitUntil(lambda: widget.segmenter is not None and widget.segmenter.judged == 1, timeout=10000)
    settled(widget)
    assert "judged" in widget.form.said
    assert widget.form.training._resume.isEnabled()


def test_a_network_out_of_a_file_goes_on_with_the_images_that_are_chosen(
    viewer: Viewer, double: type[Double], qtbot: QtBot
) -> None:
    widget, _, truth = scene(viewer)
    double.hold = "epoch 3"
    widget.train()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    widget.trainer.stop()
    settled(widget)
    stopped = widget.segmenter
    assert stopped is not None
    double.hold = ""
    loaded = double.of(stopped.model_, "cpu")
    loaded.history_, loaded.can_resume = stopped.history_, True
    widget._take_over(loaded)
    assert [r.epoch for r in widget.form.training.reports] == [1, 2]
    widget.form.training._resume.click()
    settled(widget)
    assert widget.segmenter is loaded
    np.testing.assert_array_equal(loaded.given["labels"][0], truth.data)
    assert loaded.given["image_names"] == ["cells"]
    assert [r.epoch for r in widget.form.training.reports] == [1, 2, 3, 4]
    assert PREVIEW in names(viewer)


def test_train_further_takes_the_present_network_and_the_new_settings(
    viewer: Viewer, double: type[Double]
) -> None:
    widget, _, _ = scene(viewer)
    panel = widget.form.training
    assert not panel._tune.isEnabled()
    widget.train()
    settled(widget)
    first = widget.segmenter
    assert first is not None
    widget.form.settings.set_parameters({"n_epochs": 2, "learning_rate": 1e-4, "width": 64})
    panel._tune.click()
    settled(widget)
    tuned = widget.segmenter
    assert tuned is not None
    assert tuned is not first
    assert tuned.model_.parameters.n_epochs == 2
    assert tuned.parameters.learning_rate == 1e-4
    assert tuned.parameters.width == first.parameters.width, "the network's shape stays"
    assert len(first.history_) == N_EPOCHS


def test_a_loss_that_is_no_number_is_told_as_a_warning(viewer: Viewer, double: type[Double]) -> None:
    widget, _, _ = scene(viewer)
    double.trouble = 3
    widget.train()
    settled(widget)
    assert widget.segmenter is not None
    assert "no longer a number in epoch 3" in widget.form.said
    assert "#d08a00" in widget.form._footer._said.styleSheet()
    assert not widget.form.training._resume.isEnabled()
    assert [r.epoch for r in widget.form.training.reports] == [1, 2]


def test_several_pairs_are_trained_on(viewer: Viewer, double: type[Double]) -> None:
    widget, _, _ = scene(viewer)
    labels = discs((40, 40))
    viewer.add_image(picture(labels), name="other")
    other = viewer.add_labels(labels, name="other truth")
    data = widget.form.data.layers
    data.add_pair()
    data.image.choose(viewer.layers["other"])
    data.annotation.choose(other)
    settled(widget)
    assert widget.form.sections["data"]._summary.text() == "2 images · objects"
    widget.train()
    settled(widget)
    given = double.made[-1].given
    assert given["image_names"] == ["cells", "other"]
    assert [one.shape for one in given["labels"]] == [(64, 96), (40, 40)]
    data.remove_pair(data._pairs[0])
    assert [p.image.name for p in data.pairs] == ["other"]


def test_scripts_may_wait(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    widget: UNetSegmenterWidget
    widget, _, _ = scene(viewer)
    double.hold = "epoch 1"
    widget.train()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    assert not widget.wait(0.05)
    double.go.set()
    assert widget.wait(20)
