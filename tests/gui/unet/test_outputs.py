"""Result layers: in place, updated and not doubled, and never somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtWidgets import QApplication
from result_scene import Known, host, layer, names, squares, trained

from napari_segmotif.gui.classes.entries import from_metadata
from napari_segmotif.gui.layers import snapshot_image
from napari_segmotif.gui.source_file import file_of
from napari_segmotif.gui.unet.outputs import Outputs
from napari_segmotif.gui.unet.panels.predict_panel import PredictWish
from napari_segmotif.gui.unet.recipe import describe
from napari_segmotif.unet.inference.prediction import UNetPrediction
from napari_segmotif.unet.trained import TrainedUNet

Region = tuple[slice, ...]


class Shower:
    """Shows predictions of the layer "cells"."""

    def __init__(self, viewer: Viewer) -> None:
        self.outputs = Outputs(viewer)
        self.source = snapshot_image(viewer.layers["cells"])
        self.file = file_of(viewer.layers["cells"], self.source.to_source())

    def __call__(
        self,
        model: TrainedUNet,
        region: Region | None = None,
        *,
        augment: bool = False,
        n_objects: int = 0,
        **values: Any,
    ) -> None:
        every = {name: values.get(name) for name in ("labels", "probabilities", "uncertainty", "instances")}
        where = region or tuple(slice(0, n) for n in self.source.output_shape)
        recipe = describe(model, self.file, PredictWish(tuple(values), augment, "flips"))
        prediction = UNetPrediction(**every, region=where, n_objects=n_objects)
        self.outputs.show(prediction, self.source, model, recipe, whole=region is None)
        self.outputs.finish()


@pytest.fixture
def show(viewer: Viewer) -> Shower:
    viewer.add_image(squares(), name="cells", scale=(0.5, 0.25), translate=(3, 4), units=("um", "um"))
    return Shower(viewer)


def part(y: int, x: int, size: int = 8) -> Region:
    return (slice(y, y + size), slice(x, x + size))


def test_the_next_prediction_updates_the_layers(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known(trained((0, 1, 2), objects=False)))
    outputs = ("labels", "instances", "probabilities", "uncertainty")
    widget.predict("layer", *outputs)
    first = {one.name: one for one in viewer.layers}
    assert len(first) == 6
    widget.segmenter = Known(trained((0, 1, 2), objects=False))
    widget.predict("layer", *outputs)
    assert {one.name: one for one in viewer.layers} == first


def test_each_output_says_what_it_is(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known(trained((0, 1, 2), objects=False)))
    widget.predict("layer", "labels", "instances", "probabilities", "uncertainty")
    for name, output in {
        "U-Net classes": "labels",
        "U-Net objects": "instances",
        "U-Net probability: nuclei": "probabilities",
        "U-Net probability: cytoplasm": "probabilities",
        "U-Net uncertainty": "uncertainty",
    }.items():
        recipe = layer(viewer, name).metadata["segmotif"]
        assert recipe["parameters"]["outputs"] == [output]
        assert recipe["details"]["classes"] == {"0": "background", "1": "nuclei", "2": "cytoplasm"}


def test_classes_have_their_colours(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known(trained((0, 1, 2), objects=False)))
    widget.predict("layer", "labels", "probabilities")
    classes = layer(viewer, "U-Net classes")
    np.testing.assert_allclose(classes.colormap.map(np.array([2]))[0], (0, 1, 0, 1))
    assert classes.colormap.map(np.array([0]))[0][3] == 0
    assert [(entry.label, entry.name) for entry in from_metadata(classes.metadata)] == [
        (1, "nuclei"),
        (2, "cytoplasm"),
    ]
    np.testing.assert_allclose(layer(viewer, "cytoplasm").colormap.map(1.0).squeeze()[:3], (0, 1, 0))


def test_classes_beyond_a_handful_become_one_stack(viewer: Viewer, show: Shower) -> None:
    model = trained((0, 1), objects=False)
    many = tuple(range(12))
    model = _with_classes(model, many)
    probabilities = np.random.default_rng(0).random((12, 48, 64), np.float32)
    show(model, probabilities=probabilities)
    (stack,) = (one for one in viewer.layers if one.name == "cells · U-Net probability")
    np.testing.assert_array_equal(stack.data, probabilities)
    np.testing.assert_array_equal(stack.scale, (1, 0.5, 0.25))


def test_a_renamed_class_leaves_no_layer_of_its_old_name(viewer: Viewer, show: Shower) -> None:
    probabilities = np.full((2, 48, 64), 0.5, np.float32)
    show(trained(), probabilities=probabilities)
    assert "cells · U-Net probability: nuclei" in names(viewer)
    show(_with_classes(trained(), (0, 1), {0: "background", 1: "cells"}), probabilities=probabilities)
    made = [name for name in names(viewer) if "probability" in name]
    assert made == ["cells · U-Net probability: cells"]


def test_parts_of_one_network_stand_side_by_side(viewer: Viewer, show: Shower) -> None:
    model = trained()
    show(model, part(0, 0), labels=np.ones((8, 8), np.uint8))
    show(model, part(20, 30), labels=np.ones((8, 8), np.uint8))
    data = layer(viewer, "U-Net classes").data
    assert data.shape == (48, 64)
    assert data[part(0, 0)].all()
    assert data[part(20, 30)].all()
    assert data.sum() == 128


@pytest.mark.parametrize("whole_before", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_what_another_network_left_goes(viewer: Viewer, show: Shower, whole_before: bool, dtype: Any) -> None:
    before = np.ones((48, 64) if whole_before else (8, 8), dtype)
    show(trained(), None if whole_before else part(0, 0), labels=before)
    show(trained(), part(20, 30), labels=np.ones((8, 8), dtype))
    data = layer(viewer, "U-Net classes").data
    assert data.sum() == 64
    assert data[part(20, 30)].all()
    assert before.all()  # the array of the earlier result is as it was


def test_with_and_without_mirrored_images_is_no_mixture(viewer: Viewer, show: Shower) -> None:
    model = trained()
    show(model, part(0, 0), uncertainty=np.ones((8, 8), np.float32))
    show(model, part(20, 30), augment=True, uncertainty=np.ones((8, 8), np.float32))
    assert layer(viewer, "U-Net uncertainty").data.sum() == 64


def test_objects_of_two_parts_have_different_numbers(viewer: Viewer, show: Shower) -> None:
    model = trained()
    objects = np.zeros((8, 8), np.int32)
    objects[1:3, 1:3], objects[5:7, 5:7] = 1, 2
    show(model, part(0, 0), instances=objects, n_objects=2)
    show(model, part(20, 30), instances=objects, n_objects=2)
    data = layer(viewer, "U-Net objects").data
    assert set(np.unique(data)) == {0, 1, 2, 3, 4}
    np.testing.assert_array_equal(data[part(20, 30)] > 0, objects > 0)
    show(model, instances=np.pad(objects, ((0, 40), (0, 56))), n_objects=2)  # the whole image: from 1 again
    assert set(np.unique(layer(viewer, "U-Net objects").data)) == {0, 1, 2}
    show(model, part(20, 30), instances=objects, n_objects=2)
    data = layer(viewer, "U-Net objects").data
    assert set(np.unique(data)) == {0, 1, 2, 3, 4}


def test_what_the_user_painted_on_is_the_users(
    viewer: Viewer, show: Shower, paint_stroke: Callable[..., None]
) -> None:
    show(trained(), labels=np.zeros((48, 64), np.uint8))
    corrected = layer(viewer, "U-Net classes")
    paint_stroke(viewer, corrected, [(10, 10), (10, 14)], label=1, brush=3)
    kept = corrected.data.copy()
    assert kept.any()
    show(trained(), labels=np.full((48, 64), 1, np.uint8))
    np.testing.assert_array_equal(corrected.data, kept)
    assert len([name for name in names(viewer) if "U-Net classes" in name]) == 2


def test_the_selection_and_the_users_layers_stay(viewer: Viewer, show: Shower) -> None:
    labels = viewer.add_labels(np.full((48, 64), 7), name="mine")
    viewer.layers.selection.active = labels
    show(trained(), labels=np.ones((48, 64), np.uint8), instances=np.ones((48, 64), np.int32))
    assert viewer.layers.selection.active is labels
    assert (labels.data == 7).all()


def test_layers_come_one_a_turn(viewer: Viewer, show: Shower) -> None:
    finish = show.outputs.finish
    show.outputs.finish = lambda: None  # type: ignore[method-assign]
    show(trained(), labels=np.ones((48, 64), np.uint8), uncertainty=np.ones((48, 64), np.float32))
    assert names(viewer) == ["cells"]
    assert show.outputs.pending
    finish()
    assert len(names(viewer)) == 3


def test_a_result_whose_image_is_gone_is_dropped(viewer: Viewer, show: Shower) -> None:
    show.outputs.finish = lambda: None  # type: ignore[method-assign]
    show(trained(), labels=np.ones((48, 64), np.uint8))
    viewer.layers.clear()
    for _ in range(3):
        QApplication.processEvents()
    assert names(viewer) == []


def test_frames_and_a_channel_axis_behind_them(viewer: Viewer) -> None:
    viewer.add_image(np.zeros((3, 2, 48, 64), np.float32), name="cells", axis_labels=("t", "c", "y", "x"))
    show = Shower(viewer)
    region = (slice(1, 2), *part(0, 0))
    show(trained(n_channels=2, axes="TCYX"), region, labels=np.ones((1, 8, 8), np.uint8))
    data = layer(viewer, "U-Net classes").data
    assert data.shape == (3, 1, 48, 64)
    assert data.sum() == 64
    assert data[1].sum() == 64


def test_heat_is_shown_where_it_was_asked_for(viewer: Viewer, show: Shower) -> None:
    heat = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    for region in (part(0, 0), part(20, 30)):
        show.outputs.show_heat(heat, region, show.source, "nuclei", {"tool": "unet"})
    found = layer(viewer, "U-Net evidence: nuclei")
    np.testing.assert_array_equal(found.data[part(20, 30)], heat)
    assert not found.data[part(0, 0)].any()
    np.testing.assert_array_equal(found.translate, (3, 4))
    assert found.colormap.map(np.array([0.0]))[0][3] == 0  # what says nothing does not hide the image
    assert viewer.layers[-1] is found


def test_objects_are_on_top(viewer: Viewer) -> None:
    viewer.add_image(squares(), name="cells")
    widget = host(viewer, Known())
    widget.predict("layer", "labels", "instances", "probabilities", "uncertainty")
    assert [name.removeprefix("cells · U-Net ") for name in names(viewer)] == [
        "cells",
        "probability: nuclei",
        "uncertainty",
        "classes",
        "objects",
    ]


def _with_classes(
    model: TrainedUNet, classes: tuple[int, ...], class_names: dict[int, str] | None = None
) -> TrainedUNet:
    from dataclasses import replace

    from napari_segmotif.unet.network.heads import Heads

    return replace(
        model,
        heads=Heads(classes, False, 2),
        class_names=class_names or {label: f"class {label}" for label in classes},
    )
