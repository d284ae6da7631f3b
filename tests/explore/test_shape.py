from __future__ import annotations

import numpy as np
import pytest

from napari_segmotif.explore.measuring.measurement import measure_objects

from .label_images import assert_same, by_regionprops, clumps, ellipse

BOTH = [
    "label",
    "area",
    "num_pixels",
    "area_bbox",
    "area_filled",
    "axis_major_length",
    "axis_minor_length",
    "bbox",
    "centroid",
    "centroid_local",
    "equivalent_diameter_area",
    "euler_number",
    "extent",
    "inertia_tensor",
    "inertia_tensor_eigvals",
    "moments",
    "moments_central",
    "moments_normalized",
]
PLANE = ["eccentricity", "orientation", "area_convex", "solidity", "feret_diameter_max"]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.3, 0.3), (0.5, 2.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_planes_as_regionprops(spacing: tuple[float, float], seed: int) -> None:
    labels = clumps((23, 26), seed)
    asked = BOTH + PLANE + (["moments_hu"] if spacing == (1.0, 1.0) else [])
    table = measure_objects(labels, spacing=spacing, properties=asked)
    assert_same(table, by_regionprops(labels, asked, spacing=spacing))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.5, 0.7)])
@pytest.mark.parametrize("filled", [0.5, 0.85])
def test_volumes_as_regionprops(spacing: tuple[float, ...], filled: float) -> None:
    labels = clumps((11, 12, 13), 3, filled=filled)
    table = measure_objects(labels, spacing=spacing, properties=BOTH)
    assert_same(table, by_regionprops(labels, BOTH, spacing=spacing))


def simple_shapes() -> np.ndarray:
    """Shapes for which there is nothing to average: lines, squares, a ring, a cross, a diagonal."""
    labels = np.zeros((30, 40), np.int32)
    labels[1, 1:8], labels[3:9, 1], labels[0, 39] = 1, 2, 3
    labels[12:16, 2:6], labels[12:19, 10:17] = 4, 5
    labels[14:17, 12:15] = 0
    labels[22:27, 4], labels[24, 2:7] = 6, 6
    labels[np.arange(20, 28), np.arange(20, 28)] = 8
    labels[29, :] = 9
    return labels


def test_lines_squares_rings_and_single_pixels_as_regionprops() -> None:
    labels = simple_shapes()
    asked = [*BOTH, *PLANE, "perimeter", "perimeter_crofton"]
    table = measure_objects(labels, properties=asked)
    expected = by_regionprops(labels, asked)
    # The width of the diagonal is zero up to rounding, of which a square root makes 1e-8.
    np.testing.assert_allclose(table["axis_minor_length"], expected.pop("axis_minor_length"), atol=1e-6)
    assert_same(table, expected)


def test_names_and_whole_numbers_are_those_of_regionprops() -> None:
    labels = clumps((12, 12), 0)
    table = measure_objects(labels, properties=["bbox", "euler_number", "area", "inertia_tensor"])
    expected = by_regionprops(labels, ["label", "area", "euler_number", "inertia_tensor", "bbox"])
    assert set(table.columns) == {"roi_id", "frame", "index", *expected}
    for name in ("label", "bbox-0", "euler_number"):
        assert table[name].dtype == np.int64


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2])
def test_an_ellipse_has_the_numbers_of_an_ellipse(angle: float) -> None:
    spacing, (a, b) = 0.25, (36.0, 20.0)
    row = measure_objects(ellipse((101, 101), (b, a), angle), spacing=spacing, properties="shape").iloc[0]
    assert row["area"] == pytest.approx(np.pi * a * b * spacing**2, rel=0.01)
    assert row["axis_major_length"] == pytest.approx(2 * a * spacing, rel=0.01)
    assert row["axis_minor_length"] == pytest.approx(2 * b * spacing, rel=0.01)
    assert row["aspect_ratio"] == pytest.approx(a / b, rel=0.01)
    assert row["roundness"] == pytest.approx(b / a, rel=0.01)
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - (b / a) ** 2), rel=0.01)
    ramanujan = np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b))) * spacing
    assert row["perimeter"] == pytest.approx(ramanujan, rel=0.06)  # counted along pixels: too long
    assert row["perimeter_crofton"] == pytest.approx(ramanujan, rel=0.02)
    assert (
        abs(np.sin(row["orientation"] - (np.pi / 2 - angle))) < 0.02
        or abs(np.sin(row["orientation"] - (np.pi / 2 + angle))) < 0.02
    )


def test_a_disk_is_round_and_a_line_is_not() -> None:
    labels = ellipse((61, 61), (25.0, 25.0))
    labels[0, :60] = 2
    disk, line = measure_objects(labels, properties="shape").itertuples()
    assert disk.roundness == pytest.approx(1, abs=0.01)
    assert disk.circularity == pytest.approx(1, abs=0.12)
    assert disk.eccentricity == 0
    assert line.circularity < 0.25
    assert line.axis_minor_length == 0
    assert np.isnan(line.aspect_ratio)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 0.6, 0.8)])
def test_a_ball_has_the_surface_of_a_ball_whatever_the_voxels(spacing: tuple[float, ...]) -> None:
    radius = 14.0
    shape = tuple(int(2 * radius / s) + 4 for s in spacing)
    ball = ellipse(shape, tuple(radius / s for s in spacing))
    row = measure_objects(ball, spacing=spacing, properties="shape").iloc[0]
    assert row["surface_area"] == pytest.approx(4 * np.pi * radius**2, rel=0.015)
    assert row["sphericity"] == pytest.approx(1, abs=0.02)
    assert row["equivalent_diameter_area"] == pytest.approx(2 * radius, rel=0.005)
    assert row["axis_minor_length"] == pytest.approx(2 * radius, rel=0.01)


def test_euler_number_of_a_shell_and_of_a_tunnel() -> None:
    labels = np.zeros((9, 9, 20), np.int32)
    labels[2:7, 2:7, 2:7], labels[2:7, 2:7, 10:17] = 1, 2
    labels[4, 4, 4], labels[4, 4, 10:17] = 0, 0
    table = measure_objects(labels, properties=["euler_number", "area_filled", "area"])
    assert table["euler_number"].tolist() == [2, 0]  # a cavity, a tunnel
    assert (table["area_filled"] - table["area"]).tolist() == [1, 0]


def test_shape_does_not_depend_on_where_the_object_lies() -> None:
    piece = clumps((9, 9), 5, n=1)
    piece[0, 0] = 0
    near, far = np.zeros((2, 2000, 2000), np.int32)
    near[:9, :9], far[1991:, 1991:] = piece, piece
    asked = ["shape", "moments"]
    a, b = (measure_objects(labels, properties=asked) for labels in (near, far))
    features = a.columns[4:]
    np.testing.assert_array_equal(a[features], b[features])
