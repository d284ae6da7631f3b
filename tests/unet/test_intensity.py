"""The grey-value range of a sample: what becomes 0 and 1, in small images and in huge ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.errors import InputError
from napari_segmotif.unet.training_data.intensity import IntensityRange, intensity_range, read_scaled


def test_percentiles_become_0_and_1() -> None:
    image = np.random.default_rng(0).gamma(2, 100, (60, 70)).astype(np.float32)
    ends = np.percentile(image, (1, 99.8))
    found = intensity_range(ImageSource.of(image), 0, None)
    np.testing.assert_allclose([found.low[0], found.high[0]], ends, rtol=1e-6)
    scaled = found.apply(image[np.newaxis])
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[0], (image - ends[0]) / (ends[1] - ends[0]), atol=1e-5)
    assert scaled.max() > 1  # nothing is clipped
    assert scaled.min() < 0


def test_every_channel_and_every_plane_has_a_range_of_its_own() -> None:
    rng = np.random.default_rng(1)
    factors = np.array([1, 10, 100])[:, None, None, None] * np.array([1, 3])[None, :, None, None]
    image = rng.random((3, 2, 20, 20)) * factors
    source = ImageSource.of(image, "CZYX")
    for plane in range(2):
        found = intensity_range(source, 0, plane)
        ends = np.percentile(image[:, plane].reshape(3, -1), (1, 99.8), axis=1)
        np.testing.assert_allclose([found.low, found.high], ends, rtol=1e-5)
        assert read_scaled(source, 0, plane).shape == (3, 20, 20)
    volume = intensity_range(source, 0, None)
    np.testing.assert_allclose(volume.high, np.percentile(image.reshape(3, -1), 99.8, axis=1), rtol=1e-5)


def test_frames_differ() -> None:
    movie = np.stack([np.arange(100.0).reshape(10, 10), 5 * np.arange(100.0).reshape(10, 10)])
    source = ImageSource.of(movie, "TYX")
    first, second = (read_scaled(source, frame, None) for frame in range(2))
    np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_constant_image_becomes_zeros(value: int) -> None:
    image = np.full((9, 9), value, np.uint16)
    assert not read_scaled(ImageSource.of(image), 0, None).any()


def test_few_bright_pixels_on_nothing_are_kept() -> None:
    image = np.zeros((100, 100), np.uint8)
    image[3, 4] = 200
    scaled = read_scaled(ImageSource.of(image), 0, None)
    assert scaled[0, 3, 4] == 1
    assert scaled.sum() == 1


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(0.01, 1000), shift=st.floats(-1000, 1000), seed=st.integers(0, 99))
def test_scaling_and_shifting_grey_values_changes_nothing(factor: float, shift: float, seed: int) -> None:
    image = np.random.default_rng(seed).random((16, 16))
    plain = read_scaled(ImageSource.of(image), 0, None)
    moved = read_scaled(ImageSource.of(factor * image + shift), 0, None)
    # float32 keeps 7 digits of the shifted values
    np.testing.assert_allclose(plain, moved, atol=1e-5 + 4e-7 * (abs(shift) + factor) / factor)


class _Counting:
    """A large image that is made where it is read, and counts how much of it was."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = shape, np.dtype(np.float32)
        self.n_read = 0

    def __getitem__(self, index: tuple[slice, ...]) -> Any:
        grids = np.ogrid[tuple(slice(*part.indices(n)) for part, n in zip(index, self.shape, strict=True))]
        block = sum(g / n for g, n in zip(grids, self.shape, strict=True)).astype(np.float32)
        self.n_read += block.size
        return block


@pytest.mark.parametrize("shape", [(20_000, 30_000), (300, 3000, 4000), (40, 100_000, 90)])
def test_huge_image_is_sampled_evenly(shape: tuple[int, ...]) -> None:
    image = _Counting(shape)
    found = intensity_range(ImageSource(image, "ZYX"[-len(shape) :]), 0, None)
    assert 1e5 < image.n_read <= 1 << 22
    # the sum of uniform numbers, one per axis
    uniform = np.random.default_rng(0).random((200_000, len(shape))).sum(axis=1)
    np.testing.assert_allclose(
        [found.low[0], found.high[0]], np.percentile(uniform, (1, 99.8)), atol=0.03 * len(shape)
    )
    assert intensity_range(ImageSource(image, "ZYX"[-len(shape) :]), 0, None) == found


def test_lazy_images_are_read_as_numpy_is() -> None:
    image = np.random.default_rng(0).integers(0, 4000, (4, 50, 60)).astype(np.uint16)
    lazy = zarr.array(image, chunks=(1, 25, 30))
    for plane in (None, 2):
        whole = intensity_range(ImageSource.of(image, "ZYX"), 0, plane)
        assert intensity_range(ImageSource.of(lazy, "ZYX"), 0, plane) == whole


def test_nan_is_said() -> None:
    image = np.ones((8, 8))
    image[2, 3] = np.nan
    with pytest.raises(InputError, match=r"not finite.*\(got 1 NaN"):
        intensity_range(ImageSource.of(image), 0, None)


def test_apply_keeps_differences_of_large_grey_values() -> None:
    found = IntensityRange((16_000_000.0,), (16_000_010.0,))
    np.testing.assert_allclose(found.apply(np.float32([[16_000_005.0]])), [[0.5]])
