"""What is to be learned of every pixel, against brute force and drawings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from napari_segmotif.unet.training_data.targets import class_targets, object_targets


def brute_force(labels: NDArray[Any], flat: bool) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Boundary, offsets and whole of one patch, pixel by pixel with NumPy."""
    boundary = np.zeros(labels.shape, np.uint8)
    offsets = np.zeros((labels.ndim, *labels.shape), np.float32)
    whole = np.zeros(labels.shape, bool)
    for label in np.unique(labels[labels > 0]):
        places = np.argwhere(labels == label)
        middle, cut = places.mean(axis=0), False
        for place in places:
            around = tuple(slice(max(0, p - 1), p + 2) for p in place)
            if flat and labels.ndim == 3:
                around = (slice(place[0], place[0] + 1), *around[1:])
            others = labels[around]
            boundary[tuple(place)] = ((others != label) & (others != -1)).any()
            at_end = [(p in (0, n - 1)) and n > 1 for p, n in zip(place, labels.shape, strict=True)]
            cut = cut or any(at_end) or bool((others == -1).any())
        if not cut:
            whole |= labels == label
            offsets[:, labels == label] = (middle - places).T
    return boundary, offsets, whole


def differing(labels: NDArray[Any], flat: bool) -> list[str]:
    """Which parts of the targets are not those of brute force."""
    found = object_targets(labels[np.newaxis], flat=flat)
    boundary, offsets, whole = brute_force(labels, flat)
    pairs = {
        "boundary": (found.boundary, boundary),
        "whole": (found.whole, whole),
        "offsets": (found.offsets, offsets),
        "classes": (found.classes, np.sign(labels)),
    }
    return [
        name
        for name, (ours, true) in pairs.items()
        if ours is None or ours[0].shape != true.shape or not np.allclose(ours[0], true, rtol=1e-7, atol=1e-5)
    ]


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int32, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=st.integers(-1, 3)))
def test_planes_agree_with_brute_force(labels: NDArray[np.int32]) -> None:
    assert differing(labels, flat=False) == []


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.int32, st.tuples(*[st.integers(2, 5)] * 3), elements=st.integers(-1, 2)), st.booleans())
def test_volumes_agree_with_brute_force(labels: NDArray[np.int32], flat: bool) -> None:
    assert differing(labels, flat) == []


def test_touching_objects_are_parted_by_two_pixels() -> None:
    labels = np.zeros((1, 9, 12), np.int32)
    labels[0, 2:7, 1:6], labels[0, 2:7, 6:11] = 1, 2
    targets = object_targets(labels)
    assert targets.boundary is not None
    assert targets.offsets is not None
    assert targets.whole is not None
    inner = np.zeros((9, 12), bool)
    inner[3:6, 2:5] = inner[3:6, 7:10] = True
    np.testing.assert_array_equal(targets.boundary[0] == 1, (labels[0] > 0) & ~inner)
    assert targets.whole.sum() == 50
    np.testing.assert_array_equal(targets.offsets[0, :, 2, 1], (2, 2))  # from a corner to (4, 3)
    np.testing.assert_array_equal(targets.offsets[0, :, 4, 8], (0, 0))


@pytest.mark.parametrize("place", [(slice(0, 3), slice(2, 5)), (slice(2, 5), slice(5, 8))])
def test_a_cut_object_has_no_centre_but_is_foreground(place: tuple[slice, slice]) -> None:
    labels = np.zeros((1, 8, 8), np.int32)
    labels[(0, *place)] = 7
    targets = object_targets(labels)
    assert targets.whole is not None
    assert targets.offsets is not None
    assert targets.boundary is not None
    assert not targets.whole.any()
    assert not targets.offsets.any()
    assert (targets.classes[(0, *place)] == 1).all()
    # the edge of the patch is not the edge of the object
    assert targets.boundary[(0, *place)].sum() < 8


def test_what_lies_beside_ignored_pixels_is_cut_without_a_boundary_there() -> None:
    labels = np.full((1, 7, 7), -1, np.int32)
    labels[0, 2:5, 2:5] = 1
    targets = object_targets(labels)
    assert targets.whole is not None
    assert targets.boundary is not None
    assert not targets.whole.any()
    assert not targets.boundary.any()
    assert (targets.classes == np.where(labels == 1, 1, -1)).all()


def test_flat_volumes_have_no_boundary_between_planes() -> None:
    labels = np.zeros((1, 5, 9, 9), np.int32)
    labels[0, 1:4, 2:7, 2:7] = 1
    solid, flat = object_targets(labels), object_targets(labels, flat=True)
    assert solid.boundary is not None
    assert flat.boundary is not None
    assert solid.boundary[0, 1, 4, 4]
    assert not flat.boundary[0, 1, 4, 4]
    np.testing.assert_array_equal(solid.boundary[0, 2], flat.boundary[0, 2])


def test_numbers_of_objects_do_not_matter_however_large() -> None:
    labels = np.zeros((2, 8, 8), np.int32)
    labels[0, 2:4, 2:4], labels[0, 4:6, 2:6], labels[1, 3:6, 3:6], labels[1, 0] = 1, 2, 3, -1
    large = np.where(labels > 0, np.iinfo(np.int32).max - labels, labels).astype(np.int32)
    one, two = object_targets(labels), object_targets(large)
    for name in ("classes", "boundary", "offsets", "whole"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.int32, (2, 5, 6), elements=st.integers(-1, 12)), st.booleans())
def test_classes_are_their_index_and_others_are_ignored(labels: NDArray[np.int32], sparse: bool) -> None:
    classes = (2, 5, 11) if sparse else (0, 5, 11)
    found = class_targets(labels, classes, sparse=sparse).classes
    for value in range(-1, 13):
        expected = classes.index(value) if value in classes else -1
        assert (found[labels == value] == expected).all(), value


def test_of_strokes_zero_is_never_a_class() -> None:
    labels = np.array([[[0, 1, 2, -1]]], np.int32)
    assert class_targets(labels, (1, 2), sparse=True).classes.tolist() == [[[-1, 0, 1, -1]]]
    assert class_targets(labels, (0, 1, 2), sparse=False).classes.tolist() == [[[0, 1, 2, -1]]]
