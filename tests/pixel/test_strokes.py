"""Strokes against scipy's components, and where they must not join."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from napari_segmotif.errors import AnnotationError
from napari_segmotif.pixel import strokes
from napari_segmotif.pixel.strokes import StrokeCount, count_strokes, label_strokes


def by_scipy(annotation: np.ndarray) -> np.ndarray:
    """Components of equal class, one class after the other."""
    out = np.zeros(annotation.shape, np.int32)
    for class_id in np.unique(annotation[annotation > 0]):
        labels, _ = ndi.label(annotation == class_id, structure=np.ones((3,) * annotation.ndim))
        out[labels > 0] = labels[labels > 0] + out.max()
    return out


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


annotations = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=4, max_side=6), elements=st.sampled_from([0, 0, 0, 1, 3])
)


@settings(max_examples=200, deadline=None)
@given(annotations)
def test_strokes_are_scipys_components_of_each_class(annotation: np.ndarray) -> None:
    found = label_strokes(annotation)
    assert found.dtype == np.int32
    assert same_partition(found, by_scipy(annotation))
    ids, first = np.unique(found[found > 0], return_index=True)
    assert ids.tolist() == list(range(1, len(ids) + 1))
    assert (np.diff(first) > 0).all(), "ids follow the first pixel of each stroke"


@settings(max_examples=100, deadline=None)
@given(annotations, st.data())
def test_frames_are_images_of_their_own(annotation: np.ndarray, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, annotation.ndim - 1))
    if annotation.ndim == 2:
        annotation = annotation[None]
    found = np.moveaxis(label_strokes(annotation, frame_axis=axis), axis, 0)
    seen: set[int] = set()
    for frame, truth in zip(found, np.moveaxis(annotation, axis, 0), strict=True):
        assert same_partition(frame, by_scipy(truth))
        ids = set(np.unique(frame[frame > 0]).tolist())
        assert not ids & seen
        seen |= ids


def test_z_connects_and_t_does_not() -> None:
    line = np.zeros((3, 5, 5), np.int32)
    line[:, 2, 2] = 7
    assert label_strokes(line).max() == 1
    assert label_strokes(line, frame_axis=0).max() == 3


def test_the_end_of_a_row_does_not_touch_the_next_row() -> None:
    annotation = np.zeros((2, 8), np.uint8)
    annotation[0, -1] = annotation[1, 0] = 1
    assert label_strokes(annotation).max() == 2


def test_slabs_do_not_cut_strokes(monkeypatch: pytest.MonkeyPatch) -> None:
    annotation = (np.random.default_rng(0).random((40, 31)) < 0.4).astype(np.uint8)
    whole = label_strokes(annotation)
    monkeypatch.setattr(strokes, "_CHUNK", 64)
    np.testing.assert_array_equal(label_strokes(annotation), whole)


def test_counts_by_class() -> None:
    annotation = np.zeros((10, 10), np.uint16)
    annotation[0, :4] = 1
    annotation[5, 5] = annotation[6, 6] = 1
    annotation[9, 9] = 300
    assert count_strokes(annotation) == {1: StrokeCount(6, 2), 300: StrokeCount(1, 1)}
    assert count_strokes(np.zeros((4, 4), int)) == {}


@pytest.mark.parametrize(
    "annotation", [np.ones((3, 3)), np.ones((3, 3), bool), np.array([1, 0, 1]), np.full((3, 3), -1)]
)
def test_what_is_no_annotation_is_refused(annotation: np.ndarray) -> None:
    with pytest.raises(AnnotationError, match=r"\(got .*\)$"):
        label_strokes(annotation)
