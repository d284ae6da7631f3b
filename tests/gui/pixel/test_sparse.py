"""Copies and look-ups of nearly empty annotations, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from napari_segmotif.gui.pixel.sparse import copied, places_of


@pytest.mark.parametrize(
    "empty",
    [np.zeros((3, 1024, 700), np.uint8), np.zeros((700, 1024, 3), np.int32).T, np.zeros((5, 7), np.uint16)],
    ids=["several parts", "another order", "small"],
)
def test_copies_and_places_are_those_of_numpy(empty: np.ndarray) -> None:
    assert not copied(empty).any()
    assert [len(axis) for axis in places_of(empty, 1)] == [0] * empty.ndim
    annotation = empty.copy(order="K")
    for corner, label in ((0, 7), (-1, 2), (len(annotation) // 2, 2)):
        annotation[(corner,) * annotation.ndim] = label
    copy = copied(annotation)
    np.testing.assert_array_equal(copy, annotation)
    assert copy.dtype == annotation.dtype
    assert not np.shares_memory(copy, annotation)
    for label in (2, 7, 9):
        np.testing.assert_array_equal(places_of(annotation, label), (annotation == label).nonzero())
