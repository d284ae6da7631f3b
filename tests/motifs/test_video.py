"""Videos: what is taken for one, what is refused and how, and that reading by blocks is reading whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.errors import AxesError, InputError
from napari_segmotif.motifs.preparing.video import Video, check_length

FRAMES = np.random.default_rng(0).normal(100, 10, (12, 7, 9)).astype(np.float32)


class CountingArray:
    """An array with chunks, which counts how often each frame is read."""

    def __init__(self, array: np.ndarray, chunks: tuple[int, ...]) -> None:
        self._array, self.chunks = array, chunks
        self.shape, self.dtype = array.shape, array.dtype
        self.reads = np.zeros(len(array), int)

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        self.reads[index[0]] += 1
        return self._array[index]


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((12, 7, 9), None),
        ((12, 7, 9), "TYX"),
        ((12, 7, 9), "ZYX"),
        ((12, 1, 7, 9), "TCYX"),
        ((1, 12, 7, 9), "CTYX"),
        ((12, 7, 9, 1), "TYXC"),
        ((12, 1, 7, 9), "TZYX"),
        ((12, 1, 1, 7, 9), "TCZYX"),
    ],
)
def test_axes_with_one_entry_are_left_out(shape: tuple[int, ...], axes: str | None) -> None:
    video = Video.open(FRAMES.reshape(shape), axes)
    assert video.shape == (12, 7, 9)
    np.testing.assert_array_equal(video.frames(2, 5), FRAMES[2:5])


def test_a_source_without_time_is_a_stack_of_frames() -> None:
    source = ImageSource.of(FRAMES)
    assert source.axes == "ZYX"
    np.testing.assert_array_equal(Video.open(source).frames(0, 12), FRAMES)
    video = Video.open(source)
    assert Video.open(video) is video


def test_lists_are_a_video() -> None:
    np.testing.assert_array_equal(Video.open(FRAMES.tolist()).frames(0, 12), FRAMES)


@pytest.mark.parametrize(
    ("array", "axes", "error", "match"),
    [
        (np.zeros((20, 30)), None, AxesError, r"single picture.*\(got shape \(20, 30\)"),
        (np.zeros((20, 30)), "YX", AxesError, r"one frame.*\(got axes 'YX'"),
        (np.zeros((1, 20, 30)), None, InputError, r"one frame \(got axes 'TYX', shape \(1, 20, 30"),
        (np.zeros(20), None, AxesError, r"time, Y and X"),
        (np.zeros((20, 30, 3)), None, AxesError, r"colours.*axes='TYX'.*\(got shape"),
        (np.zeros((20, 30, 3)), "YXC", AxesError, r"pick one channel \(got 3"),
        (np.zeros((20, 10, 30, 3)), "TYXC", AxesError, r"pick one channel \(got 3"),
        (np.zeros((20, 2, 10, 30)), "TCYX", AxesError, r"pick one channel \(got 2"),
        (np.zeros((20, 5, 10, 30)), "TZYX", AxesError, r"pick a plane \(got 5"),
        (np.zeros((20, 5, 10, 30)), None, AxesError, r"one plane and one channel.*\(got shape"),
        (np.zeros((20, 10, 30)), "TYQ", AxesError, r"letters"),
        (np.zeros((20, 10, 30), bool), None, InputError, r"integers or real.*\(got dtype bool"),
        (np.zeros((20, 10, 30), complex), None, InputError, r"\(got dtype complex128"),
        (np.zeros((20, 10, 30), object), None, InputError, r"\(got dtype object"),
        (np.zeros((20, 10, 30), "U3"), None, InputError, r"\(got dtype <U3"),
        (np.zeros((0, 10, 30)), None, InputError, r"empty \(got shape \(0, 10, 30"),
        (np.zeros((20, 0, 30)), None, InputError, r"empty \(got shape"),
    ],
)
def test_what_is_no_video_is_refused_in_words(array: Any, axes: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        Video.open(array, axes)


def test_narrow_frames_are_a_video_if_the_axes_say_so() -> None:
    narrow = FRAMES[:, :, :3]
    assert Video.open(narrow, "TYX").shape == (12, 7, 3)
    assert Video.open(FRAMES[:, :3, :3]).shape == (12, 3, 3)  # no picture is 12 × 3 pixels


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "int32", "uint64", "float16", "float64", ">f4"])
def test_every_type_of_number_becomes_float32(dtype: str) -> None:
    stored = FRAMES.round().astype(dtype)
    frames = Video.open(stored).frames(0, 12)
    assert frames.dtype == np.float32
    assert frames.dtype.isnative
    np.testing.assert_array_equal(frames, stored.astype(np.float32))


def test_frames_are_a_copy() -> None:
    stored = FRAMES.copy()
    Video.open(stored).frames(0, 3)[:] = 0
    for _, frames in Video.open(stored).blocks():
        frames[:] = 0
    np.testing.assert_array_equal(stored, FRAMES)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_refused_with_its_frame(value: float) -> None:
    stored = FRAMES.astype(np.float64)
    stored[7, 2, 3] = stored[9, 0, 0] = value
    video = Video.open(stored)
    np.testing.assert_array_equal(video.frames(0, 7), FRAMES[:7])
    for read in (lambda: video.frames(5, 12), lambda: list(video.blocks(4 * 7 * 9 * 2))):
        with pytest.raises(InputError, match=r"not finite.*\(got 1 of them in frame 7\)"):
            read()


@pytest.mark.parametrize(("n_frames", "motif_length"), [(12, 12), (12, 31)])
def test_a_video_must_be_longer_than_a_motif(n_frames: int, motif_length: int) -> None:
    check_length(Video.open(FRAMES), 11)
    with pytest.raises(InputError, match=rf"shorter motif \(got {n_frames} frames .* {motif_length} frames"):
        check_length(Video.open(FRAMES[:n_frames]), motif_length)


@settings(max_examples=40, deadline=None)
@given(
    chunks=st.tuples(st.integers(1, 12), st.integers(1, 7), st.integers(1, 9)),
    frames_per_block=st.integers(0, 13),
    kind=st.sampled_from(["numpy", "dask", "zarr", "hdf5"]),
)
def test_blocks_are_the_video(chunks: tuple[int, ...], frames_per_block: int, kind: str) -> None:
    with h5py.File("none", "w", driver="core", backing_store=False) as file:
        stored: Any = FRAMES
        if kind == "dask":
            stored = da.from_array(FRAMES, chunks=chunks)
        elif kind == "zarr":
            stored = zarr.array(FRAMES, chunks=chunks)
        elif kind == "hdf5":
            stored = file.create_dataset("data", data=FRAMES, chunks=chunks)
        blocks = list(Video.open(stored).blocks(frames_per_block * 4 * 7 * 9))
    assert [start for start, _ in blocks] == np.cumsum([0] + [len(b) for _, b in blocks[:-1]]).tolist()
    assert max(len(b) for _, b in blocks) <= max(1, frames_per_block)
    np.testing.assert_array_equal(np.concatenate([b for _, b in blocks]), FRAMES)


def test_chunks_too_large_to_hold_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_segmotif.motifs.preparing.video._CHUNK_BYTES", 4 * 7 * 9 * 4)
    stored = CountingArray(FRAMES, (12, 7, 9))
    blocks = list(Video.open(stored).blocks(3 * 4 * 7 * 9))
    assert [len(frames) for _, frames in blocks] == [3, 3, 3, 3]
    np.testing.assert_array_equal(np.concatenate([b for _, b in blocks]), FRAMES)


@pytest.mark.parametrize("chunk", [1, 2, 5, 12])
@pytest.mark.parametrize("frames_per_block", [1, 3, 4, 12])
def test_each_chunk_is_read_once(chunk: int, frames_per_block: int) -> None:
    stored = CountingArray(FRAMES, (chunk, 7, 9))
    sizes = [len(frames) for _, frames in Video.open(stored).blocks(frames_per_block * 4 * 7 * 9)]
    assert sum(sizes) == 12
    assert (stored.reads == 1).all()


def test_uneven_dask_chunks_are_read_once() -> None:
    computed = []

    def read(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        computed.append(block_info[0]["array-location"][0])
        return block

    array = da.from_array(FRAMES, chunks=((5, 1, 6), 7, 9)).map_blocks(
        read, dtype=FRAMES.dtype, meta=FRAMES[:0]
    )
    computed.clear()
    blocks = list(Video.open(array).blocks(4 * 4 * 7 * 9))
    assert sorted(computed) == [(0, 5), (5, 6), (6, 12)]
    np.testing.assert_array_equal(np.concatenate([b for _, b in blocks]), FRAMES)


def test_a_memory_map_is_not_read_before_it_is_needed(tmp_path: Path) -> None:
    np.save(tmp_path / "video.npy", FRAMES)
    video = Video.open(np.load(tmp_path / "video.npy", mmap_mode="r"))
    np.testing.assert_array_equal(video.frames(3, 4), FRAMES[3:4])
