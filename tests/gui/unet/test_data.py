"""What is trained on: layers, results of other tools, folders; and what the labels are taken for."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from unet_scene import PREVIEW, Double, discs, docked, names, picture, scene, settled, strokes

from napari_segmotif.common.image_io import write_image
from napari_segmotif.errors import AnnotationError
from napari_segmotif.gui.data_panel import DataPanel
from napari_segmotif.gui.layers import snapshot_image
from napari_segmotif.gui.results import is_result, show_result
from napari_segmotif.gui.unet.panels import data_panel


def test_the_kind_of_the_labels_is_seen_and_said(viewer: Viewer) -> None:
    widget, _, _ = scene(viewer)
    data = widget.form.data
    n = len(np.unique(discs())) - 1
    assert data.annotation == "instances"
    assert data._kind_said.text() == f"{n} objects"
    viewer.add_labels(strokes(), name="strokes")
    data.layers.annotation.choose(viewer.layers["strokes"])
    settled(widget)
    assert data.annotation == "scribbles"
    assert data._kind_said.text() == f"2 classes on {100 * (strokes() > 0).mean():.1f} % of the pixels"


def test_what_the_user_says_of_the_labels_stays(viewer: Viewer, double: type[Double]) -> None:
    widget, _, truth = scene(viewer)
    data = widget.form.data
    data.set_annotation("semantic")
    assert data._kind_said.text().endswith("every pixel")
    other = viewer.add_labels(strokes(), name="strokes")
    data.layers.annotation.choose(other)
    settled(widget)
    assert data.annotation == "scribbles"
    data.layers.annotation.choose(truth)
    settled(widget)
    assert data.annotation == "semantic"
    widget.train()
    settled(widget)
    assert double.made[-1].given["annotation"] == "semantic"


def test_painting_is_counted(viewer: Viewer, qtbot: QtBot, paint_stroke) -> None:
    widget, _, truth = scene(viewer)
    n = len(np.unique(discs())) - 1
    paint_stroke(viewer, truth, [(60, 88), (60, 92)], label=99, brush=3)
    qtbot.waitUntil(lambda: widget.form.data._kind_said.text() == f"{n + 1} objects", timeout=10_000)


def test_the_result_of_another_tool_can_be_trained_on(viewer: Viewer, double: type[Double]) -> None:
    image = viewer.add_image(picture(discs()), name="cells")
    widget = docked(viewer)
    found = show_result(
        viewer, "labels", discs(), snapshot_image(image), name="cells · objects: nuclei", recipe={}
    )
    labels = widget.form.data.layers.annotation
    assert is_result(found)
    assert found in labels.layers, "it is one choice in the list"
    assert labels.layer is None, "but not one that is made by itself"
    labels.choose(found)
    widget.train()
    settled(widget)
    np.testing.assert_array_equal(double.made[-1].given["labels"][0], discs())
    assert PREVIEW in names(viewer)


def test_lazy_labels_and_images_are_read_where_the_job_runs(viewer: Viewer, double: type[Double]) -> None:
    stack = discs((4, 64, 96))
    read = []

    def block(block_info: dict) -> np.ndarray:
        read.append(block_info[None]["chunk-location"])
        return stack[:1]

    lazy = da.map_blocks(
        block, chunks=((1,) * 4, (64,), (96,)), dtype=np.int32, meta=np.zeros((0, 0, 0), np.int32)
    )
    viewer.add_image(da.from_array(picture(stack), chunks=(1, 64, 96)), name="cells")
    viewer.add_labels(lazy, name="truth")
    widget = docked(viewer)
    settled(widget)
    read.clear()
    examples = widget.form.data.examples()
    assert not read, "nothing is read on the main thread"
    with examples.opened() as opened:
        np.testing.assert_array_equal(opened.annotations[0], stack)
    assert len(read) == 4


def test_large_labels_are_copied_in_the_job_and_stay_the_users(
    viewer: Viewer, double: type[Double], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_panel, "_COPIED_HERE_BYTES", 1000)
    widget, _, truth = scene(viewer)
    examples = widget.form.data.examples()
    assert examples.pairs[0].labels.painted_on
    with examples.opened() as opened:
        opened.annotations[0][...] = 0
    np.testing.assert_array_equal(truth.data, discs())


def test_channels_in_front_and_behind_time(viewer: Viewer, double: type[Double]) -> None:
    labels = discs((3, 64, 96))
    viewer.add_image(np.stack([picture(labels)] * 2, axis=1), name="cells")
    viewer.add_labels(labels[:, np.newaxis], name="truth")
    widget = docked(viewer)
    widget.form.data.layers.set_axes("TCYX")
    settled(widget)
    widget.train()
    settled(widget)
    given = double.made[-1].given
    assert given["images"][0].axes == "TCYX"
    np.testing.assert_array_equal(given["labels"][0], labels)
    preview = viewer.layers[PREVIEW]
    assert preview.data.shape == (3, 1, 64, 96)
    assert preview.data[2, 0, 20, 20] == 4
    assert not preview.data[:2].any()


def test_colours_name_their_channels(viewer: Viewer, double: type[Double]) -> None:
    viewer.add_image(
        np.repeat(picture(discs())[..., np.newaxis], 3, axis=2).astype(np.uint8), rgb=True, name="cells"
    )
    viewer.add_labels(discs(), name="truth")
    widget = docked(viewer)
    widget.train()
    settled(widget)
    assert double.made[-1].given["channel_names"] == ("red", "green", "blue")


def test_new_labels_have_room_for_many_objects(viewer: Viewer) -> None:
    viewer.add_image(picture(discs()), name="cells", scale=(2, 3), units=("um", "um"))
    widget = docked(viewer)
    layer = widget.new_labels()
    assert layer is not None
    assert layer.data.dtype == np.int32
    assert widget.form.data.layers.annotation.layer is layer
    np.testing.assert_allclose(layer.scale, (2, 3))


def test_2d_and_3d_follow_the_image(viewer: Viewer) -> None:
    widget, _, _ = scene(viewer)
    settings = widget.form.settings
    assert settings.parameters().dimensions == 2
    assert not settings._quick.control("dimensions").isEnabled()
    viewer.add_image(picture(discs((5, 64, 96))), name="stack")
    widget.form.data.layers.image.choose(viewer.layers["stack"])
    assert settings.parameters().dimensions == 3
    widget.form.data.layers.set_axes("TYX")
    assert settings.parameters().dimensions == 2


# ---- folders


def folders(path: Path, n: int = 3) -> tuple[Path, Path]:
    images, labels = path / "images", path / "labels"
    images.mkdir()
    labels.mkdir()
    for index in range(n):
        objects = np.roll(discs(), index, axis=0)
        write_image(
            images / f"cells_{index}.tif", picture(objects), axes="YX", spacing=(0.5, 0.5), units="micrometer"
        )
        if index != 1:
            write_image(labels / f"cells_{index}_labels.tif", objects, axes="YX", labels=True)
    return images, labels


def test_folders_of_files(viewer: Viewer, double: type[Double], tmp_path: Path) -> None:
    widget = docked(viewer)
    widget.train_on_folders(*folders(tmp_path))
    settled(widget)
    panel = widget.form.data.folders
    assert "2 pairs: cells_0.tif, cells_2.tif · without labels, not used: 1 image" in panel._said.text()
    assert widget.form.data.annotation == "instances"
    assert widget.form.data._kind_said.text().endswith("objects")
    assert widget.form.training._train.isEnabled()
    widget.train()
    settled(widget)
    given = double.made[-1].given
    assert given["image_names"] == ["cells_0.tif", "cells_2.tif"]
    assert given["images"][0].spacing == (0.5, 0.5)
    assert len(given["labels"]) == 2
    # There is no layer to show the preview on: the part of the image comes with it.
    assert names(viewer) == ["U-Net preview image · cells_0.tif", "U-Net preview · cells_0.tif"]
    picture_layer, preview = viewer.layers
    assert picture_layer.data.shape == preview.data.shape == (32, 32)
    assert preview.data[20, 20] == 4
    assert not widget.form.data.layers.image.layers, "it is not offered as an image"
    widget.form.training._preview.setChecked(False)
    assert not viewer.layers


@pytest.mark.parametrize("what", ["same", "empty", "missing"])
def test_folders_that_do_not_go_together(viewer: Viewer, tmp_path: Path, what: str) -> None:
    widget = docked(viewer)
    images, _ = folders(tmp_path)
    (tmp_path / "empty").mkdir()
    other = {"same": images, "empty": tmp_path / "empty", "missing": tmp_path / "nowhere"}[what]
    widget.train_on_folders(images, other)
    settled(widget)
    assert "(got" in widget.form.data.folders._said.text()
    assert not widget.form.training._train.isEnabled()
    with pytest.raises(AnnotationError):
        widget.form.data.examples()
    widget.form.data.set_from_folders(False)
    assert widget.form.data.problem() == "open an image first."


def test_classes_that_were_found_are_one_choice_for_the_pixel_classifier(viewer: Viewer) -> None:
    image = viewer.add_image(picture(discs()), name="cells")
    panel = DataPanel(viewer)
    viewer.window.add_dock_widget(panel, name="data")
    source = snapshot_image(image)
    classes = show_result(viewer, "labels", strokes(), source, name="cells · U-Net classes", recipe={})
    objects = show_result(viewer, "labels", discs(), source, name="cells · U-Net objects", recipe={})
    assert panel.annotation.layers == (classes,)
    assert objects in viewer.layers
    assert panel.annotation.layer is None, "the user chooses it"
    panel.annotation.choose(classes)
    assert panel.current_pair is not None
    panel.close_down()
