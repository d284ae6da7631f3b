"""The docked widget in a real viewer, painted on through napari's own mouse callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QColorDialog
from scene import FEATURES, N_TREES, Paint, docked, expected, halves, layer, settled, two_strokes

from napari_segmotif.batch.recipe import ObjectParameters, Recipe
from napari_segmotif.cli.main import main
from napari_segmotif.common.image_io import open_image, write_image
from napari_segmotif.gui.pixel.widget import PixelClassifierWidget
from napari_segmotif.pixel.classifier import PixelClassifier


def test_new_annotation_fits_the_image_and_is_ready_to_paint(viewer: Viewer, qtbot: QtBot) -> None:
    viewer.add_image(halves(), name="cells", scale=(0.5, 0.25), units=("um", "um"))
    widget = docked(viewer)
    annotation = widget.new_annotation()
    settled(widget, qtbot)
    assert annotation is not None
    assert annotation.data.shape == (48, 64)
    assert isinstance(annotation.data, np.ndarray)
    assert annotation.mode == "paint"
    assert annotation.selected_label == 1
    assert viewer.layers.selection.active is annotation
    np.testing.assert_allclose(annotation.scale, (0.5, 0.25))
    assert [e.name for e in widget.form.table.entries] == ["Object", "Background"]


def test_strokes_give_a_live_result_equal_to_the_classifier(
    viewer: Viewer, painted: tuple[PixelClassifierWidget, Labels]
) -> None:
    widget, annotation = painted
    segmentation = layer(viewer, "segmentation")
    truth = expected(widget, halves(), annotation.data, spacing=(0.5, 0.25))
    np.testing.assert_array_equal(segmentation.data, truth)
    np.testing.assert_allclose(segmentation.scale, (0.5, 0.25))
    np.testing.assert_allclose(segmentation.translate, (3, 4))
    assert [str(u) for u in segmentation.units] == ["micrometer", "micrometer"]
    assert segmentation.metadata["segmotif"]["tool"] == "pixel"
    assert viewer.layers.selection.active is annotation  # the brush stays where it was
    counts = {int(c): int((annotation.data == c).sum()) for c in (1, 2)}
    assert widget.form.table.table.item(0, 2).text() == f"{counts[1]:,}"


def test_undo_redo_and_erase_are_followed(
    viewer: Viewer, qtbot: QtBot, painted: tuple[PixelClassifierWidget, Labels], paint_stroke: Paint
) -> None:
    widget, annotation = painted
    before = layer(viewer, "segmentation").data.copy()
    paint_stroke(viewer, annotation, [(2, 40), (45, 40)], label=1, brush=9)
    settled(widget, qtbot)
    changed = layer(viewer, "segmentation").data.copy()
    assert (changed != before).any()
    annotation.undo()
    settled(widget, qtbot)
    np.testing.assert_array_equal(layer(viewer, "segmentation").data, before)
    annotation.redo()
    settled(widget, qtbot)
    np.testing.assert_array_equal(layer(viewer, "segmentation").data, changed)
    paint_stroke(viewer, annotation, [(2, 40), (45, 40)], label=0, brush=9)
    settled(widget, qtbot)
    truth = expected(widget, halves(), annotation.data, spacing=(0.5, 0.25))
    np.testing.assert_array_equal(layer(viewer, "segmentation").data, truth)


def test_moving_a_slider_predicts_and_trains_nothing(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint
) -> None:
    stack = np.stack([halves(), halves() + 3, halves()[:, ::-1]])
    viewer.add_image(stack, name="stack", scale=(2, 1, 1))
    widget = docked(viewer)
    viewer.dims.set_current_step(0, 0)
    annotation = widget.new_annotation()
    assert annotation is not None
    widget.form.train.set_live(True)
    two_strokes(viewer, annotation, paint_stroke)
    settled(widget, qtbot)
    segmentation = layer(viewer, "segmentation")
    assert segmentation.data[0].any()
    assert not segmentation.data[2].any()  # not looked at yet
    version = widget.session.version
    viewer.dims.set_current_step(0, 2)
    settled(widget, qtbot)
    assert widget.session.version == version
    assert (segmentation.data[2, :, -20:] == 1).mean() > 0.95  # dark on the right in this plane
    widget.form.train.predict_clicked.emit()
    settled(widget, qtbot)
    assert layer(viewer, "segmentation").data.all()
    assert layer(viewer, "segmentation").metadata["segmotif"]["details"]["coverage"] == "whole"


def test_a_new_training_wipes_what_the_old_one_left_elsewhere(
    viewer: Viewer, qtbot: QtBot, painted: tuple[PixelClassifierWidget, Labels], paint_stroke: Paint
) -> None:
    widget, annotation = painted
    source = widget.bench.source()
    widget.following._visible = lambda *_: (slice(0, 10), slice(0, 64))  # type: ignore[method-assign]
    paint_stroke(viewer, annotation, [(20, 5), (24, 20)], label=1, brush=3)
    settled(widget, qtbot)
    data = layer(viewer, "segmentation").data
    assert data[:10].all()
    assert not data[10:].any()
    assert source.output_shape == data.shape


@pytest.mark.parametrize(
    ("array", "kwargs", "axes", "shape"),
    [
        (
            np.repeat(halves()[..., None], 3, axis=2).clip(0, 255).astype(np.uint8),
            {"rgb": True},
            "YXC",
            (48, 64),
        ),
        (np.stack([halves(), 255 - halves()]), {}, "CYX", (48, 64)),
        (np.stack([halves(), halves()]), {}, "TYX", (2, 48, 64)),
        (da.from_array(np.stack([halves(), halves()]), chunks=(1, 48, 64)), {}, "ZYX", (2, 48, 64)),
        ([halves(), halves()[::2, ::2]], {"multiscale": True}, "YX", (48, 64)),
    ],
    ids=["rgb", "channels", "time", "dask", "multiscale"],
)
def test_kinds_of_layers(
    viewer: Viewer,
    qtbot: QtBot,
    paint_stroke: Paint,
    array: Any,
    kwargs: dict[str, Any],
    axes: str,
    shape: tuple[int, ...],
) -> None:
    viewer.add_image(array, name="image", **kwargs)
    widget = docked(viewer)
    widget.form.data.set_axes(axes)
    annotation = widget.new_annotation()
    assert annotation is not None
    assert annotation.data.shape == shape
    two_strokes(viewer, annotation, paint_stroke)
    settled(widget, qtbot)
    widget.form.train.predict_clicked.emit()  # trains first
    settled(widget, qtbot)
    image = np.asarray(array[0] if kwargs.get("multiscale") else array)
    truth = expected(widget, image, annotation.data, axes=axes)
    np.testing.assert_array_equal(layer(viewer, "segmentation").data, truth)


def test_all_outputs_objects_and_validation(
    viewer: Viewer, qtbot: QtBot, painted: tuple[PixelClassifierWidget, Labels], paint_stroke: Paint
) -> None:
    widget, annotation = painted
    paint_stroke(viewer, annotation, [(40, 6), (44, 18)], label=1, brush=3)
    paint_stroke(viewer, annotation, [(6, 44), (10, 56)], label=2, brush=3)
    settled(widget, qtbot)
    widget.form.train.set_output("probabilities", True)
    widget.form.train.set_output("uncertainty", True)
    settled(widget, qtbot)
    probabilities = [layer(viewer, "probability: Object").data, layer(viewer, "probability: Background").data]
    np.testing.assert_allclose(np.sum(probabilities, axis=0), 1, atol=1e-6)
    assert 0 <= layer(viewer, "uncertainty").data.min() <= layer(viewer, "uncertainty").data.max() <= 1
    widget.form.objects.wanted.emit(ObjectParameters(class_id=2, split_touching=False))
    settled(widget, qtbot)
    objects = layer(viewer, "objects: Background")
    assert objects.data.max() == 1
    np.testing.assert_allclose(objects.scale, (0.5, 0.25))
    assert objects.metadata["segmotif"]["parameters"]["objects"]["minimum_size"] == 20
    assert "1 objects" in widget.form.said
    widget.form.validation.wanted.emit("stroke")
    settled(widget, qtbot)
    assert widget.form.validation._table.rowCount() == 2
    assert "optimistic" in widget.form.validation._summary.text()
    widget.form.next.wanted.emit()
    settled(widget, qtbot)
    assert widget.regions.n >= 1
    assert layer(viewer, "paint here next").data[0].shape == (4, 2)
    assert viewer.layers.selection.active is annotation
    widget.form.n_best.setValue(2)
    widget.form.select.click()
    settled(widget, qtbot)
    assert len(widget.session.require().feature_names_) == 2
    assert widget.form.grid.n_features == 2


def test_class_table_and_layers_follow_each_other(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    paint_stroke: Paint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widget, annotation = painted
    table = widget.form.table
    annotation.selected_label = 1
    assert table.current == 1
    annotation.mode = "pan_zoom"
    table.table.setCurrentCell(1, 1)
    assert annotation.selected_label == 2
    assert annotation.mode == "paint"
    paint_stroke(viewer, annotation, [(44, 60)], label=5, brush=3)  # a label that has no row
    settled(widget, qtbot)
    assert [e.label for e in table.entries] == [1, 2, 5]
    monkeypatch.setattr(QColorDialog, "getColor", lambda color, *_: type(color)("#00ff00"))
    table.ask_color(2)
    for one in (annotation, layer(viewer, "segmentation")):
        np.testing.assert_allclose(one.get_color(2)[:3], (0, 1, 0), atol=0.01)
    table.table.item(0, 1).setText("Nucleus")
    assert widget.session.require().class_names_[1] == "Nucleus"
    assert widget.form.objects._class.itemText(0) == "Nucleus"
    table.select(5)
    table.remove.click()
    settled(widget, qtbot)
    assert not (annotation.data == 5).any()
    annotation.undo()
    settled(widget, qtbot)
    assert (annotation.data == 5).any()


def test_save_load_and_apply_to_another_layer(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    tmp_path: Path,
    notifications: list[tuple[str, str]],
) -> None:
    widget, _annotation = painted
    before = layer(viewer, "segmentation").data.copy()
    widget.form.table.table.item(0, 1).setText("Nucleus")
    widget.keeping.save(tmp_path / "model.segmotif")
    settled(widget, qtbot)
    other = docked(viewer)
    other.keeping.load(tmp_path / "model.segmotif")
    settled(other, qtbot)
    assert other.form.grid.features == FEATURES
    assert other.form.train.forest.n_estimators == N_TREES
    assert "Nucleus" in [e.name for e in other.form.table.entries]
    second = viewer.add_image(halves(), name="second", scale=(0.5, 0.25), units=("um", "um"))
    other.jobs.apply([second])
    settled(other, qtbot)
    np.testing.assert_array_equal(layer(viewer, "second · segmentation").data, before)
    colour = viewer.add_image(np.zeros((16, 16, 3), np.uint8), rgb=True, name="colour")
    other.jobs.apply([colour])
    settled(other, qtbot)
    assert any("channel" in message for _, message in notifications)
    assert not any(one.name.startswith("colour ·") for one in viewer.layers)
    (tmp_path / "broken.segmotif").write_bytes((tmp_path / "model.segmotif").read_bytes()[:200])
    fitted = other.session.require()
    other.keeping.load(tmp_path / "broken.segmotif")
    settled(other, qtbot)
    assert other.session.require() is fitted
    other.deleteLater()


def test_several_images_train_one_classifier(viewer: Viewer, qtbot: QtBot, paint_stroke: Paint) -> None:
    first, second = halves(), halves() + 20
    viewer.add_image(first, name="first")
    widget = docked(viewer)
    one = widget.new_annotation()
    assert one is not None
    paint_stroke(viewer, one, [(8, 6), (12, 18)], label=1, brush=3)
    settled(widget, qtbot)
    widget.form.table.table.item(0, 1).setText("Nucleus")
    viewer.add_image(second, name="second")
    widget.form.data.image.choose(viewer.layers["second"])
    assert [p.annotation for p in widget.form.data.pairs] == [
        one
    ]  # kept, and not taken for the second image's
    assert widget.form.data.annotation.layer is None
    assert widget.form.table.entries == ()
    two = widget.new_annotation()
    assert two is not None
    assert widget.form.table.entries[0].name == "Nucleus"  # the same classes on every image
    paint_stroke(viewer, two, [(30, 44), (36, 56)], label=2, brush=3)
    settled(widget, qtbot)
    widget.form.train.train_clicked.emit()
    settled(widget, qtbot)
    assert set(widget.session.require().training_.image) == {0, 1}
    classifier = PixelClassifier(FEATURES, n_estimators=N_TREES).fit([first, second], [one.data, two.data])
    np.testing.assert_array_equal(layer(viewer, "second · segmentation").data, classifier.predict(second))
    version = widget.session.version
    widget.form.train.set_live(True)
    widget.form.data.image.choose(viewer.layers["first"])  # to look at another image is no reason to train
    settled(widget, qtbot)
    assert widget.form.data.annotation.layer is one
    assert widget.session.version == version
    np.testing.assert_array_equal(layer(viewer, "first · segmentation").data, classifier.predict(first))
    viewer.layers.remove(one)
    assert len(widget.form.data.pairs) == 1


def test_what_is_saved_knows_the_stroke_that_live_has_not_answered_yet(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    paint_stroke: Paint,
    tmp_path: Path,
) -> None:
    widget, annotation = painted
    paint_stroke(viewer, annotation, [(40, 8), (44, 20)], label=1, brush=3)
    widget.keeping.save(tmp_path / "model.segmotif")  # Live has not even begun
    settled(widget, qtbot)
    saved = PixelClassifier.load(tmp_path / "model.segmotif")
    assert len(saved.training_.y) == np.count_nonzero(annotation.data)
    np.testing.assert_array_equal(layer(viewer, "segmentation").data, saved.predict(halves()))


def test_one_class_left_keeps_the_classifier_that_is_saved(
    qtbot: QtBot, painted: tuple[PixelClassifierWidget, Labels], tmp_path: Path
) -> None:
    widget, annotation = painted
    annotation.data_setitem(np.nonzero(annotation.data == 2), 0)
    widget.keeping.save(tmp_path / "model.segmotif")
    settled(widget, qtbot)
    assert list(PixelClassifier.load(tmp_path / "model.segmotif").classes_) == [1, 2]


def test_the_recipe_beside_a_saved_model_repeats_the_work_on_files(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    paint_stroke: Paint,
    tmp_path: Path,
) -> None:
    widget, annotation = painted
    widget.form.train.set_output("uncertainty", True)
    widget.form.objects.wanted.emit(ObjectParameters(class_id=2, minimum_size=30))
    settled(widget, qtbot)
    results = {"labels": "segmentation", "uncertainty": "uncertainty", "objects": "objects: Background"}
    kept = [layer(viewer, name).metadata["segmotif"] for name in results.values()]
    assert not any("model" in one for one in kept)  # it is in no file yet
    widget.keeping.save(tmp_path / "cells.segmotif")
    settled(widget, qtbot)
    for output, name in results.items():
        recipe = Recipe.model_validate(layer(viewer, name).metadata["segmotif"])
        assert recipe.parameters.outputs == (output,)
        assert recipe.checked_model() == tmp_path / "cells.segmotif"
        assert recipe.details is not None
        assert recipe.details["classes"] == {"1": "Object", "2": "Background"}
    image = tmp_path / "cells.tif"
    write_image(image, halves(), axes="YX", spacing=(0.5, 0.25), units="micrometer")
    run = ["run", str(tmp_path / "cells.recipe.json"), str(image), "-o", str(tmp_path / "out")]
    assert main(run) == 0
    for output, name in results.items():
        with open_image(tmp_path / "out" / f"cells_{output}.ome.tif") as opened:
            np.testing.assert_array_equal(opened.array[:], layer(viewer, name).data)
    widget.jobs.predict_all()  # the same classifier
    settled(widget, qtbot)
    assert "model" in layer(viewer, "segmentation").metadata["segmotif"]
    paint_stroke(viewer, annotation, [(20, 50)], label=2, brush=3)  # another one, in no file
    settled(widget, qtbot)
    assert "model" not in layer(viewer, "segmentation").metadata["segmotif"]


def test_axes_that_the_user_chose_stand_in_the_recipe(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint
) -> None:
    viewer.add_image(np.stack([halves(), halves()]), name="cells")
    widget = docked(viewer)
    widget.form.data.set_axes("TYX")  # a layer without labels on its axes is taken for a stack
    annotation = widget.new_annotation()
    assert annotation is not None
    two_strokes(viewer, annotation, paint_stroke)
    widget.form.train.train_clicked.emit()
    settled(widget, qtbot)
    assert layer(viewer, "segmentation").metadata["segmotif"]["parameters"]["axes"] == "TYX"


def test_a_stroke_copies_only_its_own_annotation(
    viewer: Viewer, qtbot: QtBot, paint_stroke: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(halves(), name="first")
    widget = docked(viewer)
    one = widget.new_annotation()
    assert one is not None
    two_strokes(viewer, one, paint_stroke)
    settled(widget, qtbot)
    viewer.add_image(halves(), name="second")
    widget.form.data.image.choose(viewer.layers["second"])
    two = widget.new_annotation()
    assert two is not None
    before = widget.bench.intent().pairs
    paint_stroke(viewer, two, [(8, 6)], label=1, brush=3)
    after = widget.bench.intent().pairs
    assert after[0].annotation is before[0].annotation
    assert after[1].annotation[8, 6] == 1
    for change in (lambda: paint_stroke(viewer, one, [(20, 20)], label=3, brush=3), one.undo, one.redo):
        change()
        after = widget.bench.intent().pairs
        np.testing.assert_array_equal(after[0].annotation, one.data)
        assert after[0].annotation is not before[0].annotation
        before = after


def test_the_last_stroke_is_followed_after_what_pushed_it_aside(
    viewer: Viewer,
    qtbot: QtBot,
    painted: tuple[PixelClassifierWidget, Labels],
    paint_stroke: Paint,
    tmp_path: Path,
) -> None:
    widget, annotation = painted
    paint_stroke(viewer, annotation, [(40, 6), (44, 18)], label=1, brush=3)
    widget.following.follow()
    assert widget.runner.running_name == "Live"
    widget.keeping.save(tmp_path / "model.segmotif")
    settled(widget, qtbot)
    assert (tmp_path / "model.segmotif").exists()
    truth = expected(widget, halves(), annotation.data)
    np.testing.assert_array_equal(layer(viewer, "segmentation").data, truth)
    assert len(widget.session.require().training_.y) == (annotation.data > 0).sum()
