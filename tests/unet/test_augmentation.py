"""Patches varied in geometry and grey values, against SciPy and NumPy."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_segmotif.unet.parameters import AugmentationParameters
from napari_segmotif.unet.training_data.augmentation import (
    Geometry,
    draw_geometry,
    take_patch,
    vary_intensity,
)

NOTHING = AugmentationParameters(
    flip=False,
    turn=False,
    rotation=0,
    scaling=0,
    elastic=0,
    brightness=0,
    contrast=0,
    gamma=0,
    noise=0,
    blur=0,
)
MIRRORS = tuple(product((False, True), repeat=3))


def pair(*shape: int, channels: int = 2, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.random((channels, *shape), np.float32), rng.integers(0, 9, shape, np.int32)


def extended(image: Any, labels: Any, margin: int) -> tuple[Any, Any]:
    """The sample with its mirror image around it; labels −1 there."""
    width = [(margin, margin)] * labels.ndim
    return np.pad(image, [(0, 0), *width], mode="symmetric"), np.pad(labels, width, constant_values=-1)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(3, 30), st.integers(3, 30)),
    patch=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    where=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_plain_patch_is_the_window_of_the_mirrored_image(
    shape: tuple[int, int], patch: tuple[int, int], where: tuple[float, float]
) -> None:
    image, labels = pair(*shape)
    centre = [int(share * (n - 1)) for share, n in zip(where, shape, strict=True)]
    wide_image, wide_labels = extended(image, labels, 30)
    window = tuple(slice(30 + c - n // 2, 30 + c - n // 2 + n) for c, n in zip(centre, patch, strict=True))
    found, ids = take_patch(image, labels, centre, patch, Geometry())
    np.testing.assert_array_equal(found, wide_image[(slice(None), *window)])
    np.testing.assert_array_equal(ids, wide_labels[window])


@pytest.mark.parametrize("patch", [(8, 8), (9, 9), (6, 11)])
@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_and_mirrors_of_a_patch(patch: tuple[int, int], turns: int) -> None:
    image, labels = pair(40, 40)
    for mirror in MIRRORS[:4]:
        found, ids = take_patch(image, labels, (20, 18), patch, Geometry(mirror, turns))
        size = patch if turns % 2 == 0 else patch[::-1]
        window = tuple(slice(c - n // 2, c - n // 2 + n) for c, n in zip((20, 18), size, strict=True))
        # turned first, then mirrored along the axes of the patch
        axes = tuple(axis for axis, mirrored in zip((-2, -1), mirror[1:], strict=True) if mirrored)
        wanted = np.flip(np.rot90(image[(slice(None), *window)], turns, (-2, -1)), axes)
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(ids, np.flip(np.rot90(labels[window], turns), axes))


@pytest.mark.parametrize("patch", [(9, 9), (7, 11)])
def test_interpolation_agrees_with_slicing_where_pixels_fall_on_pixels(patch: tuple[int, int]) -> None:
    image, labels = pair(20, 22)
    bends = np.zeros((2, 2, 4, 4))  # asks for an interpolation that moves nothing
    for mirror, turns in product(MIRRORS[:4], range(4)):
        plain = take_patch(image, labels, (3, 17), patch, Geometry(mirror, turns))
        bent = take_patch(image, labels, (3, 17), patch, Geometry(mirror, turns, bends=bends))
        np.testing.assert_allclose(plain[0], bent[0], atol=1e-6)
        np.testing.assert_array_equal(plain[1], bent[1])


@pytest.mark.parametrize("patch", [(5, 9, 9), (1, 7, 9), (3, 5, 7)])
def test_the_same_in_3d(patch: tuple[int, int, int]) -> None:
    image, labels = pair(8, 20, 22)
    bends = np.zeros((2, 2, 4, 4))
    for mirror, turns in product(MIRRORS, range(4)):
        plain = take_patch(image, labels, (1, 3, 17), patch, Geometry(mirror, turns))
        bent = take_patch(image, labels, (1, 3, 17), patch, Geometry(mirror, turns, bends=bends))
        np.testing.assert_allclose(plain[0], bent[0], atol=1e-6)
        np.testing.assert_array_equal(plain[1], bent[1])
    mirrored, ids = take_patch(image, labels, (4, 10, 10), patch, Geometry((True, False, False)))
    plain, plain_ids = take_patch(image, labels, (4, 10, 10), patch, Geometry())
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])
    np.testing.assert_array_equal(ids, plain_ids[::-1])


@pytest.mark.parametrize(("angle", "scale"), [(20, 1.0), (0, 1.25), (-35, 0.8), (180, 1.1)])
def test_rotation_and_scaling_agree_with_scipy(angle: float, scale: float) -> None:
    image, labels = pair(40, 50)
    size, centre = (31, 31), (22.0, 24.0)
    geometry = Geometry(angle=math.radians(angle), scale=scale)
    found, ids = take_patch(image, labels, centre, size, geometry)
    matrix = geometry.matrix()
    offset = np.array(centre) - matrix @ [15, 15]
    for plane, wanted in zip(found, image, strict=True):
        expected = ndimage.affine_transform(
            wanted.astype(float), matrix, offset, size, order=1, mode="reflect"
        )
        np.testing.assert_allclose(plane, expected, atol=1e-4)
    y, x = np.mgrid[:31, :31].astype(float)
    source = np.einsum("ij,jyx->iyx", matrix, np.stack([y, x])) + offset[:, None, None]
    nearest = np.floor(source + 0.5).astype(int)
    inside = ((nearest >= 0) & (nearest < np.array(labels.shape)[:, None, None])).all(axis=0)
    assert inside.any()
    np.testing.assert_array_equal(ids[inside], labels[nearest[0][inside], nearest[1][inside]])
    assert (ids[~inside] == -1).all()


def test_scale_makes_things_larger_and_angles_turn() -> None:
    y, x = np.mgrid[:101, :101]
    disk = (((y - 50) ** 2 + (x - 50) ** 2) <= 20**2).astype(np.int32)
    image = disk[np.newaxis].astype(np.float32)
    for scale in (0.8, 1.25):
        _, ids = take_patch(image, disk, (50, 50), (101, 101), Geometry(scale=scale))
        assert (ids == 1).sum() == pytest.approx(disk.sum() * scale**2, rel=0.02)
    bar = np.zeros((101, 101), np.int32)
    bar[50, 20:81] = 7
    _, ids = take_patch(image, bar, (50, 50), (101, 101), Geometry(angle=math.radians(30), bends=None))
    where = np.argwhere(ids == 7) - 50
    slope = np.degrees(np.arctan2(where[:, 0], where[:, 1]))[np.abs(where[:, 1]) > 15]
    np.testing.assert_allclose(np.abs((slope + 90) % 180 - 90), 30, atol=3)


def test_depth_is_scaled_between_two_planes() -> None:
    image = np.arange(9, dtype=np.float32)[None, :, None, None] * np.ones((1, 9, 12, 12), np.float32)
    labels = (image[0] + 1).astype(np.int32)
    found, ids = take_patch(image, labels, (4, 6, 6), (5, 6, 6), Geometry(scale=1.25))
    np.testing.assert_allclose(found[0, :, 3, 3], 4 + 0.8 * (np.arange(5) - 2), atol=1e-6)
    np.testing.assert_array_equal(ids[:, 3, 3], np.rint(4 + 0.8 * (np.arange(5) - 2)) + 1)
    flipped, _ = take_patch(image, labels, (4, 6, 6), (5, 6, 6), Geometry((True, False, False), scale=1.25))
    np.testing.assert_allclose(flipped, found[:, ::-1], atol=1e-6)


def test_outside_of_the_image_is_ignored_and_mirrored() -> None:
    image, labels = pair(10, 10)
    found, ids = take_patch(image, labels, (5, 5), (31, 31), Geometry(angle=1e-9))
    assert (ids[:10] == -1).all()
    np.testing.assert_array_equal(ids[10:20, 10:20], labels)
    np.testing.assert_allclose(found, extended(image, labels, 15)[0][:, 5:36, 5:36], atol=1e-5)


def test_bending_is_as_strong_as_asked_for_and_smooth() -> None:
    y, x = np.mgrid[:400, :400].astype(np.float32)
    coordinates = np.stack([y, x])
    parameters = NOTHING.model_copy(update={"elastic": 6.0})
    moved = []
    for seed in range(300):
        geometry = draw_geometry(parameters, (128, 128), np.random.default_rng(seed))
        if geometry.bends is None:
            continue
        found, _ = take_patch(coordinates, np.zeros((400, 400), np.int32), (200, 200), (128, 128), geometry)
        plain, _ = take_patch(coordinates, np.zeros((400, 400), np.int32), (200, 200), (128, 128), Geometry())
        shift = found - plain - 0.5  # the middle of an even patch lies between pixels
        moved.append(shift)
        assert np.abs(np.diff(shift, axis=-1)).max() < 1.5
    assert 150 < len(moved) < 260  # most patches, not all
    # strengths are uniform on 0..6, so that their mean square is 12
    assert np.mean(np.square(moved)) == pytest.approx(12, rel=0.2)


def test_planes_of_a_volume_are_bent_from_the_first_bend_to_the_last() -> None:
    image, labels = pair(8, 60, 60, channels=1)
    patch, centre = (9, 41, 41), (4, 30, 30)
    plain, _ = take_patch(image, labels, centre, patch, Geometry())
    bends = np.random.default_rng(0).normal(0, 5, (2, 2, 5, 5))
    for straight, curved in ((0, 8), (8, 0)):
        one_end = bends.copy()
        one_end[straight // 8] = 0
        found, _ = take_patch(image, labels, centre, patch, Geometry(bends=one_end))
        np.testing.assert_allclose(found[:, straight], plain[:, straight], atol=1e-5)
        assert np.abs(found[:, curved] - plain[:, curved]).mean() > 0.1
    alike, _ = take_patch(image, labels, centre, patch, Geometry(bends=np.stack([bends[0]] * 2)))
    flat, _ = take_patch(image[:, 4], labels[4], (30, 30), patch[1:], Geometry(bends=bends))
    np.testing.assert_allclose(alike[:, 4], flat, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_labels_stay_labels(seed: int) -> None:
    """Ids are never mixed, and a linear image that is its own label tells the same story as its label."""
    rng = np.random.default_rng(seed)
    image, labels = pair(50, 60, seed=seed)
    labels = labels * 1000
    parameters = AugmentationParameters()
    geometry = draw_geometry(parameters, (32, 48), rng)
    found, ids = take_patch(image, labels, rng.uniform(0, 50, 2).tolist(), (32, 48), geometry)
    assert set(np.unique(ids)) <= set(np.unique(labels)) | {-1}
    assert found.dtype == np.float32
    assert ids.dtype == np.int32
    assert found.shape == (2, 32, 48)
    assert ids.shape == (32, 48)
    assert image.min() - 1e-5 <= found.min()
    assert found.max() <= image.max() + 1e-5


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), deep=st.booleans())
def test_image_and_labels_are_warped_alike(seed: int, deep: bool) -> None:
    y, x = np.mgrid[:80, :80]
    labels = ((y // 16 + x // 16) % 2).astype(np.int32)
    labels = np.stack([labels] * 6) if deep else labels
    image = labels[np.newaxis].astype(np.float32)
    patch = (4, 48, 48) if deep else (48, 48)
    geometry = draw_geometry(AugmentationParameters(), patch, np.random.default_rng(seed))
    found, ids = take_patch(image, labels, (3, 40, 40) if deep else (40, 40), patch, geometry)
    assert (np.abs(found[0] - ids)[ids >= 0] <= 0.75 + 1e-5).all()
    assert np.mean(np.rint(found[0])[ids >= 0] == ids[ids >= 0]) > 0.97


def test_all_variations_are_drawn_and_off_means_off() -> None:
    drawn = [draw_geometry(AugmentationParameters(), (64, 64), np.random.default_rng(s)) for s in range(400)]
    assert {g.mirror[1:] for g in drawn} == set(product((False, True), repeat=2))
    assert {g.quarter_turns for g in drawn} == {0, 1, 2, 3}
    warped = [g for g in drawn if g.needs_interpolation]
    assert 0.6 < len(warped) / len(drawn) < 0.8
    angles = np.degrees([g.angle for g in warped])
    assert angles.min() < -18
    assert angles.max() > 18
    assert np.abs(angles).max() <= 20
    scales = np.array([g.scale for g in warped])
    assert 0.8 <= scales.min() < 0.82
    assert 1.22 < scales.max() <= 1.25
    for seed in range(20):
        assert draw_geometry(NOTHING, (64, 64), np.random.default_rng(seed)) == Geometry()


def test_grey_values_are_left_alone_where_nothing_is_asked_for() -> None:
    image, _ = pair(20, 20)
    for seed in range(20):
        np.testing.assert_array_equal(
            vary_intensity(image.copy(), NOTHING, np.random.default_rng(seed)), image
        )


def changed(image: Any, n: int = 200, **settings: float) -> list[Any]:
    parameters = NOTHING.model_copy(update=settings)
    return [vary_intensity(image.copy(), parameters, np.random.default_rng(seed)) for seed in range(n)]


def test_brightness_adds_to_each_channel() -> None:
    image, _ = pair(8, 8)
    shifts = np.array([(found - image).mean(axis=(1, 2)) for found in changed(image, brightness=0.2)])
    assert 0.15 < np.abs(shifts).max() <= 0.2 + 1e-6
    assert 0.35 < (np.abs(shifts).max(axis=1) > 0).mean() < 0.65
    assert not np.allclose(shifts[:, 0], shifts[:, 1])


def test_contrast_keeps_the_mean_and_stretches_the_rest() -> None:
    image, _ = pair(8, 8)
    for found in changed(image, contrast=0.5):
        np.testing.assert_allclose(found.mean(axis=(1, 2)), image.mean(axis=(1, 2)), atol=1e-5)
        factors = found.std(axis=(1, 2)) / image.std(axis=(1, 2))
        assert (factors > 1 / 1.5 - 1e-4).all()
        assert (factors < 1.5 + 1e-4).all()


def test_gamma_keeps_the_ends_and_the_order() -> None:
    image, _ = pair(16, 16)
    middles = []
    for found in changed(image, gamma=0.5):
        np.testing.assert_allclose(found.min(axis=(1, 2)), image.min(axis=(1, 2)), atol=1e-5)
        np.testing.assert_allclose(found.max(axis=(1, 2)), image.max(axis=(1, 2)), atol=1e-5)
        order = np.argsort(image[0].reshape(-1))
        assert (np.diff(found[0].reshape(-1)[order]) >= -1e-5).all()
        middles.append(np.median(found[0]))
    assert min(middles) < 0.45
    assert max(middles) > 0.55


def test_noise_is_as_strong_as_asked_for() -> None:
    image, _ = pair(64, 64)
    strengths = np.array([(found - image).std() for found in changed(image, noise=0.3)])
    assert 0.25 < strengths.max() <= 0.31
    assert 0.1 < (strengths > 0).mean() < 0.4


def test_blur_is_a_gaussian_in_the_plane() -> None:
    image, _ = pair(4, 32, 32, channels=1)
    stds = np.array([found.std() / image.std() for found in changed(image, n=40, blur=2.0)])
    strongest = ndimage.gaussian_filter(image, (0, 0, 2, 2)).std() / image.std()
    assert strongest - 0.02 < stds.min() < 0.5
    assert stds.max() == pytest.approx(1)


def test_constant_patch_stays_finite() -> None:
    for found in changed(
        np.zeros((1, 8, 8), np.float32), 20, gamma=1.0, contrast=0.9, brightness=1.0, blur=5.0
    ):
        assert np.isfinite(found).all()
