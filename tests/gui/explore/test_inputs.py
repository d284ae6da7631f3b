"""Which images show which objects, and what a job is given of them."""

from __future__ import annotations

import numpy as np
import pytest
from explorer_scene import SHAPE, layers
from napari.layers import Image, Labels

from napari_segmotif.errors import InputError
from napari_segmotif.gui.explore.channel_pairs import paired
from napari_segmotif.gui.explore.inputs import (
    LabelledImage,
    channel_options,
    check_alike,
    files_of,
    fitting,
    image_axes,
    labels_axes,
    named_alike,
    problem_of,
    take,
)

VOLUME = (5, *SHAPE)


def test_an_image_of_the_same_shape_has_the_axes_of_the_labels() -> None:
    labels, image = layers()
    assert image_axes(image, labels, "YX") == "YX"
    assert problem_of(image, labels, "YX") == ""


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, *SHAPE), "CYX"), ((*SHAPE, 3), "YXC"), ((*SHAPE, 7), "YXC")]
)
def test_the_axis_that_is_one_too_many_is_the_channels(shape: tuple[int, ...], expected: str) -> None:
    labels, _ = layers()
    image = Image(np.zeros(shape, np.float32), rgb=False)
    assert image_axes(image, labels, "YX") == expected


def test_where_several_axes_could_be_channels_napari_decides() -> None:
    labels = Labels(np.zeros((4, 4, 4), np.int32))
    named = Image(np.zeros((4, 4, 4, 4)), axis_labels=("z", "channel", "y", "x"))
    assert image_axes(named, labels, "ZYX") == "ZCYX"
    unnamed = Image(np.zeros((4, 4, 4, 4)))
    assert image_axes(unnamed, labels, "ZYX") == "CZYX"


def test_a_plane_does_not_show_objects_of_a_volume() -> None:
    labels = Labels(np.zeros(VOLUME, np.int32))
    plane = Image(np.zeros(SHAPE))
    assert image_axes(plane, labels, "ZYX") is None
    assert "shape" in problem_of(plane, labels, "ZYX")
    with pytest.raises(InputError, match=r"does not show the objects .*\(got shape"):
        take(LabelledImage(labels, "ZYX", (plane,)))


def test_images_of_another_scale_or_place_are_not_offered() -> None:
    labels, image = layers(scale=(0.5, 0.5))
    coarse = Image(image.data, scale=(1.0, 1.0))
    aside = Image(image.data, scale=(0.5, 0.5), translate=(0.0, 100.0))
    assert "another size" in problem_of(coarse, labels, "YX")
    assert "elsewhere" in problem_of(aside, labels, "YX")
    assert fitting([coarse, aside, image], labels, "YX") == [image]


def test_a_time_series_of_planes_can_be_chosen() -> None:
    labels = Labels(np.zeros(VOLUME, np.int32))
    assert labels_axes(labels) == ("ZYX", "TYX")
    assert labels_axes(Labels(np.zeros(VOLUME, np.int32), axis_labels=("t", "y", "x"))) == ("TYX", "ZYX")


def test_every_channel_is_an_array_over_the_axes_of_the_labels() -> None:
    labels, image = layers()
    stack = np.stack([image.data, image.data + 1, image.data + 2])
    given = take(LabelledImage(labels, "YX", (image, Image(stack, name="stack"))))
    assert [c.name for c in given.channels] == ["cells image", "stack 1", "stack 2", "stack 3"]
    assert [float(c.array[0, 0] - image.data[0, 0]) for c in given.channels] == pytest.approx([0, 0, 1, 2])
    assert all(c.array.shape == SHAPE for c in given.channels)


def test_the_opacity_of_a_colour_image_is_no_channel() -> None:
    labels, _ = layers()
    rgba = Image(np.zeros((*SHAPE, 4), np.uint8), rgb=True, name="stain")
    names = [c.name for c in take(LabelledImage(labels, "YX", (rgba,))).channels]
    assert names == ["stain red", "stain green", "stain blue"]


def test_painting_goes_on_while_it_is_measured() -> None:
    labels, _ = layers()
    given = take(LabelledImage(labels, "YX"))
    before = given.labels.array.copy()
    labels.data[...] = 0
    assert np.array_equal(given.labels.array, before)


def test_spacing_and_unit_are_those_of_the_labels() -> None:
    labels, _ = layers(scale=(0.5, 0.25), units=("um", "um"))
    arguments = take(LabelledImage(labels, "YX")).arguments()
    assert arguments["spacing"] == (0.5, 0.25)
    assert arguments["unit"] == "micrometer"
    assert (arguments["roi_id"], arguments["intensity"]) == ("cells", None)


def test_images_in_one_table_must_be_alike() -> None:
    labels, image = layers()
    other, _ = layers(1, "others")
    scaled, _ = layers(2, "scaled", scale=(0.5, 0.5), units=("um", "um"))
    one = take(LabelledImage(labels, "YX", (image,)))
    with pytest.raises(InputError, match=r"as many channels.*\(got 1 in 'cells' and 0 in 'others'\)"):
        check_alike([one, take(LabelledImage(other, "YX"))])
    with pytest.raises(InputError, match="the same unit"):
        check_alike([take(LabelledImage(labels, "YX")), take(LabelledImage(scaled, "YX"))])
    with pytest.raises(InputError, match="choose a Labels layer"):
        check_alike([])


def test_channels_of_all_images_are_called_as_those_of_the_first() -> None:
    first = take(LabelledImage(*_with_image("a")))
    second = take(LabelledImage(*_with_image("b")))
    both = named_alike([first, second])
    assert [c.name for c in both[1].channels] == ["a image"]
    assert both[1].channels[0].array is second.channels[0].array


@pytest.mark.parametrize(
    ("first", "other", "order"),
    [
        (("dna", "actin"), ("actin", "dna"), (1, 0)),
        (("dna", "actin"), ("day 2 actin", "day 2 DNA"), (1, 0)),
        (("dna", "actin"), ("actin [1]", "dna [1]"), (1, 0)),
        (("stack 1", "stack 2"), ("other 1", "other 2"), (0, 1)),
        (("GFP", "GFP2"), ("GFP2 b", "GFP b"), (1, 0)),
        (("a image",), ("b image",), (0,)),
    ],
)
def test_channels_go_together_by_what_tells_them_apart(
    first: tuple[str, ...], other: tuple[str, ...], order: tuple[int, ...]
) -> None:
    found = paired([first, other])
    assert found.orders == (tuple(range(len(first))), order)
    assert found.message == ""


@pytest.mark.parametrize(
    ("first", "other", "said"),
    [
        (("dna", "actin"), ("red", "green"), "“dna” with “red”, “actin” with “green”"),
        (("dna", "dna"), ("dna", "dna"), "“dna” with “dna”"),
        (("DAPI",), ("GFP",), "“DAPI” with “GFP”"),
    ],
)
def test_channels_whose_names_do_not_tell_keep_their_order_and_are_named(
    first: tuple[str, ...], other: tuple[str, ...], said: str
) -> None:
    found = paired([first, other])
    assert found.orders[1] == tuple(range(len(first)))
    assert said in found.message


def test_one_channel_of_a_stack_can_be_picked_for_another_image() -> None:
    labels, image = layers()
    stack = Image(np.stack([image.data, image.data + 5]), name="stack")
    options = channel_options([image, stack], labels, "YX")
    assert list(options) == ["cells image", "stack 1", "stack 2"]
    given = take(LabelledImage(labels, "YX", (stack,)), [("DAPI", *options["stack 2"])])
    assert [c.name for c in given.channels] == ["DAPI"]
    assert np.array_equal(given.channels[0].array, image.data + 5)


def test_files_are_known_where_layers_come_from_files() -> None:
    labels, image = layers()
    whole = LabelledImage(labels, "YX", (image,))
    files = files_of(whole, take(whole))
    assert (files.name, files.path, files.axes) == ("cells", None, "YX")
    assert [(c.name, c.path, c.index) for c in files.channels] == [("cells image", None, None)]


def _with_image(name: str) -> tuple[Labels, str, tuple[Image, ...]]:
    labels, image = layers(0, name)
    return labels, "YX", (image,)
