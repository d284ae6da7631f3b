"""The lasso takes the objects that lie inside by more than half, however the line goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari import Viewer
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from napari_segmotif.explore.alignment import RowIndex
from napari_segmotif.gui.explore.image.image_lasso import rows_inside
from napari_segmotif.gui.explore.image.image_link import ImageLink
from napari_segmotif.gui.explore.image.lookup_kernels import Lookup, count_inside
from napari_segmotif.gui.explore.image.lookups import lookup_of_frame
from napari_segmotif.gui.explore.session import ObjectSession

sys.path.insert(0, str(Path(__file__).parent))

from linked_scene import drag, label_image, middle, mouse, rows_with, settle, table_of, volume

LABELS = label_image()
TABLE = table_of(LABELS)
NUMBERS = lookup_of_frame(TABLE, np.arange(1, len(TABLE) + 1, dtype=np.int32))


def taken(polygon: list[tuple[float, float]]) -> list[int]:
    """Labels of the objects in a polygon."""
    rows = rows_inside(LABELS, np.array(polygon, dtype=float), NUMBERS, len(TABLE))
    return TABLE["label"].to_numpy()[rows].tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0, 47),
    st.floats(0, 59),
    st.lists(st.tuples(st.floats(1, 40), st.floats(0, 1)), min_size=3, max_size=9),
)
def test_counts_are_those_of_a_mask(y: float, x: float, spokes: list[tuple[float, float]]) -> None:
    # A star round its centre never crosses itself, and irregular numbers keep corners off pixel centres.
    angles = 2 * np.pi * (np.arange(len(spokes)) + [0.49 * turn for _, turn in spokes]) / len(spokes)
    reach = np.array([length for length, _ in spokes]) + 0.01234567
    vertices = np.stack([y + reach * np.sin(angles), x + reach * np.cos(angles)], axis=1) + 0.0007654321
    inside, everywhere = count_inside(LABELS, vertices, NUMBERS, len(TABLE))
    mask = polygon2mask(LABELS.shape, vertices)
    for row, label in enumerate(TABLE["label"], start=1):
        expected = int((mask & (label == LABELS)).sum())
        assert inside[row] == expected
        assert everywhere[row] == (int((label == LABELS).sum()) if expected else 0)


def test_half_an_object_is_not_enough() -> None:
    # Label 3 fills rows 2 … 7 and columns 2 … 9.
    assert taken([(-1, -1), (-1, 5.5), (9, 5.5), (9, -1)]) == []  # four of its eight columns
    assert taken([(-1, -1), (-1, 6.5), (9, 6.5), (9, -1)]) == [3]


def test_what_the_line_goes_round_twice_counts() -> None:
    angle = 2 * np.pi * np.arange(5) * 2 / 5  # a five-pointed star, drawn in one line
    star = np.stack([24 + 40 * np.sin(angle), 30 + 40 * np.cos(angle)], axis=1)
    heart = np.hypot(*(np.indices(LABELS.shape) - [[[24]], [[30]]])) < 10
    inside, everywhere = count_inside(heart.astype(np.int32), star, Lookup(np.array([0, 1], np.int32)), 1)
    assert inside[1] == everywhere[1] == heart.sum()


def test_direction_and_start_do_not_matter() -> None:
    polygon = [(-0.5, -0.5), (-0.5, 27.2), (30.1, 40.3), (47.0, 13.7)]
    expected = taken(polygon)
    assert expected
    for shift in range(4):
        turned = polygon[shift:] + polygon[:shift]
        assert taken(turned) == expected
        assert taken(turned[::-1]) == expected


def test_lines_that_enclose_nothing() -> None:
    assert taken([(3, 3), (5, 5)]) == []
    assert taken([(3, 3), (3, 30), (3, 3)]) == []
    assert taken([(-50, -50), (-50, -10), (-10, -10)]) == []


# ------------------------------------------------------------------------------------------- in the viewer
@pytest.fixture
def session() -> ObjectSession:
    return ObjectSession()


@pytest.fixture
def link(viewer: Viewer, session: ObjectSession) -> Iterator[ImageLink]:
    link = ImageLink(viewer, session)
    yield link
    link.close()


def around(labels: NDArray[np.int32], label: int) -> list[tuple[float, ...]]:
    """Stops round an object, which nothing else lies in."""
    y, x = np.argwhere(labels == label).T
    top, bottom, left, right = y.min() - 1, y.max() + 1, x.min() - 1, x.max() + 1
    return [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]


def test_add_subtract_replace_and_leave(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    layer = viewer.add_labels(LABELS, scale=(0.5, 2.0), translate=(10, -3))
    shown = viewer.add_image(LABELS.astype(float))  # on top, and active
    session.set_table(TABLE)
    link.attach(layer)
    steps = [(one.start, one.stop, one.step) for one in viewer.dims.range]
    told: list[bool] = []
    link.lasso_changed.connect(told.append)
    for label, held, expected in (
        (3, (), [3]),
        (21, ("Shift",), [3, 21]),
        (41, ("Shift",), [3, 21, 41]),
        (3, ("Control",), [21, 41]),
        (7, (), [7]),
    ):
        link.start_lasso()
        assert link.lassoing
        assert [(one.start, one.stop, one.step) for one in viewer.dims.range] == steps
        drag(viewer, layer, around(LABELS, label), held)
        np.testing.assert_array_equal(session.selected, rows_with(TABLE, expected))
        assert not link.lassoing
        assert viewer.layers.selection.active is shown
    assert told == [True, False] * 5
    said: list[str] = []
    link.said.connect(said.append)
    link.start_lasso()
    drag(viewer, layer, [(0, 0), (0, 1), (1, 1), (1, 0)])
    np.testing.assert_array_equal(session.selected, rows_with(TABLE, [7]))
    assert "No object" in said[0]


def test_giving_up(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    layer = viewer.add_labels(volume(), name="cells")
    session.set_table(table_of(volume()))
    link.attach(layer)
    names = [one.name for one in viewer.layers]
    link.start_lasso()
    link.start_lasso()  # twice is once
    link.stop_lasso()
    link.start_lasso()
    viewer.layers.remove("lasso")  # the user throws it away
    assert not link.lassoing
    link.start_lasso()
    viewer.dims.ndisplay = 3
    settle()
    assert not link.lassoing
    said: list[str] = []
    link.said.connect(said.append)
    link.start_lasso()
    assert not link.lassoing
    assert "2D" in said[0]
    viewer.dims.ndisplay = 2
    link.start_lasso()
    world = layer.data_to_world((1, 10, 10))
    mouse(viewer, "mouse_press", world, (0, 0))
    link.stop_lasso()  # in the middle of a line
    mouse(viewer, "mouse_release", world, (0, 0))
    settle()
    assert [one.name for one in viewer.layers] == names
    assert not session.selected.any()


def test_volumes_are_taken_by_what_the_plane_shows(
    viewer: Viewer, session: ObjectSession, link: ImageLink
) -> None:
    labels = volume()
    table = table_of(labels)
    session.set_table(table)
    layer = viewer.add_labels(labels, scale=(3.0, 1.0, 1.0))
    link.attach(layer)
    viewer.dims.set_current_step(0, 3)  # here are only labels above 40
    link.start_lasso()
    drag(viewer, layer, [(3, 0, 0), (3, 0, 59), (3, 47, 59), (3, 47, 0)])
    expected = [int(one) for one in np.unique(labels[3]) if one > 0]
    np.testing.assert_array_equal(session.selected, rows_with(table, expected))
    assert RowIndex(table).row("", 0, labels[middle(labels, 41)]) >= 0
    viewer.dims.order = (1, 0, 2)  # seen from the side: Z down, X across
    viewer.dims.set_current_step(1, 4)
    link.start_lasso()
    drag(viewer, layer, [(0, 4, 0), (0, 4, 13), (4, 4, 13), (4, 4, 0)])
    np.testing.assert_array_equal(session.selected, rows_with(table, [3]))
