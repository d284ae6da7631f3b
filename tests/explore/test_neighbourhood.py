from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage as ndi
from scipy.spatial.distance import cdist

from napari_segmotif.errors import InputError
from napari_segmotif.explore.measuring.neighbourhood import find_contacts, neighbourhood_columns


def measure(labels: np.ndarray, spacing: tuple[float, ...] | None = None, **options) -> dict[str, np.ndarray]:
    n = int(labels.max())
    step = np.array(spacing or (1.0,) * labels.ndim)
    centroids = np.array(ndi.center_of_mass(labels > 0, labels, range(1, n + 1))).reshape(n, labels.ndim)
    return neighbourhood_columns(
        labels, n, np.zeros((n, 2 * labels.ndim), np.int64), step, centroids * step, **options
    )


def test_two_rectangles_side_by_side() -> None:
    labels = np.zeros((6, 12), np.int32)
    labels[1:5, 1:4] = 1  # 4 x 3
    labels[1:3, 4:9] = 2  # 2 x 5, along two rows of the first
    measured = measure(labels, (2.0, 1.0))
    assert measured["neighbours"].tolist() == [1, 1]
    # rows are 2 apart: an upright side is 2 long, a level one 1
    assert measured["touching_share"].tolist() == [4 / (2 * (4 * 2 + 3)), 4 / (2 * (2 * 2 + 5))]
    distance = np.hypot(2 * (2.5 - 1.5), 6 - 2)
    np.testing.assert_allclose(measured["nearest_distance"], distance)


def test_corners_do_not_touch() -> None:
    labels = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]], np.int32)
    measured = measure(labels)
    assert measured["neighbours"].tolist() == [0, 0]
    assert measured["touching_share"].tolist() == [0, 0]


def test_sides_at_the_edge_of_the_image_do_not_count() -> None:
    labels = np.array([[1, 1, 2], [1, 1, 0]], np.int32)
    measured = measure(labels)
    assert measured["touching_share"].tolist() == [1 / 2, 1 / 2]
    assert np.isnan(measure(np.ones((2, 3), np.int32))["touching_share"]).all()


def test_cubes_in_a_row() -> None:
    labels = np.zeros((4, 6, 11), np.int32)
    for k in range(3):
        labels[1:3, 2:4, 1 + 3 * k : 4 + 3 * k] = k + 1  # 2 x 2 x 3
    measured = measure(labels, (3.0, 1.0, 0.5))
    assert measured["neighbours"].tolist() == [1, 2, 1]
    across, all_sides = 4 * 3.0, 2 * (4 * 3.0) + 2 * (6 * 1.5) + 2 * (6 * 0.5)
    np.testing.assert_allclose(measured["touching_share"], np.array([1, 2, 1]) * across / all_sides)
    np.testing.assert_allclose(measured["nearest_distance"], 1.5)


def test_lone_objects_and_none() -> None:
    labels = np.zeros((5, 5), np.int32)
    labels[2, 2] = 1
    lone = measure(labels)
    assert lone["neighbours"].tolist() == lone["neighbours_within"].tolist() == [0]
    assert np.isnan(lone["nearest_distance"]).all()
    none = neighbourhood_columns(
        np.zeros((5, 5), np.int32), 0, np.zeros((0, 4), np.int64), np.ones(2), np.zeros((0, 2))
    )
    assert all(len(values) == 0 for values in none.values())


def test_the_radius_is_in_median_diameters_or_given() -> None:
    labels = np.zeros((9, 60), np.int32)
    for k, x in enumerate((3, 13, 23, 43), 1):
        labels[4 - 1 : 4 + 2, x - 1 : x + 2] = k
    diameter = 2 * np.sqrt(9 / np.pi) * 0.5  # 1.69; the objects are 5, 5 and 10 apart
    spacing = (0.5, 0.5)
    assert measure(labels, spacing)["neighbours_within"].tolist() == [1, 2, 1, 0]
    assert measure(labels, spacing, near=4.9 / diameter)["neighbours_within"].tolist() == [0, 0, 0, 0]
    assert measure(labels, spacing, near=10.1 / diameter)["neighbours_within"].tolist() == [2, 2, 3, 1]
    assert measure(labels, spacing, radius=10.1)["neighbours_within"].tolist() == [2, 2, 3, 1]


@given(arrays(np.int32, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 5)))
@settings(max_examples=60, deadline=None)
def test_contacts_against_looking_at_every_object(drawn: np.ndarray) -> None:
    ids, labels = np.unique(np.append(0, drawn), return_inverse=True)
    labels = labels[1:].reshape(drawn.shape).astype(np.int32)
    n = len(ids) - 1
    contacts = find_contacts(labels, n)
    touching = set()
    for k in range(1, n + 1):
        beside = set(labels[ndi.binary_dilation(labels == k)].tolist()) - {0, k}
        touching |= {(min(k, other) - 1, max(k, other) - 1) for other in beside}
    assert [tuple(pair) for pair in contacts.pairs.tolist()] == sorted(touching)
    for axis in range(2):
        here, there = (np.moveaxis(labels, axis, 0)[part] for part in (slice(-1), slice(1, None)))
        for k in range(n):
            sides = ((here == k + 1) ^ (there == k + 1)).sum()
            shared = sides - ((here == k + 1) & (there == 0) | (there == k + 1) & (here == 0)).sum()
            assert (contacts.boundary[k, axis], contacts.touching[k, axis]) == (sides, shared)
    assert contacts.areas.tolist() == np.bincount(labels.ravel(), minlength=n + 1)[1:].tolist()


def test_many_objects_against_all_distances() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((200, 200), np.int32)
    labels.ravel()[rng.choice(labels.size, 1500, replace=False)] = np.arange(1, 1501)  # pairs fill the room
    measured = measure(labels, (0.7, 1.3), radius=6.0)
    places = np.argwhere(labels)[np.argsort(labels[labels > 0])] * (0.7, 1.3)
    distances = cdist(places, places)
    np.testing.assert_array_equal(measured["neighbours_within"], (distances <= 6).sum(1) - 1)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_allclose(measured["nearest_distance"], distances.min(1))


def test_more_pairs_than_the_first_room_for_them() -> None:
    labels = np.arange(1, 1601, dtype=np.int32).reshape(40, 40)
    neighbours = measure(labels)["neighbours"].reshape(40, 40)
    assert (neighbours[1:-1, 1:-1] == 4).all()
    assert (neighbours[0, 1:-1] == 3).all()
    assert neighbours[0, 0] == 2


@pytest.mark.parametrize("options", [{"near": 0}, {"radius": -1}, {"radius": np.nan}])
def test_a_radius_must_be_positive(options: dict) -> None:
    with pytest.raises(InputError, match="radius"):
        measure(np.ones((2, 2), np.int32), **options)
