from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage as ndi
from scipy.spatial import ConvexHull
from skimage.measure import regionprops

from napari_segmotif.common.progress import CancelToken
from napari_segmotif.errors import JobCancelled
from napari_segmotif.explore.measuring import hull
from napari_segmotif.explore.measuring.hull import hull_columns

AGREED = ("area_convex", "solidity", "feret_diameter_max")


def measure(labels: np.ndarray, spacing: tuple[float, ...] | None = None, **options) -> dict[str, np.ndarray]:
    boxes = [[s.start for s in box] + [s.stop for s in box] for box in ndi.find_objects(labels)]
    box = np.array(boxes, np.int64).reshape(len(boxes), 2 * labels.ndim)
    return hull_columns(labels, len(boxes), box, np.array(spacing or (1.0,) * labels.ndim), **options)


def reference(labels: np.ndarray, spacing: tuple[float, ...]) -> dict[str, np.ndarray]:
    objects = regionprops(labels, spacing=spacing)
    return {name: np.array([getattr(each, name) for each in objects]) for name in AGREED}


def blobs(shape: tuple[int, ...], sigma: float, seed: int) -> np.ndarray:
    smooth = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return ndi.label(smooth > 0.9 * smooth.std())[0].astype(np.int32)


def scattered(shape: tuple[int, ...], n: int, seed: int) -> np.ndarray:
    """Labels in many pieces, all over the image."""
    rng = np.random.default_rng(seed)
    drawn = np.where(rng.random(shape) < 0.1, rng.integers(1, n + 1, shape), 0)
    return np.unique(drawn, return_inverse=True)[1].reshape(shape).astype(np.int32)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.3, 1.7)])
@pytest.mark.parametrize(
    "labels",
    [blobs((60, 70), 0.0, 0), blobs((70, 80), 1.0, 1), blobs((90, 80), 3.0, 2), scattered((40, 50), 20, 3)],
    ids=["pixels and specks", "small", "large", "in pieces"],
)
def test_planes_agree_with_regionprops(labels: np.ndarray, spacing: tuple[float, float]) -> None:
    assert labels.max() > 5
    measured = measure(labels, spacing)
    for name, expected in reference(labels, spacing).items():
        np.testing.assert_allclose(measured[name], expected, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.5, 0.7)])
@pytest.mark.parametrize(
    "labels",
    [blobs((14, 16, 18), 1.0, 0), blobs((18, 20, 19), 2.0, 1), scattered((6, 9, 8), 4, 2)],
    ids=["small", "large", "in pieces"],
)
def test_volumes_agree_with_regionprops(labels: np.ndarray, spacing: tuple[float, ...]) -> None:
    solid = [i for i, box in enumerate(ndi.find_objects(labels), 1) if spans_space(labels[box] == i)]
    labels = np.where(np.isin(labels, solid), labels, 0)
    labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)
    assert labels.max() > 2
    measured = measure(labels, spacing)
    for name, expected in reference(labels, spacing).items():
        np.testing.assert_allclose(measured[name], expected, rtol=1e-12, err_msg=name)


def spans_space(mask: np.ndarray) -> bool:
    """Whether the voxels' centres do not all lie in one plane, where regionprops has no hull."""
    centres = np.argwhere(mask)
    return np.linalg.matrix_rank(centres - centres[0]) == 3


def test_flat_volumes_have_the_hull_of_the_plane() -> None:
    labels = blobs((30, 30), 1.5, 4)
    plane = measure(labels)
    for axis in range(3):
        volume = measure(np.ascontiguousarray(np.expand_dims(labels, axis)))
        for name in AGREED[:2]:
            np.testing.assert_array_equal(volume[name], plane[name])


def test_a_voxel_and_a_rod() -> None:
    labels = np.zeros((4, 5, 9), np.int32)
    labels[1, 1, 1] = 1
    labels[3, 3, 1:8] = 2
    measured = measure(labels, (1.0, 1.0, 2.0))
    assert measured["area_convex"].tolist() == [2.0, 14.0]
    assert measured["solidity"].tolist() == [1.0, 1.0]
    assert measured["feret_diameter_max"].tolist() == [2.0, 14.0]
    assert "feret_diameter_min" not in measured


@given(st.integers(2, 12), st.integers(2, 12), st.floats(0.2, 5), st.floats(0.2, 5))
@settings(max_examples=25, deadline=None)
def test_rectangles_are_as_narrow_as_their_shorter_side(
    height: int, width: int, sy: float, sx: float
) -> None:
    labels = np.zeros((height + 2, width + 2), np.int32)
    labels[1:-1, 1:-1] = 1
    narrowest = measure(labels, (sy, sx))["feret_diameter_min"][0]
    # Corners are cut: across them it may be narrower still, in flat rectangles of very unequal pixels.
    assert narrowest <= min(height * sy, width * sx) * (1 + 1e-12)
    if sy == sx or min(height, width) > 25 * max(sy, sx) / min(sy, sx):
        assert narrowest == pytest.approx(min(height * sy, width * sx))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.4, 1.1)])
def test_the_narrowest_width_is_that_of_the_hull_of_all_edge_middles(spacing: tuple[float, float]) -> None:
    labels = blobs((60, 60), 2.0, 5)
    measured = measure(labels, spacing)["feret_diameter_min"]
    for each, found in zip(regionprops(labels), measured, strict=True):
        centres = np.argwhere(each.image_convex)[:, None] + [[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]]
        points = (centres * spacing).reshape(-1, 2)
        normals = ConvexHull(points).equations[:, :2]
        assert found == pytest.approx(np.ptp(points @ normals.T, axis=0).min(), rel=1e-9)


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))).filter(np.any))
@settings(max_examples=60, deadline=None)
def test_hulls_hold_the_object_and_do_not_depend_on_how_it_lies(mask: np.ndarray) -> None:
    labels = mask.astype(np.int32)
    measured = measure(labels, (0.5, 2.0))
    assert 0 < measured["solidity"][0] <= 1
    assert 0 < measured["feret_diameter_min"][0] <= measured["feret_diameter_max"][0]
    turned = measure(np.ascontiguousarray(labels.T[::-1]), (2.0, 0.5))
    for name, values in measured.items():
        assert turned[name][0] == pytest.approx(values[0], rel=1e-12), name


@pytest.mark.parametrize("labels", [blobs((60, 60), 1.0, 6), blobs((12, 12, 12), 1.0, 6)], ids=["2D", "3D"])
def test_batches_and_threads_change_nothing(labels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure(labels)
    monkeypatch.setattr(hull, "_PIXELS_AT_ONCE", {2: 7, 3: 7})
    for name, values in measure(labels).items():
        np.testing.assert_array_equal(values, whole[name])


def test_no_object_gives_empty_columns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = measure(np.zeros((5, 6), np.int32))
    assert [len(values) for values in measured.values()] == [0, 0, 0, 0]


def test_it_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hull, "_PIXELS_AT_ONCE", {2: 7, 3: 7})
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        measure(blobs((40, 40), 1.0, 7), cancel=token)
