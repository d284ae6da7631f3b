"""Rows of the table and objects of the image find each other, whatever was done to the table: both ways."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from numpy.typing import NDArray

from napari_segmotif.gui.explore.image.image_link import ImageLink
from napari_segmotif.gui.explore.session import ObjectSession

sys.path.insert(0, str(Path(__file__).parent))

from linked_scene import (
    FIXTURES,
    click,
    drag,
    label_image,
    lit,
    middle,
    movie,
    rows_with,
    settle,
    table_of,
    table_of_movie,
)

# Around the left two columns of objects: all of them and nothing else.
LEFT = [(0, 0), (0, 28), (47, 28), (47, 0)]


@pytest.fixture
def session() -> ObjectSession:
    return ObjectSession()


@pytest.fixture
def link(viewer: Viewer, session: ObjectSession) -> Iterator[ImageLink]:
    link = ImageLink(viewer, session)
    yield link
    link.close()


def some_rows(n: int) -> NDArray[np.bool_]:
    return np.random.default_rng(n).random(n) < 0.4


def truly(labels: pd.Series[int]) -> list[int]:
    """Labels of objects: not of the background."""
    return [int(one) for one in labels if one > 0]


def wholly_left(labels: NDArray[np.int32], column: int) -> list[int]:
    """Objects of which no pixel is at this column or right of it."""
    return truly(np.setdiff1d(labels[:, :column], labels[:, column:]))


def test_one_image(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    labels = label_image()
    layer = viewer.add_labels(labels)
    link.attach(layer)
    for change in FIXTURES:
        table = change(table_of(labels))
        session.set_table(table)
        chosen = some_rows(len(table))
        for rows in (chosen, ~chosen):  # plot → image
            session.select(rows, origin="plot")
            wanted = truly(table["label"][rows])
            assert wanted
            np.testing.assert_array_equal(lit(link), np.isin(labels, wanted), err_msg=change.__name__)
        for label in (3, 7, 8, 60, 101):  # image → plot, by click
            session.select([])
            session.set_current(-1)
            click(viewer, layer, middle(labels, label))
            expected = rows_with(table, [label])
            np.testing.assert_array_equal(session.selected, expected, err_msg=change.__name__)
            assert session.current == (int(np.flatnonzero(expected)[0]) if expected.any() else -1)
        link.start_lasso()  # image → plot, by lasso
        drag(viewer, layer, LEFT)
        expected = rows_with(table, wholly_left(labels, 28))
        assert expected.any()
        np.testing.assert_array_equal(session.selected, expected, err_msg=change.__name__)


def test_time_series(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    frames = movie()
    layer = viewer.add_labels(frames)
    link.attach(layer, axes="TYX")
    for change in FIXTURES:
        table = change(table_of_movie(frames))
        session.set_table(table)
        chosen = some_rows(len(table))
        session.select(chosen, origin="plot")
        for frame in (2, 0, 3):
            viewer.dims.set_current_step(0, frame)
            here = table[chosen & (table["frame"] == frame).to_numpy()]
            np.testing.assert_array_equal(
                lit(link), np.isin(frames[frame], truly(here["label"])), err_msg=change.__name__
            )
        viewer.dims.set_current_step(0, 1)
        settle()
        click(viewer, layer, (1, *middle(frames[1], 90)))
        np.testing.assert_array_equal(session.selected, rows_with(table, [90], frame=1))
        link.start_lasso()
        drag(viewer, layer, [(1, row, column + 1) for row, column in LEFT])
        expected = rows_with(table, wholly_left(frames[1], 29), frame=1)
        assert expected.any()
        np.testing.assert_array_equal(session.selected, expected, err_msg=change.__name__)


def test_two_images_that_share_labels(viewer: Viewer, session: ObjectSession, link: ImageLink) -> None:
    images = {"left": label_image(), "right": label_image()[::-1].copy()}
    layers = {
        name: viewer.add_labels(labels, name=name, translate=(0, 100 * (name == "right")))
        for name, labels in images.items()
    }
    for name, layer in layers.items():
        link.attach(layer, name)
    for change in FIXTURES:
        table = pd.concat([change(table_of(labels, name)) for name, labels in images.items()])
        session.set_table(table)
        chosen = some_rows(len(table))
        session.select(chosen, origin="plot")
        for name, labels in images.items():
            here = table[chosen & (table["roi_id"] == name).to_numpy()]
            np.testing.assert_array_equal(
                lit(link, name), np.isin(labels, truly(here["label"])), err_msg=change.__name__
            )
        click(viewer, layers["right"], middle(images["right"], 90))
        np.testing.assert_array_equal(session.selected, rows_with(table, [90], roi_id="right"))
