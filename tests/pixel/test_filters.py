"""Every feature equals scipy.ndimage's filters on the mirrored image, in 2-D, 3-D and anisotropic space."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_segmotif import PixelFeatures
from napari_segmotif.common.axes import ImageSource
from napari_segmotif.pixel.filtering.feature_cache import FeatureCache
from napari_segmotif.pixel.filtering.features import DEFAULT_SIGMAS, FAMILIES
from napari_segmotif.pixel.filtering.filters import FilterBank
from napari_segmotif.pixel.filtering.tile_features import TiledImage

TOLERANCE = 3e-6
"""Of the largest pixel value, for features that are linear in it; of its square for the structure tensor."""


def computed_features(source: ImageSource, features: PixelFeatures) -> tuple[tuple[str, ...], np.ndarray]:
    """All features of a one-frame image as (n_features, *spatial), tile by tile as the classifier does."""
    bank = FilterBank(features, source.spatial_axes, source.spacing, source.n_channels)
    tiled = TiledImage(source, bank, FeatureCache(0))
    result = np.full((len(bank.names), *source.spatial_shape), np.nan, np.float32)
    for where in tiled.tiles():
        packets = tiled.features(where)
        layout = tiled.layout(where.tile)
        for column in range(len(bank.names)):
            plane = np.empty(layout.tile, np.float32)
            layout.gather(np.ascontiguousarray(packets[:, column]), plane)
            result[(column, *where.tile.inner)] = plane.reshape(where.tile.shape)
    return bank.names, result


def expected_feature(image: np.ndarray, name: str, ratios: tuple[float, ...]) -> np.ndarray:
    """The feature of this name by scipy.ndimage, in double precision, on the image extended by mirroring.

    `ratios` is sigma along each axis in pixels, divided by the sigma of the name.
    """
    family, sigma_text = name.split(" σ=")
    sigma = float(sigma_text)
    sigmas = [sigma * ratio for ratio in ratios]
    axes = [axis for axis, s in enumerate(sigmas) if s > 0]
    reach = int(6 * sigma + 3)
    margin = [(reach, reach) if axis in axes else (0, 0) for axis in range(image.ndim)]
    padded = np.pad(image.astype(float), margin, mode="symmetric")
    inside = tuple(slice(a, a + n) for (a, _), n in zip(margin, image.shape, strict=True))

    def derivative(*along: int) -> np.ndarray:
        order = [along.count(axis) for axis in range(image.ndim)]
        scale = np.prod([ratios[axis] for axis in along])
        return scale * ndimage.gaussian_filter(padded, sigmas, order=order)

    def eigenvalue(entry, number: int) -> np.ndarray:
        matrix = np.empty((*padded.shape, len(axes), len(axes)))
        for (i, a), (j, b) in itertools.product(enumerate(axes), repeat=2):
            matrix[..., i, j] = entry(a, b)
        return np.linalg.eigvalsh(matrix[inside])[..., ::-1][..., number]

    if family == "gaussian":
        return derivative()[inside]
    if family == "gradient_magnitude":
        return np.sqrt(sum(derivative(axis) ** 2 for axis in axes))[inside]
    if family == "laplacian_of_gaussian":
        return sum(derivative(axis, axis) for axis in axes)[inside]
    if family == "difference_of_gaussians":
        return (derivative() - ndimage.gaussian_filter(padded, [0.66 * s for s in sigmas]))[inside]
    number = int(family[-2])
    if family.startswith("hessian"):
        return eigenvalue(derivative, number)
    half = [0.5 * s for s in sigmas]
    return eigenvalue(lambda a, b: ndimage.gaussian_filter(derivative(a) * derivative(b), half), number)


def assert_equal_to_scipy(image, source, features, ratios) -> None:
    names, found = computed_features(source, features)
    largest = float(np.abs(image).max())
    for name, plane in zip(names, found, strict=True):
        scale = largest**2 if name.startswith("structure") else largest
        reference = expected_feature(image, name, ratios)
        error = np.abs(plane - reference).max()
        assert error <= TOLERANCE * scale, f"{name}: off by {error / scale:.2g}"


def test_all_features_equal_scipy_in_2d() -> None:
    image = np.random.default_rng(0).normal(100, 30, (70, 300)).astype(np.float32)
    everything = PixelFeatures(families=FAMILIES, sigmas=DEFAULT_SIGMAS)
    assert_equal_to_scipy(image, ImageSource.of(image), everything, (1.0, 1.0))


def test_all_features_equal_scipy_in_3d() -> None:
    image = np.random.default_rng(1).normal(100, 30, (9, 21, 40)).astype(np.float32)
    features = PixelFeatures(dimensions=3, sigmas=(0.3, 0.7, 2.0))
    assert_equal_to_scipy(image, ImageSource.of(image, "ZYX"), features, (1.0, 1.0, 1.0))


def test_sigma_is_the_same_length_along_every_axis_of_an_anisotropic_stack() -> None:
    image = np.random.default_rng(2).normal(100, 30, (10, 24, 30)).astype(np.float32)
    features = PixelFeatures(dimensions=3, sigmas=(1.0, 2.0))
    source = ImageSource.of(image, "ZYX", spacing=(0.8, 0.2, 0.2))
    assert features.sigmas_in_pixels(2.0, "ZYX", (0.8, 0.2, 0.2)) == pytest.approx((0.5, 2.0, 2.0))
    assert_equal_to_scipy(image, source, features, (0.25, 1.0, 1.0))


def test_physical_sigmas_count_the_unit_of_the_spacing() -> None:
    features = PixelFeatures(sigmas=(1.0,), sigma_unit="physical")
    assert features.sigmas_in_pixels(1.0, "YX", (0.5, 0.25)) == pytest.approx((2.0, 4.0))
    assert features.sigmas_in_pixels(1.0, "ZYX", (2.0, 0.5, 0.25)) == pytest.approx((0.0, 2.0, 4.0))


def test_planes_of_a_stack_are_filtered_alone_with_2d_filters() -> None:
    stack = np.random.default_rng(3).random((3, 20, 33)).astype(np.float32)
    features = PixelFeatures(sigmas=(1.0, 3.5))
    _, together = computed_features(ImageSource.of(stack, "ZYX"), features)
    for z, plane in enumerate(stack):
        _, alone = computed_features(ImageSource.of(plane), features)
        np.testing.assert_array_equal(together[:, z], alone)


def test_every_channel_is_filtered_by_itself() -> None:
    rgb = np.random.default_rng(4).integers(0, 255, (20, 31, 3)).astype(np.uint8)
    features = PixelFeatures(sigmas=(0.7, 1.6))
    names, together = computed_features(ImageSource.of(rgb), features)
    single = len(names) // 3
    assert names[single].startswith("channel 1: ")
    for channel in range(3):
        _, alone = computed_features(ImageSource.of(rgb[..., channel]), features)
        np.testing.assert_array_equal(together[channel * single : (channel + 1) * single], alone)


def test_selected_features_are_the_same_as_among_all() -> None:
    image = np.random.default_rng(5).random((30, 40)).astype(np.float32)
    features = PixelFeatures(sigmas=(1.0, 3.5))
    names, everything = computed_features(ImageSource.of(image), features)
    kept = (names[3], names[-1], names[0])
    smaller = features.model_copy(update={"selected": kept})
    found_names, found = computed_features(ImageSource.of(image), smaller)
    assert set(found_names) == set(kept)
    for name, plane in zip(found_names, found, strict=True):
        np.testing.assert_array_equal(plane, everything[names.index(name)])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 70), st.sampled_from((0.7, 1.6, 5.0)))
def test_images_smaller_than_a_kernel_are_mirrored_again_and_again(height, width, sigma) -> None:
    image = np.random.default_rng(6).random((height, width)).astype(np.float32)
    features = PixelFeatures(families=("gaussian", "laplacian_of_gaussian"), sigmas=(sigma,))
    _, found = computed_features(ImageSource.of(image), features)
    reference = ndimage.gaussian_filter(image.astype(float), sigma, mode="reflect")
    np.testing.assert_allclose(found[0], reference, atol=1e-5)
    assert np.isfinite(found).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(40, 120), st.integers(40, 120), st.integers(1, 4), st.integers(1, 4))
def test_features_do_not_depend_on_the_tiles(height, width, rows, columns) -> None:
    image = np.random.default_rng(7).random((height, width)).astype(np.float32)
    source = ImageSource.of(image)
    bank = FilterBank(PixelFeatures(sigmas=(0.7, 3.5)), "YX", None, 1)

    class OtherTiles(TiledImage):
        @property
        def tile_shape(self) -> tuple[int, ...]:
            return 8 * rows, 16 * columns

    planes = []
    for kind in (TiledImage, OtherTiles):
        tiled = kind(source, bank, FeatureCache(0))
        plane = np.zeros((1, height, width), np.float32)
        for where in tiled.tiles():
            part = np.empty(tiled.layout(where.tile).tile, np.float32)
            tiled.layout(where.tile).gather(np.ascontiguousarray(tiled.features(where)[:, -1]), part)
            plane[(slice(None), *where.tile.inner)] = part
        planes.append(plane)
    np.testing.assert_array_equal(*planes)


def test_a_constant_image_has_no_edges() -> None:
    names, found = computed_features(ImageSource.of(np.full((30, 30), 7.0, np.float32)), PixelFeatures())
    for name, plane in zip(names, found, strict=True):
        if name.startswith("gradient") or name.startswith("structure"):
            assert np.abs(plane).max() == 0.0
        if name.startswith("gaussian"):
            np.testing.assert_allclose(plane, 7.0, rtol=1e-6)


def test_the_smallest_sigma_has_only_a_gaussian() -> None:
    names = PixelFeatures(sigmas=DEFAULT_SIGMAS).names()
    assert [name for name in names if name.endswith("σ=0.3")] == ["gaussian σ=0.3"]
    assert len(names) == 1 + 8 * (len(DEFAULT_SIGMAS) - 1)


def test_the_default_set_has_all_scales_and_coarse_ones_as_gaussians_only() -> None:
    pairs = PixelFeatures().enabled_pairs()
    assert {sigma for _, sigma in pairs} == set(DEFAULT_SIGMAS)
    assert {family for family, sigma in pairs if sigma >= 5.0} == {"gaussian"}
    assert {family for family, sigma in pairs if sigma == 3.5} == set(FAMILIES)
    assert PixelFeatures(dimensions=3).enabled_pairs() == pairs
    assert len(PixelFeatures(sigmas=DEFAULT_SIGMAS).enabled_pairs()) > len(pairs)


@pytest.mark.parametrize(
    "bad",
    [
        {"families": ("sobel",)},
        {"sigmas": (0.0,)},
        {"sigmas": (-1.0,)},
        {"sigmas": (float("nan"),)},
        {"sigmas": ()},
        {"families": ("hessian_eigenvalues",), "sigmas": (0.3,)},
        {"dimensions": 4},
    ],
)
def test_impossible_feature_sets_are_refused(bad) -> None:
    with pytest.raises(ValueError, match="validation error"):
        PixelFeatures(**bad)


def test_single_pairs_replace_the_grid() -> None:
    features = PixelFeatures(pairs=(("gaussian", 2.0), ("gradient_magnitude", 1.0)))
    assert features.names() == ("gradient_magnitude σ=1", "gaussian σ=2")
    assert set(FAMILIES) >= {family for family, _ in features.enabled_pairs()}
