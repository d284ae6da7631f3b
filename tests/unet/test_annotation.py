"""Telling objects, classes and strokes apart, and saying what is there."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segmotif.common.simulation import simulate_nuclei_2d, simulate_nuclei_3d, simulate_tissue
from napari_segmotif.unet.training_data.annotation import as_labels, describe_annotation, guess_annotation
from napari_segmotif.unet.training_data.label_counts import (
    count_labels,
    counts_along,
    ignore_labels,
    object_boxes,
)

NUCLEI = simulate_nuclei_2d((192, 192), n_nuclei=14)
STACK = simulate_nuclei_3d((6, 96, 96), n_nuclei=12)
TISSUE = simulate_tissue((192, 192))


@pytest.mark.parametrize("simulated", [NUCLEI, STACK], ids=["plane", "stack"])
def test_guess_of_simulated_nuclei(simulated: Any) -> None:
    assert guess_annotation(simulated.labels) == "instances"
    assert guess_annotation(simulated.annotation) == "scribbles"
    assert guess_annotation(simulated.classes) == "semantic"
    assert guess_annotation(simulated.labels > 0) == "semantic"


def test_guess_of_a_simulated_tissue() -> None:
    assert guess_annotation(TISSUE.classes) == "semantic"
    assert guess_annotation(TISSUE.annotation) == "scribbles"


def test_guess_of_an_empty_layer_and_of_one_object() -> None:
    labels = np.zeros((40, 40), np.uint8)
    assert guess_annotation(labels) == "instances"
    labels[10:20, 10:20] = 1
    assert guess_annotation(labels) == "instances"


def test_guess_of_two_strokes_and_of_two_objects() -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[10:12, 5:50], labels[40:42, 5:50] = 1, 2
    assert guess_annotation(labels) == "scribbles"
    labels[:] = 0
    labels[10:20, 5:15], labels[40:50, 5:15] = 1, 2
    assert guess_annotation(labels) == "instances"


def test_paint_is_found_in_one_plane_of_many_and_in_a_corner_of_a_large_one() -> None:
    stack = np.zeros((60, 40, 40), np.uint8)
    stack[37, 10:12, 5:35], stack[37, 30:32, 5:35] = 1, 2
    assert guess_annotation(stack) == "scribbles"
    large = da.zeros((9000, 9000), dtype=np.uint8, chunks=3000)
    corner = np.zeros((200, 200), np.uint8)
    corner[10:30, 20:190], corner[100:120, 20:190] = 1, 2
    large = da.block([[large, da.zeros((9000, 200), np.uint8)], [da.zeros((200, 9000), np.uint8), corner]])
    assert guess_annotation(large) == "scribbles"


def test_descriptions() -> None:
    n = len(np.unique(NUCLEI.labels)) - 1
    assert describe_annotation(NUCLEI.labels, "instances") == f"{n} objects"
    assert describe_annotation((NUCLEI.labels == 3) * 3, "instances") == "1 object"
    assert describe_annotation(TISSUE.classes, "semantic") == "3 classes, every pixel"
    labels = np.zeros((100, 100), np.uint8)
    assert describe_annotation(labels, "scribbles") == "nothing is annotated"
    labels[0, :70], labels[1, :60] = 1, 2
    assert describe_annotation(labels, "scribbles") == "2 classes on 1.3 % of the pixels"
    lazy = da.from_array(np.stack([labels, 0 * labels, 0 * labels, 0 * labels]), chunks=50)
    assert describe_annotation(lazy, "scribbles") == "2 classes on 0.3 % of the pixels"
    labels[:, 1:] = 0
    assert describe_annotation(labels, "scribbles") == "2 classes on 0.02 % of the pixels"
    assert describe_annotation(np.array([[0.0, 2.0], [np.nan, 0.0]]), "instances") == "1 object"


labels_of_any_kind = hnp.arrays(
    st.sampled_from([np.uint8, np.int16, np.int32, np.int64]),
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=8),
    elements=st.integers(0, 100),
)


@settings(deadline=None)
@given(labels_of_any_kind, st.sampled_from([1, 10**7]))
def test_counts_are_those_of_unique(labels: Any, factor: int) -> None:
    labels = labels.astype(np.int64) * factor - 1
    for found, wanted in zip(count_labels(labels), np.unique(labels, return_counts=True), strict=True):
        np.testing.assert_array_equal(found, wanted)


@settings(deadline=None)
@given(labels_of_any_kind, st.sampled_from([1, 10**7]))
def test_boxes_hold_objects_tightly(labels: Any, factor: int) -> None:
    labels = (labels.astype(np.int64) * factor - 1).astype(np.int32)
    ids = [label for label in np.unique(labels) if label > 0]
    boxes = object_boxes(labels)
    assert boxes.shape == (len(ids), labels.ndim, 2)
    for label, box in zip(ids, boxes, strict=True):
        where = np.argwhere(labels == label)
        np.testing.assert_array_equal(box, np.stack([where.min(axis=0), where.max(axis=0) + 1], axis=1))


@settings(deadline=None)
@given(labels_of_any_kind, st.sets(st.integers(1, 120)), st.sampled_from([1, 10**7]))
def test_ignored_labels_are_those_of_isin(labels: Any, unwanted: set[int], factor: int) -> None:
    labels = (labels.astype(np.int64) * factor - 1).astype(np.int32)
    chosen = np.array(sorted(unwanted), np.int64) * factor
    wanted = np.where(np.isin(labels, chosen), -1, labels)
    ignore_labels(labels[..., 1:], chosen)  # in place, also in a view
    np.testing.assert_array_equal(labels[..., 1:], wanted[..., 1:])


@settings(deadline=None)
@given(labels_of_any_kind, st.sets(st.integers(-1, 100), min_size=1))
def test_counts_along_axes_are_those_of_numpy(labels: Any, classes: set[int]) -> None:
    labels = labels.astype(np.int32) - 1
    found = counts_along(labels, sorted(classes))
    planes = labels.reshape(-1, *labels.shape[-2:])
    for k, label in enumerate(sorted(classes)):
        np.testing.assert_array_equal(found[-2][k], (planes == label).sum(axis=(0, 2)))
        np.testing.assert_array_equal(found[-1][k], (planes == label).sum(axis=(0, 1)))


@settings(deadline=None)
@given(hnp.arrays(np.uint64, (3, 4), elements=st.integers(0, 2**63)))
def test_huge_ids_keep_which_pixels_belong_together(labels: Any) -> None:
    found = as_labels(labels, "instances")
    np.testing.assert_array_equal(found == 0, labels == 0)
    same = labels.reshape(-1, 1) == labels.reshape(1, -1)
    np.testing.assert_array_equal(found.reshape(-1, 1) == found.reshape(1, -1), same)
