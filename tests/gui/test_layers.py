"""Snapshots and results: what a job is given, and that results lie where they belong and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari import Viewer
from napari.layers import Image, Labels
from napari.utils._proxies import PublicOnlyProxy

from napari_segmotif.errors import AnnotationError, AxesError, InputError
from napari_segmotif.gui import placement
from napari_segmotif.gui.layers import find_layer, guess_axes, snapshot_image, snapshot_labels
from napari_segmotif.gui.results import (
    add_annotation,
    is_result,
    label_colormap,
    result_layer,
    show_probabilities,
    show_result,
)
from napari_segmotif.gui.view import move_view_to, visible_region

RECIPE = {"tool": "pixel", "trees": 100}
SECOND = ("second", "pixel", "pixel")


@pytest.mark.parametrize(
    ("shape", "kwargs", "axes"),
    [
        ((8, 9), {}, "YX"),
        ((4, 8, 9), {}, "ZYX"),
        ((5, 4, 8, 9), {}, "TZYX"),
        ((5, 2, 4, 8, 9), {}, "TCZYX"),
        ((8, 9, 3), {"rgb": True}, "YXC"),
        ((4, 8, 9, 3), {"rgb": True}, "ZYXC"),
        ((8, 9, 3), {"rgb": False}, "ZYX"),
        ((4, 8, 9), {"axis_labels": ("time", "y", "x")}, "TYX"),
        ((4, 8, 9), {"axis_labels": ("Channel", "row", "col")}, "CYX"),
        ((4, 8, 9), {"axis_labels": ("t", "a", "b")}, "TYX"),
        ((2, 4, 8, 9), {"axis_labels": ("c", "a", "b", "d")}, "CZYX"),
        ((4, 8, 9), {"units": SECOND}, "TYX"),
        ((4, 8, 9, 3), {"rgb": True, "units": SECOND}, "TYXC"),
    ],
)
def test_axes_are_guessed_by_the_stated_rule(shape: tuple[int, ...], kwargs: Any, axes: str) -> None:
    assert guess_axes(Image(np.zeros(shape, np.uint8), **kwargs)) == axes


def test_more_axes_than_letters() -> None:
    with pytest.raises(AxesError, match=r"has more axes than .*\(got 6 axes\)"):
        guess_axes(Image(np.zeros((2,) * 6)))


def test_user_overrides_axes() -> None:
    assert snapshot_image(Image(np.zeros((4, 8, 9))), "cyx").axes == "CYX"
    assert snapshot_image(Image(np.zeros((8, 9, 3), np.uint8), rgb=True), "YX").axes == "YXC"


@pytest.mark.parametrize("axes", ["YX", "ZZX", "ZYQ", "CZT", "ZXY"])
def test_axes_that_do_not_fit_are_refused(axes: str) -> None:
    with pytest.raises(AxesError, match=r"\(got "):
        snapshot_image(Image(np.zeros((4, 8, 9))), axes)


def test_an_image_is_not_copied_an_annotation_is() -> None:
    image, labels = Image(np.zeros((8, 9))), Labels(np.zeros((8, 9), np.uint8))
    taken = snapshot_labels(labels)
    assert snapshot_image(image).array is image.data
    labels.data[2, 3] = 7  # painting goes on
    assert taken.array[2, 3] == 0


def test_lazy_arrays_stay_lazy_and_multiscale_gives_the_finest_level() -> None:
    lazy = da.zeros((64, 64), chunks=16)
    assert snapshot_image(Image(lazy)).array is lazy
    assert snapshot_image(Image(lazy)).lazy
    snapshot = snapshot_image(Image([np.zeros((64, 64)), np.zeros((32, 32))]))
    assert snapshot.shape == (64, 64)
    assert snapshot.level_shapes == ((64, 64), (32, 32))
    assert snapshot.multiscale


def test_spacing_counts_scale_affine_and_rotation_and_is_unknown_by_default() -> None:
    assert snapshot_image(Image(np.zeros((8, 9)))).spacing is None
    scaled = snapshot_image(Image(np.zeros((4, 8, 9)), scale=(2, 0.5, 0.25), units=("um", "um", "um")))
    assert scaled.spacing == (2.0, 0.5, 0.25)
    assert scaled.units == ("micrometer",) * 3
    turned = Image(np.zeros((8, 9)), scale=(2, 3), rotate=30, affine=np.diag([10.0, 10.0, 1.0]))
    assert snapshot_image(turned).spacing == pytest.approx((20.0, 30.0))
    in_micrometers = Image(np.zeros((8, 9)), units=("um", "um"))
    assert snapshot_image(in_micrometers).spacing == (1.0, 1.0)
    timed = Image(np.zeros((4, 8, 9)), scale=(30, 0.5, 0.5), units=("second", "um", "um"))
    assert snapshot_image(timed).spacing == (0.5, 0.5)


def test_snapshot_becomes_a_source() -> None:
    source = snapshot_image(Image(np.zeros((2, 4, 8, 9)), scale=(1, 2, 1, 1)), "CZYX").to_source()
    assert (source.axes, source.spacing, source.n_channels) == ("CZYX", (2.0, 1.0, 1.0), 2)


def test_annotation_of_another_shape_says_what_to_do(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((8, 9))))
    with pytest.raises(AnnotationError, match=r"make one with New annotation \(got shape \(9, 9\)\)"):
        snapshot_labels(Labels(np.zeros((9, 9), np.uint8)), source)


@pytest.mark.parametrize(
    ("shape", "axes", "out_shape"),
    [
        ((12, 14), "YX", (12, 14)),
        ((3, 12, 14), "CYX", (12, 14)),
        ((2, 4, 12, 14), "CZYX", (4, 12, 14)),
        ((5, 3, 12, 14), "TCYX", (5, 12, 14)),
        ((5, 3, 4, 12, 14), "TCZYX", (5, 4, 12, 14)),
    ],
)
def test_results_lie_exactly_on_their_source(
    viewer: Viewer, shape: tuple[int, ...], axes: str, out_shape: tuple[int, ...]
) -> None:
    n = len(shape)
    affine = np.eye(n + 1)
    affine[-3, -1] = 4.0
    shear = np.eye(n)
    shear[-2, -1] = 0.2
    rotate = np.eye(n)
    rotate[-2:, -2:] = [[0.8, -0.6], [0.6, 0.8]]
    image = viewer.add_image(
        np.zeros(shape), scale=np.arange(1, n + 1) / 2, translate=np.arange(n), rotate=rotate, shear=shear,
        affine=affine, units=("pixel",) * (n - 2) + ("um", "um"),
    )  # fmt: skip
    source = snapshot_image(image, axes)
    assert source.output_shape == out_shape
    labels = show_result(viewer, "labels", np.ones(out_shape, np.uint8), source, name="s", recipe=RECIPE)
    assert labels.metadata["segmotif"] == RECIPE
    assert [str(unit) for unit in labels.units[-2:]] == ["micrometer"] * 2
    rng = np.random.default_rng(0)
    for _ in range(5):
        index = {letter: rng.integers(size) for letter, size in zip(axes, shape, strict=True)}
        world = np.asarray(image.data_to_world([index[letter] for letter in axes]))
        back = np.asarray(labels.world_to_data(world))
        expected = [index[letter] if letter != "C" else 0 for letter in source.result_axes]
        # A channel axis that is kept is one plane that every channel falls into.
        assert np.round(back).astype(int).tolist() == expected
        exact = [i for i, letter in enumerate(source.result_axes) if letter != "C"]
        np.testing.assert_allclose(back[exact], np.array(expected)[exact], atol=1e-6)


def test_result_stands_above_its_source_and_leaves_selection_and_brush_alone(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((8, 9))))
    annotation = add_annotation(viewer, source)
    assert (annotation.mode, annotation.selected_label, annotation.data.dtype) == ("paint", 1, np.uint8)
    result = show_result(viewer, "labels", np.ones((8, 9), np.uint8), source, name="seg", recipe=RECIPE)
    assert [layer.name for layer in viewer.layers] == ["Image", "seg", "annotation"]
    assert viewer.layers.selection.active is annotation
    assert set(viewer.layers.selection) == {annotation}
    assert annotation.mode == "paint"
    assert is_result(result)
    assert not is_result(annotation)


def test_the_same_result_is_updated_in_place_and_made_anew_after_deletion(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((8, 9))))
    first = show_result(viewer, "labels", np.ones((8, 9), np.uint8), source, name="seg", recipe=RECIPE)
    again = show_result(viewer, "labels", np.full((8, 9), 2), source, name="seg", recipe={"trees": 50})
    assert again is first
    assert (first.data == 2).all()
    assert first.metadata["segmotif"] == {"trees": 50}
    viewer.layers.remove(first)
    assert result_layer(viewer, "labels", source, "seg") is None
    anew = show_result(viewer, "labels", np.full((8, 9), 3), source, name="seg", recipe=RECIPE)
    assert anew is not first
    assert (first.data == 2).all()


def test_layers_of_users_are_never_written(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((8, 9))))
    own = viewer.add_labels(np.full((8, 9), 5), name="seg")
    result = show_result(viewer, "labels", np.ones((8, 9), np.uint8), source, name="seg", recipe=RECIPE)
    assert result is not own
    # as "duplicate layer" does
    copy = Labels(result.data.copy(), name="copy", metadata=dict(result.metadata))
    viewer.add_layer(copy)
    show_result(viewer, "labels", np.full((8, 9), 9, np.uint8), source, name="seg", recipe=RECIPE)
    assert (own.data == 5).all()
    assert (copy.data == 1).all()


def test_a_corrected_result_belongs_to_the_user(viewer: Viewer, paint_stroke: Callable[..., None]) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((20, 20))))
    first = show_result(viewer, "labels", np.ones((20, 20), np.uint8), source, name="seg", recipe=RECIPE)
    paint_stroke(viewer, first, [(5, 5), (5, 12)], label=4, brush=3)
    corrected = first.data.copy()
    assert (corrected == 4).any()
    second = show_result(viewer, "labels", np.full((20, 20), 2, np.uint8), source, name="seg", recipe=RECIPE)
    assert second is not first
    np.testing.assert_array_equal(first.data, corrected)
    first.undo()
    assert (first.data == 1).all()


def test_regions_are_written_into_a_canvas(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((20, 30))))
    layer = None
    for start, value in ((0, 1), (10, 2)):
        region = (slice(start, start + 10), slice(5, 15))
        part = np.full((10, 10), value, np.uint8)
        layer = show_result(viewer, "labels", part, source, name="live", recipe=RECIPE, region=region)
    assert layer is not None
    expected = np.zeros((20, 30), np.uint8)
    expected[:10, 5:15], expected[10:, 5:15] = 1, 2
    np.testing.assert_array_equal(layer.data, expected)
    assert len(viewer.layers) == 2


def test_a_region_never_writes_into_an_array_that_came_as_a_whole_result(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((20, 30))))
    whole = np.full((20, 30), 3, np.uint8)
    show_result(viewer, "labels", whole, source, name="seg", recipe=RECIPE)
    part, region = np.full((4, 4), 1, np.uint8), (slice(0, 4), slice(0, 4))
    layer = show_result(viewer, "labels", part, source, name="seg", recipe=RECIPE, region=region)
    assert (whole == 3).all()
    assert (layer.data[:4, :4] == 1).all()
    assert (layer.data[4:] == 3).all()


def test_a_region_of_a_huge_image_gets_a_layer_of_its_size(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "_LARGEST_CANVAS", 100)
    image = viewer.add_image(np.zeros((40, 60)), scale=(2, 3), translate=(5, 7), rotate=30)
    source = snapshot_image(image)
    for top, size in ((8, 10), (20, 12)):
        region = (slice(top, top + size), slice(12, 12 + size))
        part = np.ones((size, size), np.uint8)
        layer = show_result(viewer, "labels", part, source, name="live", recipe=RECIPE, region=region)
        assert layer.data.shape == (size, size)
        np.testing.assert_allclose(layer.data_to_world((0, 0)), image.data_to_world((top, 12)))
        np.testing.assert_allclose(layer.data_to_world((3, 4)), image.data_to_world((top + 3, 16)))


def test_a_result_of_another_shape_is_refused(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((8, 9))))
    with pytest.raises(InputError, match=r"must have the shape \(8, 9\).*\(got shape \(9, 8\)\)"):
        show_result(viewer, "labels", np.zeros((9, 8), np.uint8), source, name="seg", recipe=RECIPE)


def test_dtype_and_number_of_axes_may_change(viewer: Viewer) -> None:
    image = viewer.add_image(np.zeros((4, 8, 9)))
    flat, volume = snapshot_image(image, "CYX"), snapshot_image(image, "ZYX")
    show_result(viewer, "labels", np.ones((8, 9), np.uint8), flat, name="seg", recipe=RECIPE)
    show_result(viewer, "labels", np.ones((8, 9), np.int32), flat, name="seg", recipe=RECIPE)
    layer = show_result(viewer, "labels", np.ones((4, 8, 9), np.int32), volume, name="seg", recipe=RECIPE)
    assert layer.ndim == 3
    assert [one.name for one in viewer.layers] == ["Image", "seg"]


@pytest.mark.parametrize("per_class", [True, False])
def test_probabilities_per_class_or_stacked(viewer: Viewer, per_class: bool) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((5, 3, 8, 9)), scale=(1, 1, 2, 2)), "TCYX")
    probabilities = np.random.default_rng(0).random((2, 5, 8, 9), dtype=np.float32)
    for _ in range(2):
        layers = show_probabilities(
            viewer, probabilities, source, name="probability", recipe=RECIPE, class_names=["cell", "rest"],
            class_colors=["#ff0000", "#00ff00"], per_class=per_class,
        )  # fmt: skip
    if per_class:
        assert [layer.name for layer in layers] == ["probability: cell", "probability: rest"]
        np.testing.assert_array_equal(layers[1].data[:, 0], probabilities[1])
    else:
        assert layers[0].axis_labels[0] == "class"
        np.testing.assert_array_equal(layers[0].data[:, :, 0], probabilities)
    assert all(layer.contrast_limits == [0, 1] for layer in layers)
    assert len(viewer.layers) == 1 + len(layers)


def test_a_stack_of_probabilities_takes_regions(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((20, 30))))
    part = np.full((2, 5, 6), 0.5, np.float32)
    (layer,) = show_probabilities(
        viewer, part, source, name="p", recipe=RECIPE, class_names=["a", "b"], per_class=False,
        region=(slice(2, 7), slice(3, 9)),
    )  # fmt: skip
    assert layer.data.shape == (2, 20, 30)
    assert layer.data.sum() == pytest.approx(30.0)
    assert (layer.data[:, 2:7, 3:9] == 0.5).all()


def test_points_lie_on_their_source(viewer: Viewer) -> None:
    source = snapshot_image(viewer.add_image(np.zeros((5, 3, 8, 9)), scale=(1, 1, 2, 2)), "TCYX")
    layer = show_result(viewer, "points", [(1, 2, 3), (4, 5, 6)], source, name="next", recipe=RECIPE, size=3)
    np.testing.assert_allclose(layer.data_to_world(layer.data[1])[-2:], (10, 12))
    layer = show_result(viewer, "points", np.zeros((0, 3)), source, name="next", recipe=RECIPE)
    assert len(layer.data) == 0


def test_class_colours(viewer: Viewer) -> None:
    colormap = label_colormap({1: "#ff0000", 3: "#0000ff"})
    np.testing.assert_allclose(colormap.map(np.array([0, 1, 2, 3]))[:, 3], [0, 1, 0, 1])
    source = snapshot_image(viewer.add_image(np.zeros((8, 9))))
    data = np.ones((8, 9), np.uint8)
    layer = show_result(viewer, "labels", data, source, name="s", recipe=RECIPE, colors={1: "#ff0000"})
    np.testing.assert_allclose(layer.get_color(1), (1, 0, 0, 1))
    show_result(viewer, "labels", data, source, name="s", recipe=RECIPE, colors={1: "#00ff00"})
    np.testing.assert_allclose(layer.get_color(1), (0, 1, 0, 1))


def test_an_annotation_of_a_series_with_channels_is_painted_once_for_all_channels(
    viewer: Viewer, paint_stroke: Callable[..., None]
) -> None:
    image = viewer.add_image(np.zeros((5, 3, 20, 20)))
    source = snapshot_image(image, "TCYX")
    annotation = add_annotation(viewer, source)
    viewer.dims.set_current_step(0, 2)
    viewer.dims.set_current_step(1, 2)
    paint_stroke(viewer, annotation, [(2, 0, 10, 4), (2, 0, 10, 14)], label=2, brush=3)
    taken = snapshot_labels(annotation, source)
    assert taken.array.shape == source.output_shape
    assert (taken.array[2] == 2).sum() > 20
    assert (taken.array[[0, 1, 3, 4]] == 0).all()


def test_strokes_are_real(viewer: Viewer, paint_stroke: Callable[..., None]) -> None:
    labels, painted = viewer.add_labels(np.zeros((20, 20), np.uint8), scale=(2, 2)), []
    labels.events.paint.connect(painted.append)
    paint_stroke(viewer, labels, [(10, 4), (10, 14)], label=3, brush=1)
    assert (labels.data[10, 4:15] == 3).all()
    assert len(painted) == 1
    paint_stroke(viewer, labels, [(10, 4), (10, 14)], label=0, brush=1)
    assert not labels.data.any()
    labels.undo()
    assert (labels.data == 3).any()


def test_visible_region_follows_the_camera_and_the_sliders(viewer: Viewer) -> None:
    image = viewer.add_image(np.zeros((6, 400, 600)), scale=(1, 0.5, 0.5))
    source = snapshot_image(image, "ZYX")
    viewer.canvas.size = (100, 200)
    viewer.scene.camera.zoom = 4.0  # 100 x 200 canvas pixels are 25 x 50 in the world, 50 x 100 pixels
    viewer.dims.set_current_step(0, 3)
    viewer.scene.camera.center = (0, 100, 150)
    z, y, x = visible_region(viewer, source)
    assert z == slice(3, 4)
    assert (y.start, y.stop) == pytest.approx((175, 225), abs=2)
    assert (x.start, x.stop) == pytest.approx((250, 350), abs=2)
    viewer.scene.camera.center = (0, 0, 0)
    _, y, x = visible_region(viewer, source)
    assert (y.start, x.start) == (0, 0)
    viewer.scene.camera.center = (0, 1000, 1000)
    assert visible_region(viewer, source) is None
    viewer.dims.ndisplay = 3
    assert visible_region(viewer, source) == (slice(0, 6), slice(0, 400), slice(0, 600))


def test_the_view_moves_to_a_place(viewer: Viewer) -> None:
    image = viewer.add_image(np.zeros((6, 400, 600)), scale=(2, 0.5, 0.5))
    source = snapshot_image(image, "ZYX")
    viewer.canvas.size = (100, 200)
    move_view_to(viewer, source, (4, 120, 320), size=(1, 40, 40))
    assert viewer.dims.current_step[0] == 4
    z, y, x = visible_region(viewer, source)
    assert z == slice(4, 5)
    assert (y.start + y.stop) / 2 == pytest.approx(120, abs=2)
    assert (x.start + x.stop) / 2 == pytest.approx(320, abs=2)
    assert y.start <= 100
    assert y.stop >= 140
    viewer.layers.remove(image)
    move_view_to(viewer, source, (0, 0, 0))  # nothing to show, nothing raised
    assert visible_region(viewer, source) is None


def test_napari_s_proxy_of_viewer_and_layers_is_seen_through(viewer: Viewer) -> None:
    proxy = PublicOnlyProxy(viewer)
    viewer.add_image(np.zeros((8, 9)))
    source = snapshot_image(proxy.layers[0])
    assert find_layer(proxy, source) is viewer.layers[0]
    for value in (1, 2):
        data = np.full((8, 9), value, np.uint8)
        layer = show_result(proxy, "labels", data, source, name="seg", recipe=RECIPE)
    assert len(viewer.layers) == 2
    assert is_result(proxy.layers[1])
    assert layer is viewer.layers[1]
