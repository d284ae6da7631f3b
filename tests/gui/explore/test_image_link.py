"""The link to the image: clicks, colours, edits, and layers that come and go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from napari.utils.key_bindings import KeymapHandler

from napari_segmotif.gui.explore.image.attachment import CURRENT, SELECTED, is_lookup_layer
from napari_segmotif.gui.explore.image.class_layer import NONE_CODE, show_column_image
from napari_segmotif.gui.explore.image.image_link import ImageLink
from napari_segmotif.gui.explore.image.label_watch import LabelWatch
from napari_segmotif.gui.explore.image.lookup_kernels import Lookup, paint
from napari_segmotif.gui.explore.session import ObjectSession
from napari_segmotif.gui.layers import snapshot_image

sys.path.insert(0, str(Path(__file__).parent))

from linked_scene import (
    click,
    drag,
    drawn,
    label_image,
    lit,
    middle,
    mouse,
    movie,
    rows_with,
    settle,
    table_of,
    table_of_movie,
    volume,
)

LABELS = label_image()


@pytest.fixture
def session() -> ObjectSession:
    session = ObjectSession()
    session.set_table(table_of(LABELS))
    return session


@pytest.fixture
def link(viewer: Viewer, session: ObjectSession) -> Iterator[ImageLink]:
    link = ImageLink(viewer, session)
    yield link
    link.close()


def expected_codes(session: ObjectSession, labels: Any) -> Any:
    """What the selection layer must show, painted at once and as a whole."""
    assert session.table is not None
    lut = np.zeros(102, np.uint8)
    lut[session.table["label"][session.selected]] = SELECTED
    if session.current >= 0:
        lut[session.table["label"][session.current]] = CURRENT
    return paint(labels, Lookup(lut), outlined=True)


def test_clicks(viewer: Viewer, session: ObjectSession, link: ImageLink, paint_stroke: Any) -> None:
    layer = viewer.add_labels(LABELS.copy(), scale=(0.5, 2.0), translate=(7, -3), name="cells")
    viewer.add_image(np.zeros(LABELS.shape))  # active, and on top
    link.attach(layer)
    table = session.table
    for held, label, expected in (
        ((), 3, [3]),
        (("Shift",), 41, [3, 41]),
        (("Shift",), 7, [3, 7, 41]),
        (("Control",), 41, [3, 7]),
        ((), 90, [90]),
    ):
        click(viewer, layer, middle(LABELS, label), held)
        np.testing.assert_array_equal(session.selected, rows_with(table, expected))
        assert session.table["label"][session.current] == label
        np.testing.assert_array_equal(drawn(link.selection_layer()), expected_codes(session, layer.data))
    before = session.selected.copy(), session.current
    click(viewer, layer, (0, 0))  # the background
    click(viewer, layer, middle(LABELS, 3), button=2)
    drag(viewer, layer, [middle(LABELS, 3), (20, 30), (30, 30)])  # the image is moved
    mouse(viewer, "mouse_press", (500.0, 500.0), (0, 0))  # beside the image
    mouse(viewer, "mouse_release", (500.0, 500.0), (0, 0))
    viewer.layers.selection.active = layer
    layer.mode = "fill"
    layer.selected_label = int(LABELS[middle(LABELS, 8)])
    click(viewer, layer, middle(LABELS, 8))  # another tool is in hand
    layer.mode = "pan_zoom"
    layer.visible = False
    link.selection_layer().visible = False
    click(viewer, layer, middle(LABELS, 3))  # nothing can be seen
    np.testing.assert_array_equal(session.selected, before[0])
    assert session.current == before[1]
    assert session.stale == ""


def test_few_objects_are_repainted_alone(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    link.attach(viewer.add_labels(LABELS))
    session.select([1])
    settle()
    viewer.screenshot(flash=False)  # what was never drawn has not been uploaded
    shown = link.selection_layer()
    uploads: list[str] = []
    shown.events.labels_update.connect(lambda event: uploads.append("part"))
    shown.events.set_data.connect(lambda event: uploads.append("whole"))
    for rows, current in (([0], 0), ([0, 5], 5), ([2], -1), ([], 3)):  # the third has two parts
        uploads.clear()
        session.select(rows)
        session.set_current(current)
        settle()
        assert set(uploads) == {"part"}
        np.testing.assert_array_equal(drawn(shown), expected_codes(session, LABELS))
    seen = viewer.screenshot(flash=False)
    shown.refresh()
    np.testing.assert_array_equal(seen, viewer.screenshot(flash=False))
    # A bounding box that is not this image's: everything is painted.
    session.set_column("bbox-1", session.column("bbox-1") + 2)
    uploads.clear()
    session.set_current(4)
    settle()
    assert "whole" in uploads
    np.testing.assert_array_equal(drawn(shown), expected_codes(session, LABELS))


def test_colours(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    layer = viewer.add_labels(LABELS, name="cells", translate=(3, 4))
    link.attach(layer)
    clusters = session.column("cluster").copy()
    clusters[0] = 0
    session.set_column("cluster", clusters)
    link.set_coloring("cluster", colors={2: "#102030"})
    settle()
    shown = link.coloring_layer()
    names = [one.name for one in viewer.layers]
    assert names == ["cells", "cells by cluster", "cells: selected"]
    assert is_lookup_layer(shown)
    assert not is_lookup_layer(layer)
    lut = np.zeros(102, np.uint8)
    lut[session.table["label"]] = np.where(clusters == 0, NONE_CODE, clusters)
    np.testing.assert_array_equal(drawn(shown), lut[LABELS])
    np.testing.assert_allclose(shown.get_color(2)[:3], np.array([16, 32, 48]) / 255, atol=1e-6)
    session.set_column("cluster", clusters[::-1].copy())  # computed anew
    lut[session.table["label"]] = np.where(clusters == 0, NONE_CODE, clusters)[::-1]
    settle()
    np.testing.assert_array_equal(drawn(shown), lut[LABELS])
    link.set_coloring("area")
    settle()
    assert link.coloring.kind == "number"
    assert shown.name == "cells by area"
    codes = drawn(shown)
    areas = session.table.set_index("label")["area"]
    assert codes[middle(LABELS, areas.idxmin())] == 1
    assert codes[middle(LABELS, areas.idxmax())] == 254
    viewer.layers.remove(shown)  # the user throws it away, and wants it again
    link.set_coloring("cluster", greyed=np.arange(12) < 6)
    settle()
    assert (drawn(link.coloring_layer())[np.isin(LABELS, session.table["label"][:6])] == NONE_CODE).all()
    session.set_column("cluster", None)
    settle()
    assert link.coloring_layer() is None
    assert [one.name for one in viewer.layers] == ["cells", "cells: selected"]
    source = snapshot_image(layer)
    image = np.minimum(LABELS, 9).astype(np.uint8)
    kept = show_column_image(viewer, image, source, "class", recipe={"tool": "objects"})
    assert isinstance(kept, Labels)
    assert kept.name == "cells: class"
    np.testing.assert_allclose(kept.translate, (3, 4))


def test_edits_and_removal(
    viewer: Viewer, session: ObjectSession, link: ImageLink, paint_stroke: Any
) -> None:
    layer = viewer.add_labels(LABELS.copy(), name="cells")
    watch = LabelWatch(layer)
    link.attach(layer, watch=watch)
    link.set_coloring("cluster")
    session.select(np.ones(12, bool))
    settle()
    assert session.stale == ""
    paint_stroke(viewer, layer, [(45, 3), (45, 8)], label=200, brush=2)  # an object the table does not have
    paint_stroke(viewer, layer, [middle(LABELS, 3)], label=0, brush=3)
    settle()
    assert "painted" in session.stale
    known = np.isin(layer.data, session.table["label"]) & (layer.data > 0)
    assert (layer.data == 200).any()
    assert (LABELS[layer.data == 0] > 0).any()
    np.testing.assert_array_equal(lit(link), known)
    np.testing.assert_array_equal(drawn(link.coloring_layer()) > 0, known)
    layer.mode = "pan_zoom"
    said: list[str] = []
    link.said.connect(said.append)
    click(viewer, layer, (45, 5))
    assert "200" in said[0]
    layer.data = np.where(LABELS == 90, 90, 0)
    np.testing.assert_array_equal(lit(link), LABELS == 90)
    layer.scale, layer.translate = (3, 3), (1, 2)
    for ours in (link.selection_layer(), link.coloring_layer()):
        np.testing.assert_allclose(ours.data_to_world((5, 6)), layer.data_to_world((5, 6)))
    gone: list[str] = []
    link.detached.connect(gone.append)
    viewer.layers.remove(layer)
    settle()
    assert gone == [""]
    assert link.roi_ids == ()
    assert len(viewer.layers) == 0
    assert session.n == 12
    assert session.selected.all()
    session.select([1])  # the table lives on
    settle()


def test_what_was_edited_while_measuring_is_told(
    viewer: Viewer, session: ObjectSession, link: ImageLink
) -> None:
    layer = viewer.add_labels(LABELS.copy(), name="cells")
    watch = LabelWatch(layer)
    layer.paint((20, 20), 5)
    link.attach(layer, watch=watch)
    assert "painted" in session.stale
    session.set_table(table_of(layer.data))  # measured again
    link.attach(layer)
    assert session.stale == ""
    viewer.layers.clear()  # all at once, ours among them
    settle()
    assert "removed" in session.stale
    link.attach(layer)  # it is gone already
    assert link.roi_ids == ()


def test_volumes_levels_and_lazy_frames(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    labels = volume(np.uint16)
    session.set_table(table_of(labels))
    layer = viewer.add_labels(labels, scale=(2.0, 1.0, 1.0), affine=np.diag([1.0, 3.0, 3.0, 1.0]))
    link.attach(layer)
    session.select(rows_with(session.table, [3, 90]))
    for plane in (0, 2, 3):
        viewer.dims.set_current_step(0, plane)
        np.testing.assert_array_equal(lit(link), np.isin(labels[plane], [3, 90]))
    click(viewer, layer, (3, *middle(labels[3], 60)))
    np.testing.assert_array_equal(session.selected, rows_with(session.table, [60]))
    viewer.dims.ndisplay = 3
    np.testing.assert_array_equal(lit(link), labels == 60)
    viewer.dims.ndisplay = 2
    levels = [np.kron(LABELS, np.ones((8, 8), np.int32)).astype(np.int32), LABELS]
    pyramid = viewer.add_labels(levels, multiscale=True, name="levels")
    session.set_table(table_of(levels[0]))
    link.attach(pyramid)
    session.select(rows_with(session.table, [21]))
    settle()
    np.testing.assert_array_equal(np.asarray(link.selection_layer().data[1]) > 0, LABELS == 21)
    click(viewer, pyramid, [8 * one for one in middle(LABELS, 7)])
    assert session.table["label"][session.current] == 7
    viewer.layers.remove(pyramid)
    settle()
    frames = movie(np.int64)
    lazy = viewer.add_labels(da.from_array(frames, chunks=(1, -1, -1)), name="lazy")
    session.set_table(table_of_movie(frames))
    link.attach(lazy, axes="TYX")
    told: list[int] = []
    link.frame_changed.connect(told.append)
    viewer.dims.set_current_step(0, 2)
    assert link.frame == 2
    session.select(rows_with(session.table, [3], frame=2) | rows_with(session.table, [7], frame=1))
    np.testing.assert_array_equal(lit(link), frames[2] == 3)
    assert told[-1] == 2


def test_the_current_object_is_brought_into_view(
    viewer: Viewer, session: ObjectSession, link: ImageLink
) -> None:
    frames = movie()
    layer = viewer.add_labels(frames, scale=(1.0, 0.5, 0.5), translate=(0, 10, 20))
    session.set_table(table_of_movie(frames))
    link.attach(layer, axes="TYX")
    for row, with_boxes in ((5, True), (30, True), (17, False)):
        if not with_boxes:
            session.set_column("bbox-0", None)
        session.set_current(row)
        link.show_current()
        values = session.table.iloc[row]
        assert viewer.dims.current_step[0] == values["frame"]
        places = np.argwhere(frames[values["frame"]] == values["label"])
        center = (places.min(axis=0) + places.max(axis=0)) / 2
        np.testing.assert_allclose(
            np.array(viewer.scene.camera.center)[-2:], layer.data_to_world((0, *center))[-2:]
        )
        assert (drawn(link.selection_layer())[frames[values["frame"]] == values["label"]] >= 0).all()


def test_number_keys(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    layer = viewer.add_labels(LABELS, name="cells")
    link.attach(layer)
    pressed: list[int] = []
    link.class_key.connect(pressed.append)

    def press(key: str) -> None:
        handler = KeymapHandler()
        active = viewer.layers.selection.active
        handler.keymap_providers = [viewer] if active is None else [active, viewer]
        handler.press_key(key)

    viewer.layers.selection.active = layer
    kept = layer.bind_key("9", lambda layer: pressed.append(-9), overwrite=True)
    assert kept is None
    link.set_picking(True)
    link.set_picking(True)
    for active in (layer, None, viewer.add_image(np.zeros((4, 4))), viewer.add_points(np.zeros((1, 2)))):
        viewer.layers.selection.active = active
        pressed.clear()
        for key in "1902":
            press(key)
        assert pressed == [1, 9, 0, 2]
        assert active is None or str(active.mode) == "pan_zoom"
    viewer.layers.selection.active = layer
    link.set_picking(False)
    pressed.clear()
    press("9")
    press("3")
    assert pressed == [-9]  # what was there before is back
