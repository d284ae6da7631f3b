"""What goes wrong or goes away in a training: bad labels, cancelling, removed layers, closed docks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from unet_scene import PHASES, PREVIEW, Double, discs, docked, names, picture, scene, settled

from napari_segmotif.errors import InputError
from napari_segmotif.gui.unet import preview


def test_without_an_image_nothing_can_be_trained(viewer: Viewer) -> None:
    widget = docked(viewer)
    panel = widget.form.training
    assert not panel._train.isEnabled()
    assert "open an image first" in panel._train.toolTip()
    assert "Open an image first" in widget.form.said
    widget.train()
    assert not widget.runner.busy
    assert "open an image first" in widget.form.said


def test_labels_of_another_shape_are_refused_in_words(viewer: Viewer) -> None:
    viewer.add_image(picture(discs()), name="cells")
    viewer.add_labels(np.ones((10, 10), np.int32), name="small")
    widget = docked(viewer)
    widget.form.data.layers.annotation.choose(viewer.layers["small"])
    said = widget.form.data.layers._problem.text()
    assert "(64, 96)" in said
    assert "(got (10, 10))" in said
    assert not widget.form.training._train.isEnabled()


def test_multiscale_labels_are_refused_in_words(viewer: Viewer) -> None:
    viewer.add_image(picture(discs()), name="cells")
    viewer.add_labels([discs(), discs()[::2, ::2]], name="levels", multiscale=True)
    widget = docked(viewer)
    widget.form.data.layers.annotation.choose(viewer.layers["levels"])
    assert "multiscale" in widget.form.training._train.toolTip()


def test_empty_labels_are_told(
    viewer: Viewer, double: type[Double], notifications: list[tuple[str, str]]
) -> None:
    viewer.add_image(picture(discs()), name="cells")
    viewer.add_labels(np.zeros((64, 96), np.int32), name="empty")
    widget = docked(viewer)
    widget.train()
    settled(widget)
    assert "nothing is annotated" in widget.form.said
    assert "nothing is annotated" in widget.form.training.said
    assert any("nothing is annotated" in message for _, message in notifications)
    assert widget.segmenter is None
    assert names(viewer) == ["cells", "empty"]


def test_a_setting_that_is_not_valid(viewer: Viewer, double: type[Double]) -> None:
    widget, _, _ = scene(viewer)
    form = widget.form.settings._quick
    form.control("max_minutes").box.setChecked(True)
    form.control("max_minutes").inner.set(0.0)
    assert not widget.form.training._train.isEnabled()
    assert "Time limit" in widget.form.training._train.toolTip()
    widget.train()
    settled(widget)
    assert not double.made


@pytest.mark.parametrize("phase", PHASES)
def test_stop_in_each_phase(viewer: Viewer, double: type[Double], qtbot: QtBot, phase: str) -> None:
    widget, _, _ = scene(viewer)
    double.hold = phase
    widget.train()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    widget.trainer.stop()
    settled(widget)
    kept = phase in ("epoch 2", "validating")
    assert (widget.segmenter is not None) == kept
    assert (PREVIEW in names(viewer)) == kept
    if not kept:
        assert widget.form.said == "Cancelled: everything is as it was before."
    assert widget.form.training._train.isEnabled()


@pytest.mark.parametrize(
    ("phase", "how"),
    [
        *((phase, "twice") for phase in PHASES),
        ("epoch 2", "image"),
        ("epoch 2", "labels"),
        ("reading", "image"),
    ],
)
def test_what_was_there_stays_when_training_is_dropped(
    viewer: Viewer, double: type[Double], qtbot: QtBot, phase: str, how: str
) -> None:
    widget, image, truth = scene(viewer)
    widget.train()
    settled(widget)
    before = widget.segmenter
    assert before is not None
    double.hold = phase
    widget.train()
    qtbot.waitUntil(double.entered.is_set, timeout=5000)
    if how == "twice":
        widget.runner.cancel()
        widget.runner.cancel()
    else:
        viewer.layers.remove(image if how == "image" else truth)
    settled(widget)
    assert widget.segmenter is before
    assert len(widget.form.training.reports) == 4
    assert PREVIEW not in names(viewer)
    assert "Cancelled" in widget.form.training.said


def test_a_failing_network_is_told_and_leaves_nothing(
    viewer: Viewer,
    double: type[Double],
    notifications: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widget, _, _ = scene(viewer)

    def broken(self: Double, epoch: int) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(double, "_report", broken)
    widget.train()
    settled(widget)
    assert "illegal memory access" in widget.form.said
    assert any("illegal memory access" in message for _, message in notifications)
    assert widget.segmenter is None
    assert names(viewer) == ["cells", "truth"]


def test_a_layer_that_is_painted_on_while_training(
    viewer: Viewer, double: type[Double], qtbot: QtBot, paint_stroke: Callable[..., None]
) -> None:
    widget, _, truth = scene(viewer)
    double.hold = "epoch 2"
    widget.train()
    qtbot.waitUntil(lambda: PREVIEW in names(viewer), timeout=5000)
    preview = viewer.layers[PREVIEW]
    paint_stroke(viewer, preview, [(50, 50), (50, 60)], label=7, brush=3)
    painted = preview.data.copy()
    double.go.set()
    settled(widget)
    np.testing.assert_array_equal(preview.data, painted, "what the user corrected is the user's")
    np.testing.assert_array_equal(truth.data, discs())


def test_closing_the_dock_while_training(viewer: Viewer, double: type[Double], qtbot: QtBot) -> None:
    widget, _, truth = scene(viewer)
    double.hold = "epoch 2"
    widget.train()
    qtbot.waitUntil(lambda: PREVIEW in names(viewer), timeout=5000)
    viewer.window.remove_dock_widget(widget)
    qtbot.wait(50)
    truth.events.paint(value=[])  # nobody listens any more, and nothing breaks
    viewer.layers.remove("truth")
    assert names(viewer) == ["cells", PREVIEW]


@pytest.mark.parametrize("phase", ["reading", "epoch 2", "validating", ""])
def test_closing_the_viewer(
    make_napari_viewer: Callable[..., Viewer], double: type[Double], qtbot: QtBot, phase: str
) -> None:
    viewer = make_napari_viewer(strict_qt=True)
    widget, _, _ = scene(viewer)
    double.hold = phase
    widget.train()
    if phase:
        qtbot.waitUntil(double.entered.is_set, timeout=5000)
    else:
        settled(widget)
    viewer.close()


def test_a_preview_that_cannot_be_shown_ends_no_training(
    viewer: Viewer, double: type[Double], monkeypatch: pytest.MonkeyPatch
) -> None:
    widget, _, _ = scene(viewer)

    def refused(*args: object, **kwargs: object) -> None:
        raise InputError("the layer has another shape now (got another)")

    monkeypatch.setattr(preview, "show_result", refused)
    widget.train()
    settled(widget)
    assert widget.segmenter is not None
    assert len(widget.form.training.reports) == 4
    assert names(viewer) == ["cells", "truth"]
