"""Pictures of objects: the right pixels, outlined; a click goes there."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton

from napari_segmotif.explore.measuring.measurement import measure_objects
from napari_segmotif.gui.explore.image.object_pictures import picture_of
from napari_segmotif.gui.explore.inputs import LabelledImage
from napari_segmotif.gui.explore.panels.thumbnails import Thumbnails
from napari_segmotif.gui.explore.session import ObjectSession

OUTLINE = (255, 178, 0)


def scene() -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros((90, 120), np.int32)
    labels[30:40, 50:70], labels[0:5, 0:6], labels[80:, 110:] = 7, 3, 9
    image = np.arange(90 * 120, dtype=np.float32).reshape(90, 120)
    return labels, image


@pytest.mark.parametrize("channel_axis", [None, 0, 2])
def test_an_object_is_in_the_middle_of_its_picture_and_outlined(channel_axis: int | None) -> None:
    labels, image = scene()
    shown = image if channel_axis is None else np.stack([image, 0 * image], axis=channel_axis)
    layer = Image(shown, contrast_limits=(0, image.max()), rgb=False)
    whole = LabelledImage(Labels(labels), "YX", (layer,))
    table = measure_objects(labels, properties="bbox")
    row = table[table["label"] == 7].iloc[0]
    picture = picture_of(row, whole, side=30)
    assert picture is not None
    assert picture.shape == (30, 30, 3)
    cut = np.s_[20:50, 45:75]
    outline = (picture == OUTLINE).all(axis=-1)
    ring = np.zeros((30, 30), bool)
    ring[9:21, 4:26] = True
    ring[10:20, 5:25] = False
    ring[[9, 9, 20, 20], [4, 25, 4, 25]] = False  # a cross-shaped neighbourhood has no corners
    np.testing.assert_array_equal(outline, ring)
    expected = np.rint(image[cut] / image.max() * 255).astype(np.uint8)
    np.testing.assert_array_equal(picture[..., 0][~outline], expected[~outline])


def test_objects_at_the_border_and_in_other_frames_have_pictures() -> None:
    labels, _ = scene()
    movie = np.stack([0 * labels, labels])
    table = measure_objects(movie, axes="TYX", properties="bbox")
    whole = LabelledImage(Labels(movie), "TYX")
    pictures = [picture_of(table.iloc[i], whole, side=20) for i in range(len(table))]
    assert all(picture is not None for picture in pictures)
    movie[1][labels == 3] = 0
    gone = table[table["label"] == 3].iloc[0]
    assert picture_of(gone, whole) is None
    assert picture_of(gone.drop("bbox-0"), whole) is None


def test_a_volume_shows_its_middle_plane() -> None:
    labels = np.zeros((9, 40, 40), np.int32)
    labels[2:7, 10:20, 10:20] = 1
    image = np.broadcast_to(np.arange(9.0)[:, None, None], labels.shape)
    row = measure_objects(labels, properties="bbox").iloc[0]
    layer = Image(image, contrast_limits=(0, 8))
    picture = picture_of(row, LabelledImage(Labels(labels), "ZYX", (layer,)), side=12)
    assert picture is not None
    assert picture[picture.shape[0] // 2, picture.shape[1] // 2, 0] == round(4 / 8 * 255)


def test_a_click_goes_to_the_object(qtbot: QtBot) -> None:
    labels, _ = scene()
    session = ObjectSession()
    session.set_table(measure_objects(labels))
    asked: list[int] = []

    def picture(row: int) -> np.ndarray | None:
        asked.append(row)
        return np.zeros((10, 12, 3), np.uint8) if row else None

    strips = Thumbnails(session, picture)
    qtbot.addWidget(strips)
    strips.show()
    strips.show_objects("cluster 1", [2, 0], [1])
    buttons = strips.findChildren(QToolButton)
    assert [button.text() for button in buttons] == ["9", "3", "7"]
    assert asked == [2, 0, 1]
    qtbot.mouseClick(buttons[2], Qt.MouseButton.LeftButton)
    assert session.current == 1
    session.set_table(None)
    assert all(button.isHidden() for button in buttons)
    strips.close_down()
