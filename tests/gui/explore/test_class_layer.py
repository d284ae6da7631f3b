"""Lookups paint what NumPy's indexing paints; colours have the right codes; kept images have the values."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Labels
from napari_builtins.io import napari_write_labels
from numpy.typing import NDArray

from napari_segmotif.common.progress import CancelToken, run_job
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.explore.alignment import RowIndex
from napari_segmotif.gui.explore.image.class_layer import NONE_CODE, coloring_of, column_image_job
from napari_segmotif.gui.explore.image.lookup_kernels import Lookup, fingerprint, paint
from napari_segmotif.gui.explore.image.lookup_layer import LookupArray, lookup_layer
from napari_segmotif.gui.explore.image.lookups import FrameLookups, lookup_of_frame
from napari_segmotif.gui.explore.point_colors import class_code, number_limits
from napari_segmotif.gui.layers import snapshot_image

sys.path.insert(0, str(Path(__file__).parent))

from linked_scene import label_image, movie, table_of, table_of_movie, volume

DTYPES = (np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
IMAGE = np.random.default_rng(0).integers(-3, 40, (30, 41))


def naive(labels: NDArray[Any], lut: NDArray[Any]) -> NDArray[Any]:
    """The lookup, label by label."""
    out = np.zeros(labels.shape, lut.dtype)
    for label, value in enumerate(lut):
        out[labels == label] = value
    return out


@pytest.mark.parametrize("dtype", DTYPES)
def test_paint_is_indexing(dtype: Any) -> None:
    image = np.maximum(IMAGE, 0).astype(dtype) if np.dtype(dtype).kind == "u" else IMAGE.astype(dtype)
    lut = np.arange(1, 33, dtype=np.uint8)[::-1].copy()
    lut[0] = 0
    np.testing.assert_array_equal(paint(image, Lookup(lut)), naive(image, lut))


def test_paint_uses_threads_for_large_images() -> None:
    labels = np.random.default_rng(1).integers(0, 1000, (700, 901)).astype(np.int32)
    lut = np.random.default_rng(2).integers(0, 256, 900).astype(np.uint8)
    expected = np.where(labels < 900, lut[np.minimum(labels, 899)], 0)
    np.testing.assert_array_equal(paint(labels, Lookup(lut)), expected)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_labels_too_large_to_be_indices(dtype: Any) -> None:
    keys = np.array([5, 2**33, 2**40 + 1])
    labels = np.array([[0, 5, 6], [2**33, 2**40, 2**40 + 1]], dtype)
    expected = [[0, 1, 0], [2, 0, 3]]
    np.testing.assert_array_equal(paint(labels, Lookup(np.array([1, 2, 3], np.uint8), keys)), expected)
    table = pd.DataFrame({"label": [2**40 + 1, 5]})
    lookup = lookup_of_frame(table, np.array([7, 9], np.uint8))
    assert lookup.values.size < 10
    np.testing.assert_array_equal(paint(labels, lookup), [[0, 9, 0], [0, 0, 7]])


def test_outline_is_the_rim_of_each_object() -> None:
    labels = label_image()
    lut = np.zeros(102, np.uint8)
    lut[[3, 7, 21]] = 1
    found = paint(labels, Lookup(lut), outlined=True)
    around = np.pad(labels, 1, constant_values=-1)
    neighbours = [around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]]
    rim = np.any([one != labels for one in neighbours], axis=0)
    np.testing.assert_array_equal(found, np.where(np.isin(labels, [3, 7, 21]), 1 + rim, 0))


FRAMES = movie()
WHOLE = np.where(FRAMES > 0, FRAMES * 7 % 4 + np.arange(4)[:, None, None], 0).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_lookup_array_is_sliced_like_an_array(data: st.DataObject) -> None:
    labels = np.arange(102)

    def lookup_of(frame: int) -> Lookup:
        return Lookup(np.where(labels > 0, labels * 7 % 4 + frame, 0).astype(np.uint8))

    array = LookupArray(FRAMES, lookup_of, time_axis=0)
    key = data.draw(st.one_of(*_keys(FRAMES.shape)))
    assert np.shape(array[key]) == WHOLE[key].shape
    np.testing.assert_array_equal(array[key], WHOLE[key])


def test_each_frame_has_its_own_lookup() -> None:
    table = table_of_movie(FRAMES).sample(frac=1, random_state=0).reset_index(drop=True)
    codes = np.random.default_rng(3).integers(0, 4, len(table)).astype(np.uint8)
    lookups = FrameLookups("")
    lookups.set_values(table, RowIndex(table), codes)
    whole = np.zeros(FRAMES.shape, np.uint8)
    for code, frame, label in zip(codes, table["frame"], table["label"], strict=True):
        whole[frame][FRAMES[frame] == label] = code
    np.testing.assert_array_equal(np.asarray(LookupArray(FRAMES, lookups, time_axis=0)), whole)


def _keys(shape: tuple[int, ...]) -> list[st.SearchStrategy[Any]]:
    def part(n: int) -> st.SearchStrategy[Any]:
        return st.one_of(st.integers(-n, n - 1), st.slices(n))

    return [
        part(shape[0]),
        st.tuples(*(part(n) for n in shape)),
        st.tuples(st.just(...), part(shape[2])),
        st.tuples(part(shape[0]), st.just(...)),
        st.just(np.array([2, 0])),
    ]


def test_dask_is_read_plane_by_plane() -> None:
    frames = movie()
    read: list[int] = []

    def noted(block: NDArray[Any], block_info: Any = None) -> NDArray[Any]:
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(frames, chunks=(1, -1, -1)).map_blocks(noted, dtype=frames.dtype, meta=frames[:0])
    array = LookupArray(lazy, lambda frame: Lookup(np.full(102, frame, np.uint8)), time_axis=0)
    np.testing.assert_array_equal(array[2] > 0, frames[2] >= 0)
    np.testing.assert_array_equal(array[2], 2)
    assert read == [2]  # and only once: what is shown is kept until it is edited
    array.forget()
    assert array[2, 0, 0] == 2
    assert set(read) == {2}
    assert len(read) == 2


@given(st.integers(0, 29), st.integers(0, 40), st.integers(0, 29), st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_fingerprint_tells_swapped_pixels(y: int, x: int, v: int, u: int) -> None:
    swapped = IMAGE.copy()
    swapped[y, x], swapped[v, u] = IMAGE[v, u], IMAGE[y, x]
    assert (fingerprint(swapped) == fingerprint(IMAGE)) == bool((swapped == IMAGE).all())


def test_a_lookup_layer_can_be_saved_and_duplicated(tmp_path: Path) -> None:
    labels = label_image()
    source = Labels(labels, scale=(2, 0.5), translate=(1, 2), rotate=30)
    lut = (np.arange(102) % 5).astype(np.uint8)
    layer = lookup_layer(source, lambda frame: Lookup(lut), name="classes", colors={1: "#ff0000"})
    np.testing.assert_array_equal(np.asarray(layer.data), lut[labels])
    np.testing.assert_allclose(layer._data_to_world((3, 4)), source._data_to_world((3, 4)))
    data, state, kind = layer.as_layer_data_tuple()
    path = napari_write_labels(str(tmp_path / "classes.tif"), data, state)
    np.testing.assert_array_equal(tifffile.imread(path), lut[labels])
    duplicate = Labels(copy.deepcopy(data), **{key: state[key] for key in ("name", "scale")})
    lut[:] = 0
    assert kind == "labels"
    np.testing.assert_array_equal(duplicate.data, (np.arange(102) % 5)[labels])


# --------------------------------------------------------------------------------------------- colouring
def test_classes_keep_their_numbers() -> None:
    coloring = coloring_of([2, 0, 1, 254, 255], colors={2: "#123456"}, kind="class")
    assert coloring.codes.tolist() == [2, NONE_CODE, 1, 254, 1]
    assert coloring.colors[2] == "#123456"
    assert coloring.colors[254] == class_code(254)
    assert coloring.limits is None


def test_missing_and_greyed_objects_are_grey() -> None:
    coloring = coloring_of([1.0, np.nan, 2.0], kind="class", greyed=np.array([False, False, True]))
    assert coloring.codes.tolist() == [1, NONE_CODE, NONE_CODE]
    coloring = coloring_of([1.5, np.nan, -np.inf, np.inf, 2.5])
    assert coloring.kind == "number"
    assert coloring.codes[1] == NONE_CODE
    assert coloring.codes[2] == 1
    assert coloring.codes[3] == 254


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_number_codes_rise_with_the_numbers(values: list[float]) -> None:
    numbers = np.array(values)
    coloring = coloring_of(numbers, kind="number")
    codes = coloring.codes[np.argsort(numbers, kind="stable")].astype(int)
    assert (np.diff(codes) >= 0).all()
    assert codes.min() >= 1
    assert codes.max() <= 254
    assert coloring.limits == number_limits(numbers)


def test_few_whole_numbers_are_classes_and_many_are_not() -> None:
    assert coloring_of(np.arange(5)).kind == "class"
    assert coloring_of(np.arange(500)).kind == "number"
    with pytest.raises(InputError, match=r"got 'name'"):
        coloring_of(np.array(["a", "b"]), name="name")


# ------------------------------------------------------------------------------------------ kept images
def test_the_kept_image_has_the_values() -> None:
    frames = np.stack([volume(), volume()[::-1]])
    table = pd.concat([table_of(one, "cells", t) for t, one in enumerate(frames)], ignore_index=True)
    table["score"] = np.linspace(-1, 1, len(table))
    table["cluster"] = np.arange(len(table)) * 20
    source = snapshot_image(Labels(frames))
    for column, dtype in (("cluster", np.uint16), ("score", np.float32)):
        found = run_job(
            column_image_job(source, table.sample(frac=1, random_state=0), column, roi_id="cells")
        )
        expected = np.zeros(frames.shape, dtype)
        for _, row in table.iterrows():
            expected[row["frame"]][frames[row["frame"]] == row["label"]] = row[column]
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


def test_keeping_says_what_is_missing_and_can_be_cancelled() -> None:
    labels = label_image()
    source = snapshot_image(Labels(labels))
    with pytest.raises(InputError, match="class"):
        run_job(column_image_job(source, table_of(labels), "class"))
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        run_job(column_image_job(source, table_of(labels), "cluster", cancel=token))
