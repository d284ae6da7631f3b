"""What holds on every image: names, colours and removed classes; and what moves with the image."""

from __future__ import annotations

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Image, Labels
from pytestqt.qtbot import QtBot
from scene import Paint, docked, halves, layer, settled, two_strokes

from napari_segmotif.gui.classes.entries import ClassEntry, from_metadata
from napari_segmotif.gui.pixel.widget import PixelClassifierWidget

TISSUE = (
    ClassEntry(1, "Nucleus", "#ff0000"),
    ClassEntry(2, "Tissue", "#00ff00"),
    ClassEntry(3, "Vessel", "#0000ff"),
)


def first_image(viewer: Viewer, qtbot: QtBot, paint_stroke: Paint) -> tuple[PixelClassifierWidget, Labels]:
    viewer.add_image(halves(), name="first")
    widget = docked(viewer)
    one = widget.new_annotation()
    assert one is not None
    two_strokes(viewer, one, paint_stroke)
    paint_stroke(viewer, one, [(40, 44), (44, 56)], label=3, brush=3)
    widget.set_classes(TISSUE)
    settled(widget, qtbot)
    return widget, one


def second_image(widget: PixelClassifierWidget, viewer: Viewer, **where: object) -> Image:
    second = viewer.add_image(halves() + 20, name="second", **where)
    widget.form.data.image.choose(second)
    return second


def test_an_annotation_without_names_takes_those_of_the_image_before(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint
) -> None:
    widget, one = first_image(viewer, qtbot, paint_stroke)
    widget.form.train.train_clicked.emit()
    settled(widget, qtbot)
    second_image(widget, viewer)
    strokes = np.zeros((48, 64), np.uint8)
    strokes[4:8, 4:20], strokes[4:8, 40:60], strokes[30:34, 40:60] = 1, 2, 5
    two = viewer.add_labels(strokes, name="from elsewhere")
    widget.form.data.annotation.choose(two)
    settled(widget, qtbot)
    table = widget.form.table
    assert table.entries[:3] == TISSUE
    assert [e.label for e in table.entries] == [1, 2, 3, 5]
    for annotation in (one, two):
        assert from_metadata(annotation.metadata) == table.entries
        np.testing.assert_allclose(annotation.get_color(2)[:3], (0, 1, 0), atol=0.01)
    assert widget.session.require().class_names_ == {1: "Nucleus", 2: "Tissue", 3: "Vessel"}
    two.data = np.where(strokes == 5, 2, strokes)  # no label that is new: it is named all the same
    two.metadata.clear()
    widget.form.data.image.choose(viewer.layers["first"])
    widget.form.data.image.choose(viewer.layers["second"])
    settled(widget, qtbot)
    assert from_metadata(two.metadata)[:3] == TISSUE


def test_a_layer_of_objects_keeps_its_colours(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint, notifications: list[tuple[str, str]]
) -> None:
    widget, one = first_image(viewer, qtbot, paint_stroke)
    second_image(widget, viewer)
    objects = viewer.add_labels(np.arange(48 * 64).reshape(48, 64), name="objects")
    colormap = objects.colormap
    widget.form.data.annotation.choose(objects)
    settled(widget, qtbot)
    assert any("layer of objects" in message for _, message in notifications)
    assert objects.colormap is colormap
    assert not objects.metadata
    assert from_metadata(one.metadata) == TISSUE


@pytest.mark.parametrize("live", [False, True])
def test_a_removed_class_is_erased_on_every_image(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint, notifications: list[tuple[str, str]], live: bool
) -> None:
    widget, one = first_image(viewer, qtbot, paint_stroke)
    second_image(widget, viewer)
    two = widget.new_annotation()
    assert two is not None
    if not live:  # with Live, where it is on the other image only
        paint_stroke(viewer, two, [(40, 44), (44, 56)], label=3, brush=3)
    paint_stroke(viewer, two, [(8, 6), (12, 18)], label=1, brush=3)
    widget.form.train.set_live(live)
    settled(widget, qtbot)
    before = one.data.copy(), two.data.copy()
    widget.form.table.select(3)
    widget.form.table.remove.click()
    settled(widget, qtbot)
    for annotation, old in zip((one, two), before, strict=True):
        np.testing.assert_array_equal(annotation.data, np.where(old == 3, 0, old))
    if not live:
        assert "Erased in first · annotation, second · annotation" in widget.form.said
        widget.form.train.train_clicked.emit()
        settled(widget, qtbot)
    assert list(widget.session.require().classes_) == [1, 2]
    one.undo()
    np.testing.assert_array_equal(one.data, before[0])
    if not live:
        two.undo()
        np.testing.assert_array_equal(two.data, before[1])


def test_the_outline_lies_on_the_image_that_it_is_for(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint
) -> None:
    widget, _ = first_image(viewer, qtbot, paint_stroke)
    widget.form.train.train_clicked.emit()
    settled(widget, qtbot)
    widget.form.next.wanted.emit()
    settled(widget, qtbot)
    second = second_image(
        widget, viewer, scale=(0.5, 0.25), translate=(30, 40), rotate=30, shear=[0.2], units=("um", "um")
    )
    two = widget.new_annotation()
    assert two is not None
    two_strokes(viewer, two, paint_stroke)
    widget.form.train.train_clicked.emit()
    settled(widget, qtbot)
    for change in ((0.5, 0.25), (2, 3)):
        second.scale = change
        widget.form.next.wanted.emit()
        settled(widget, qtbot)
        outline, region = layer(viewer, "paint here next"), widget.regions.current
        assert region is not None
        corner = outline.data[0][0]
        np.testing.assert_allclose(corner, [part.start - 0.5 for part in region.region])
        np.testing.assert_allclose(outline.data_to_world(corner), second.data_to_world(corner))
        assert outline.units == second.units
