from __future__ import annotations

import numpy as np
import pytest

from napari_segmotif.explore.measuring.crossings import (
    boundary_size,
    count_crossings,
    direction_weights,
    directions,
)
from napari_segmotif.explore.measuring.measurement import measure_objects
from napari_segmotif.explore.measuring.object_scan import scan_objects

from .label_images import assert_same, by_regionprops, clumps, ellipse

ASKED = ["perimeter", "perimeter_crofton", "euler_number", "area_filled"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("filled", [0.4, 0.9])
def test_objects_that_touch_have_their_own_outlines(seed: int, filled: float) -> None:
    labels = clumps((25, 31), seed, n=3, filled=filled)
    table = measure_objects(labels, spacing=0.4, properties=ASKED)
    assert_same(table, by_regionprops(labels, ASKED, spacing=(0.4, 0.4)))


def test_pixels_that_are_not_square_count_by_their_size() -> None:
    spacing, radius = (3.0, 1.0), 60.0
    disk = ellipse((45, 125), (radius / 3, radius))
    row = measure_objects(disk, spacing=spacing, properties=["perimeter", "perimeter_crofton"]).iloc[0]
    assert row["perimeter_crofton"] == pytest.approx(2 * np.pi * radius, rel=0.02)
    assert row["perimeter"] == row["perimeter_crofton"]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 1.0), (1.0, 1.0, 1.0), (4.0, 1.0, 0.5)])
def test_weights_of_the_directions_share_the_circle_and_the_sphere(spacing: tuple[float, ...]) -> None:
    weights = direction_weights(np.array(spacing))
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    steps = directions(len(spacing)) * np.array(spacing)
    random = np.random.default_rng(0).normal(size=(200_000, len(spacing)))
    nearest = np.abs(random @ (steps / np.linalg.norm(steps, axis=1, keepdims=True)).T).argmax(1)
    drawn = np.bincount(nearest, minlength=len(steps)) / len(random)
    np.testing.assert_allclose(weights, drawn, atol=0.005)


def test_weights_of_cubic_voxels_are_those_of_the_literature() -> None:
    # Ohser & Mücklich 2000, one of each pair of opposite directions
    by_length = {1: 0.0915556, 2: 0.0739612, 3: 0.0703912}
    steps = directions(3)
    expected = [by_length[int((step**2).sum())] for step in steps]
    np.testing.assert_allclose(direction_weights(np.ones(3)), expected, atol=2e-4)


def test_entries_of_a_box_are_its_faces() -> None:
    labels = np.zeros((6, 8, 9), np.int32)
    labels[1:4, 2:6, 3:8] = 1  # 3 x 4 x 5
    entries, euler = count_crossings(scan_objects(labels))
    found = dict(zip(map(tuple, directions(3).tolist()), entries[0].tolist(), strict=True))
    assert (found[(0, 0, 1)], found[(0, 1, 0)], found[(1, 0, 0)]) == (12, 15, 20)
    assert found[(1, 1, 1)] == 60 - 2 * 3 * 4
    assert euler.tolist() == [1]


def test_the_surface_of_a_large_box() -> None:
    labels = np.zeros((44, 36, 28), np.int32)
    labels[2:42, 2:34, 2:26] = 1
    entries, _ = count_crossings(scan_objects(labels))
    true = 2 * (40 * 32 + 32 * 24 + 24 * 40)
    assert boundary_size(entries, np.ones(3))[0] == pytest.approx(true, rel=0.1)  # flat faces are the hardest
