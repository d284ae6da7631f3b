"""Axes: what is inferred, what is refused, and that any image is read as (C, *spatial)."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_segmotif.common.axes import ImageSource, resolve_axes
from napari_segmotif.errors import AxesError, InputError


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((50, 60), "YX"),
        ((50, 60, 3), "YXC"),
        ((50, 60, 4), "YXC"),
        ((12, 50, 60), "ZYX"),
        ((12, 50, 60, 3), "ZYXC"),
        ((1, 50, 3), "ZYX"),
    ],
)
def test_axes_are_inferred_from_the_shape(shape: tuple[int, ...], axes: str) -> None:
    assert resolve_axes(shape) == axes


@pytest.mark.parametrize(
    ("shape", "annotation", "axes"),
    [
        ((2, 50, 60), (50, 60), "CYX"),
        ((50, 60, 2), (50, 60), "YXC"),
        ((3, 50, 60), (3, 50, 60), "ZYX"),
        ((50, 60, 3), (50, 60, 3), "ZYX"),
        ((12, 2, 50, 60), None, None),
        ((2, 12, 50, 60), (12, 50, 60), "CZYX"),
    ],
)
def test_an_annotation_tells_the_channel_axis(shape, annotation, axes) -> None:
    if axes is None:
        with pytest.raises(AxesError, match=r"pass axes.*\(got shape"):
            resolve_axes(shape, annotation_shape=annotation)
    else:
        assert resolve_axes(shape, annotation_shape=annotation) == axes


@pytest.mark.parametrize("axes", ["YYX", "QYX", "YX", "TZX", "YXT", "XYC", "YZX"])
def test_axes_that_cannot_be_are_refused(axes: str) -> None:
    with pytest.raises(AxesError, match=r"\(got"):
        resolve_axes((4, 5, 6), axes)


@pytest.mark.parametrize("axes", ["TCZYX", "CTZYX", "TZYXC", "TZCYX"])
def test_a_region_is_read_with_the_channels_first(axes: str) -> None:
    sizes = {"T": 3, "C": 2, "Z": 4, "Y": 5, "X": 6}
    reference = np.arange(3 * 2 * 4 * 5 * 6).reshape(3, 2, 4, 5, 6)
    image = np.transpose(reference, ["TCZYX".index(letter) for letter in axes])
    source = ImageSource.of(image, axes)
    assert (source.n_frames, source.n_channels, source.spatial_shape) == (3, 2, (4, 5, 6))
    assert source.output_axes == "TZYX"
    assert source.output_shape == tuple(sizes[letter] for letter in "TZYX")
    block = source.read(1, (slice(1, 3), slice(0, 5), slice(2, 6)))
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, reference[1, :, 1:3, 0:5, 2:6])


def test_only_the_region_of_a_lazy_image_is_computed() -> None:
    computed = []

    def make(block_info=None):
        computed.append(block_info[None]["chunk-location"])
        return np.ones((10, 10), np.uint8)

    lazy = da.map_blocks(
        make, chunks=((10,) * 10, (10,) * 10), dtype=np.uint8, meta=np.empty((0, 0), np.uint8)
    )
    ImageSource.of(lazy).read(0, (slice(15, 25), slice(0, 5)))
    assert sorted(computed) == [(1, 0), (2, 0)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    image = np.ones((8, 8))
    image[2, 3] = bad
    with pytest.raises(InputError, match=r"not finite.*\(got"):
        ImageSource.of(image).read(0, (slice(0, 8), slice(0, 8)))


@pytest.mark.parametrize("dtype", [complex, "datetime64[s]", "U3", object])
def test_values_that_are_no_numbers_are_refused(dtype) -> None:
    with pytest.raises(InputError, match=r"dtype"):
        ImageSource.of(np.zeros((8, 8), dtype))


@pytest.mark.parametrize("spacing", [(1.0,), (0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0)])
def test_a_spacing_that_cannot_be_is_refused(spacing) -> None:
    with pytest.raises(InputError, match=r"spacing.*\(got"):
        ImageSource.of(np.zeros((8, 8)), spacing=spacing)
