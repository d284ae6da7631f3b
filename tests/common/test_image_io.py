"""What holds for every format: round trips, laziness, bounded memory, and old files that stay whole."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segmotif.common import image_writer
from napari_segmotif.common.image_io import ImageWriter, open_image, write_image
from napari_segmotif.errors import AxesError, ImageFileError, InputError, StorageError

SUFFIXES = (".ome.tif", ".ome.zarr", ".h5", ".npy")
KEEPING = (".ome.tif", ".ome.zarr", ".h5")  # .npy holds numbers only
AXES = ("YX", "ZYX", "TYX", "CYX", "YXC", "TZYX", "CZYX", "ZYXC", "TCYX", "TYXC", "TCZYX", "TZYXC")
DTYPES = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
)
ON_DISK = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _size(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*")) if path.is_dir() else path.stat().st_size


# --------------------------------------------------------------------------------------------- round trips


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], str]:
    axes = draw(st.sampled_from(AXES))
    shape = draw(st.tuples(*[st.integers(1, 6)] * len(axes)))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    small = st.integers(0, 1) if dtype.kind == "b" else st.integers(0, 100)
    elements = small.map(dtype.type) if dtype.kind in "iu" and dtype.itemsize == 8 else None
    return draw(hnp.arrays(dtype, shape, elements=elements)), axes


@pytest.mark.parametrize("suffix", SUFFIXES)
@ON_DISK
@given(
    image=images(),
    sizes=st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3),
    unit=st.sampled_from(["micrometer", "nanometer", "millimeter", None]),
    interval=st.none() | st.floats(1e-3, 1e5),
)
def test_pixels_axes_and_pixel_size_come_back(
    tmp_path: Path, suffix: str, image: Any, sizes: list[float], unit: str | None, interval: float | None
) -> None:
    array, axes = image
    spatial = [letter for letter in axes if letter in "ZYX"]
    spacing = tuple(sizes[: len(spatial)])
    path = write_image(
        tmp_path / f"image{suffix}", array, axes=axes, spacing=spacing, units=unit, time_interval=interval
    )
    with open_image(path, axes=axes if suffix == ".npy" else None) as opened:
        order = [axes.index(letter) for letter in opened.axes]
        np.testing.assert_array_equal(np.asarray(opened.array[...]), array.transpose(order))
        assert opened.name == "image"
        assert not opened.labels
        if suffix == ".ome.tif":
            assert np.can_cast(array.dtype, opened.dtype, "same_kind") or array.dtype == bool
        else:
            assert opened.dtype == array.dtype
        if suffix in KEEPING and set(spacing) != {1.0}:
            assert opened.spacing == spacing
            assert opened.units == (unit,) * len(spatial)
            assert opened.time_interval == (interval if "T" in axes else None)


@pytest.mark.parametrize("suffix", KEEPING)
def test_channel_names_metadata_and_mixed_units_come_back(tmp_path: Path, suffix: str) -> None:
    array = np.random.default_rng(0).random((2, 3, 4, 5), dtype=np.float32)
    path = write_image(
        tmp_path / f"p{suffix}",
        array,
        axes="CZYX",
        spacing=(500.0, 0.2, 0.1),
        units=("nm", "micron", "µm"),
        channel_names=["nucleus", "back & <ground>"],
        metadata={"recipe": {"sigmas": [0.3, 1.0], "name": "é"}},
    )
    with open_image(path) as image:
        assert image.channel_names == ("nucleus", "back & <ground>")
        assert image.metadata == {"recipe": {"sigmas": [0.3, 1.0], "name": "é"}}
        assert image.units == ("micrometer",) * 3
        assert image.spacing == pytest.approx((0.5, 0.2, 0.1), rel=1e-12)
        assert image.source.n_channels == 2


@pytest.mark.parametrize("suffix", KEEPING)
def test_label_images_are_marked(tmp_path: Path, suffix: str) -> None:
    labels = np.arange(20, dtype=np.int64).reshape(4, 5)
    with open_image(write_image(tmp_path / f"l{suffix}", labels, axes="YX", labels=True)) as image:
        assert image.labels
        np.testing.assert_array_equal(np.asarray(image.array[...]), labels)
        assert image.spacing is None
        assert image.units is None


@pytest.mark.parametrize(
    ("suffix", "axes"), [(".tif", "YXC"), (".h5", "YXC"), (".npy", "YXC"), (".zarr", "CYX")]
)
def test_rgb_images_stay_rgb_where_the_format_has_it(tmp_path: Path, suffix: str, axes: str) -> None:
    array = np.random.default_rng(0).integers(0, 255, (6, 7, 3), dtype=np.uint8)
    with open_image(write_image(tmp_path / f"rgb{suffix}", array, axes="YXC")) as image:
        assert image.axes == axes
        assert image.rgb == (axes == "YXC")
        assert image.source.spatial_shape == (6, 7)


def test_an_image_copied_through_all_formats_stays_the_same(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 60_000, (2, 3, 8, 9), dtype=np.uint16)
    path = write_image(
        tmp_path / "0.tif", array, axes="TZYX", spacing=(2, 0.5, 0.25), units="micrometer", time_interval=0.5
    )
    for step, suffix in enumerate((".zarr", ".h5", ".ome.tif"), start=1):
        with open_image(path) as image:
            path = write_image(
                tmp_path / f"{step}{suffix}",
                image.array,
                axes=image.axes,
                spacing=image.spacing,
                units=image.units,
                time_interval=image.time_interval,
            )
    with open_image(path) as image:
        np.testing.assert_array_equal(np.asarray(image.array), array)
        assert (image.axes, image.spacing, image.time_interval) == ("TZYX", (2, 0.5, 0.25), 0.5)
        assert image.units == ("micrometer",) * 3


# -------------------------------------------------------------------------------------------- region writing


@pytest.mark.parametrize("suffix", SUFFIXES)
@ON_DISK
@given(data=st.data())
def test_regions_in_any_order_make_the_image(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from(("YX", "ZYX", "TYXC", "CZYX")))
    shape = data.draw(st.tuples(*[st.integers(1, 12)] * len(axes)))
    chunks = data.draw(st.none() | st.tuples(*[st.integers(1, 7)] * len(axes)))
    expected = np.zeros(shape, np.int32)
    path = tmp_path / f"regions{suffix}"
    with ImageWriter(path, shape, np.int32, axes=axes, labels=True, chunks=chunks) as writer:
        for value in range(1, data.draw(st.integers(1, 6)) + 1):
            region = tuple(
                slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))) for n in shape
            )
            block = value * 1000 + np.arange(expected[region].size, dtype=np.int32).reshape(
                expected[region].shape
            )
            expected[region] = block
            writer[region] = block
    with open_image(path, axes=axes if suffix == ".npy" else None) as image:
        order = [axes.index(letter) for letter in image.axes]
        np.testing.assert_array_equal(np.asarray(image.array[...]), expected.transpose(order))


def test_integers_ellipsis_and_single_numbers_are_indices_too(tmp_path: Path) -> None:
    expected = np.zeros((3, 4, 5), np.uint8)
    with ImageWriter(tmp_path / "a.h5", (3, 4, 5), np.uint8, axes="TYX") as writer:
        for target in (expected, writer):
            target[0] = np.full((4, 5), 1)
            target[-1, ..., 2:4] = np.full((4, 2), 2)
            target[..., 0] = 3
            target[1, 1, 1] = 4
            target[2:2] = np.zeros((0, 4, 5), np.uint8)
    with open_image(tmp_path / "a.h5") as image:
        np.testing.assert_array_equal(image.array[...], expected)


@pytest.mark.parametrize(
    ("index", "message"),
    [(np.s_[::2], "without steps"), (np.s_[0, 0, 0], "one index per axis"), (np.s_[9], "outside of axis 0")],
)
def test_an_index_that_cannot_be_written_is_refused(tmp_path: Path, index: Any, message: str) -> None:
    with (
        ImageWriter(tmp_path / "a.npy", (4, 5), np.uint8, axes="YX") as writer,
        pytest.raises(InputError, match=message),
    ):
        writer[index] = 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_blocks_cover_the_image_once(tmp_path: Path, suffix: str, monkeypatch) -> None:
    monkeypatch.setattr(image_writer, "_BLOCK_BYTES", 1000)
    counts = np.zeros((3, 40, 50), np.uint8)
    with ImageWriter(
        tmp_path / f"a{suffix}", counts.shape, "uint16", axes="TYX", chunks=(1, 8, 16)
    ) as writer:
        blocks = list(writer.blocks())
    for block in blocks:
        counts[block] += 1
    assert (counts == 1).all()
    assert suffix in (".npy", ".ome.tif") or max(counts[b].size * 2 for b in blocks) <= 1000


def test_several_threads_may_write(tmp_path: Path) -> None:
    """Blocks that share a chunk are read, changed and written again: without a lock some would be lost."""
    expected = np.arange(64 * 64, dtype=np.int32).reshape(64, 64)
    with ImageWriter(tmp_path / "a.zarr", (64, 64), np.int32, axes="YX") as writer:

        def write(rows: range) -> None:
            for row in rows:
                writer[row] = expected[row]

        threads = [threading.Thread(target=write, args=(range(start, 64, 4),)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with open_image(tmp_path / "a.zarr") as image:
        np.testing.assert_array_equal(image.array[...], expected)


# ------------------------------------------------------------------------------------- larger than memory


class Computed:
    """An image that exists only where it is sliced, and notes what was asked for."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.largest = 0

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        block = np.add.outer(*(np.arange(s.start, s.stop, dtype=np.uint16) for s in region)).astype(
            self.dtype
        )
        self.largest = max(self.largest, block.nbytes)
        return block


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_writing_needs_memory_for_a_block_not_for_the_image(tmp_path: Path, suffix: str, monkeypatch) -> None:
    monkeypatch.setattr(image_writer, "_BLOCK_BYTES", 2**20)
    image = Computed((8192, 4096), "uint16")  # 64 MB
    tracemalloc.start()
    try:
        path = write_image(tmp_path / f"big{suffix}", image, axes="YX")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image.largest <= 4 * 2**20
    assert peak < 24 * 2**20
    with open_image(path) as opened:
        np.testing.assert_array_equal(
            np.asarray(opened.array[5000:5010, 4000:4096]), image[slice(5000, 5010), slice(4000, 4096)]
        )


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows stores the zeros of a file that was never written"
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reading_a_region_of_a_huge_image_reads_little(tmp_path: Path, suffix: str) -> None:
    """20 GB, of which one corner is on the disk; a TIFF of this size must be a BigTIFF."""
    shape = (100_000, 200_000)
    with ImageWriter(tmp_path / f"huge{suffix}", shape, np.uint8, axes="YX") as writer:
        writer[99_990:, 199_990:] = np.arange(100).reshape(10, 10)
    tracemalloc.start()
    try:
        with open_image(tmp_path / f"huge{suffix}") as image:
            assert image.shape == shape
            corner = np.asarray(image.array[99_990:, 199_980:])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(corner[:, 10:], np.arange(100).reshape(10, 10))
    assert not corner[:, :10].any()
    assert peak < 32 * 2**20


def test_only_the_chunks_asked_for_are_read(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(1, 255, (64, 64), dtype=np.uint8)
    path = tmp_path / "a.zarr"
    with ImageWriter(path, array.shape, array.dtype, axes="YX", chunks=(16, 16)) as writer:
        writer[...] = array
    for chunk in (path / "0" / "c").rglob("*"):
        if chunk.is_file() and chunk.relative_to(path / "0" / "c").parts != ("2", "3"):
            chunk.write_bytes(b"destroyed")
    with open_image(path) as image:
        np.testing.assert_array_equal(image.array[32:48, 48:64], array[32:48, 48:64])


# ------------------------------------------------------------------------------------------ nothing by halves


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_in_the_block_leaves_the_old_image(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"a{suffix}", np.ones((4, 5), np.uint8), axes="YX")

    def fail_halfway(error: Exception) -> None:
        with ImageWriter(path, (4, 5), np.uint8, axes="YX") as writer:
            writer[:2] = 7
            raise error

    for error in (RuntimeError("mine"), OSError("of another file")):
        with pytest.raises(type(error)) as caught:
            fail_halfway(error)
        assert caught.value is error
    with open_image(path) as image:
        assert (np.asarray(image.array[...]) == 1).all()
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_runs_full_leaves_the_old_image(tmp_path: Path, suffix: str, file_size_limit) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1024, 1024), dtype=np.uint8)
    path = write_image(tmp_path / f"a{suffix}", np.ones((4, 5), np.uint8), axes="YX")
    with file_size_limit(100_000), pytest.raises(StorageError, match="could not be written"):
        write_image(path, noise, axes="YX")
    with open_image(path) as image:
        assert (np.asarray(image.array[...]) == 1).all()
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody replace a file that is open")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_image_can_be_written_over_itself(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"a{suffix}", np.arange(20, dtype=np.uint8).reshape(4, 5), axes="YX")
    with open_image(path) as image:
        write_image(path, image.array, axes=image.axes)
    with open_image(path) as image:
        np.testing.assert_array_equal(np.asarray(image.array[...]), np.arange(20).reshape(4, 5))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_folder_is_a_storage_error(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        write_image(tmp_path / "absent" / f"a{suffix}", np.ones((4, 5), np.uint8), axes="YX")


def test_a_folder_with_other_data_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "thesis.zarr"
    folder.mkdir()
    (folder / "chapter1.txt").write_text("precious")
    with pytest.raises(StorageError, match="no zarr image"):
        write_image(folder, np.ones((4, 5), np.uint8), axes="YX")
    assert (folder / "chapter1.txt").read_text() == "precious"


def test_a_source_that_cannot_be_read_is_not_called_a_full_disk(tmp_path: Path) -> None:
    class Broken:
        shape, dtype = (4, 5), np.dtype("uint8")

        def __getitem__(self, _: object) -> None:
            raise OSError("the network is gone")

    with pytest.raises(ImageFileError, match=r"cannot be read.*network is gone"):
        write_image(tmp_path / "a.h5", Broken(), axes="YX")
    assert os.listdir(tmp_path) == []


def test_a_writer_is_used_inside_its_block_and_once(tmp_path: Path) -> None:
    writer = ImageWriter(tmp_path / "a.npy", (4, 5), np.uint8, axes="YX")
    with pytest.raises(InputError, match="inside its 'with' block"):
        writer[0] = 1
    with writer:
        writer[0] = 1
    with pytest.raises(InputError, match="one file once"):
        writer.__enter__()


# -------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("array", "options", "error", "message"),
    [
        (np.ones((4, 5)), {"axes": "YX", "labels": True}, InputError, "labels are whole numbers"),
        (np.ones((4, 5), complex), {"axes": "YX"}, InputError, "real numbers"),
        (np.array([["a", "b"]]), {"axes": "YX"}, InputError, "real numbers"),
        (np.ones((0, 5)), {"axes": "YX"}, InputError, "without pixels"),
        (np.ones((4, 5)), {"axes": "ZYX"}, AxesError, "one letter per dimension"),
        (np.ones((4, 5)), {"axes": "YX", "spacing": (1, 2, 3)}, InputError, "one entry per spatial axis"),
        (np.ones((4, 5)), {"axes": "YX", "spacing": (1, -2)}, InputError, "positive"),
        (np.ones((4, 5)), {"axes": "YX", "spacing": (1, np.nan)}, InputError, "positive"),
        (np.ones((4, 5)), {"axes": "YX", "units": "micrometer"}, InputError, "units need the spacing"),
        (np.ones((4, 5)), {"axes": "YX", "spacing": (1, 1), "units": ["mm"]}, InputError, "one entry per"),
        (np.ones((2, 4, 5)), {"axes": "TYX", "time_interval": 0.0}, InputError, "time_interval"),
        (np.ones((2, 4, 5)), {"axes": "CYX", "channel_names": ["a"]}, InputError, "2 names"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    tmp_path: Path, array: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    for suffix in SUFFIXES:
        with pytest.raises(error, match=message):
            write_image(tmp_path / f"a{suffix}", array, **options)
    assert os.listdir(tmp_path) == []


def test_values_that_do_not_fit_the_stored_type_are_refused(tmp_path: Path) -> None:
    large = np.array([[0, 2**40]])
    with pytest.raises(InputError, match=r"do not fit int32.*0 to 1099511627776"):
        write_image(tmp_path / "a.tif", large, axes="YX")
    with open_image(write_image(tmp_path / "a.zarr", large, axes="YX")) as image:
        np.testing.assert_array_equal(image.array[...], large)
    with ImageWriter(tmp_path / "b.npy", (1, 2), np.uint8, axes="YX") as writer:
        for block in (np.array([[-1, 0]]), np.array([[0, 256]])):
            with pytest.raises(InputError, match="do not fit uint8"):
                writer[...] = block
        with pytest.raises(InputError, match="cannot be stored as uint8"):
            writer[...] = np.array([[0.5, 1.0]])


@pytest.mark.parametrize("chunks", [(1,), (0, 5), (4, 5, 6)])
def test_chunks_that_do_not_fit_are_refused(tmp_path: Path, chunks: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="chunks needs one positive number per axis"):
        ImageWriter(tmp_path / "a.zarr", (4, 5), np.uint8, axes="YX", chunks=chunks)


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".h5", ".hdf5", ".npy", ".zarr"])
def test_missing_empty_and_foreign_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with pytest.raises(ImageFileError, match="no such file"):
        open_image(path)
    if suffix != ".zarr":
        path.write_bytes(b"")
        with pytest.raises(ImageFileError, match="is empty"):
            open_image(path)
        path.write_bytes(b"this is a letter to my grandmother, not an image" * 20)
        with pytest.raises(ImageFileError, match="damaged or not what its name says"):
            open_image(path)
        path.unlink()
        path.mkdir()
        with pytest.raises(ImageFileError, match="is a folder"):
            open_image(path)
    else:
        path.write_bytes(b"no folder")
        with pytest.raises(ImageFileError, match="a folder, and this is a file"):
            open_image(path)


def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(ImageFileError, match=r"supported are \.tif, .*\.npy \(got 'a\.docx'\)"):
        open_image(tmp_path / "a.docx")
    with pytest.raises(ImageFileError, match="supported are"):
        write_image(tmp_path / "a.png", np.ones((4, 5), np.uint8), axes="YX")
    with pytest.raises(ImageFileError, match="this folder is no zarr image"):
        open_image(tmp_path)


def test_a_truncated_file_is_refused_at_once(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (20, 30, 40), dtype=np.uint8)
    for suffix in (".tif", ".h5", ".npy"):
        whole = write_image(tmp_path / f"a{suffix}", array, axes="ZYX").read_bytes()
        for n_bytes in {*np.linspace(1, len(whole) - 1, 25).astype(int), len(whole) - 1, len(whole) - 40}:
            (tmp_path / f"cut{suffix}").write_bytes(whole[:n_bytes])
            with pytest.raises(ImageFileError):
                open_image(tmp_path / f"cut{suffix}")


def test_an_npy_file_has_the_axes_of_any_array(tmp_path: Path) -> None:
    for shape, axes in {(4, 5): "YX", (6, 4, 5): "ZYX", (4, 5, 3): "YXC"}.items():
        np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
        with open_image(tmp_path / "a.npy") as image:
            assert (image.axes, image.rgb, image.spacing) == (axes, False, None)
            assert isinstance(image.array, np.memmap)
    np.save(tmp_path / "a.npy", np.zeros((6, 2, 4, 5)))
    with pytest.raises(AxesError, match="pass axes"):
        open_image(tmp_path / "a.npy")
    with open_image(tmp_path / "a.npy", axes="TCYX") as image:
        assert image.axes == "TCYX"
    np.save(tmp_path / "a.npy", np.array([[1j]]))
    with pytest.raises(ImageFileError, match="no numbers that make an image"):
        open_image(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(ImageFileError, match="cannot be read"):
        open_image(tmp_path / "a.npy")
    with pytest.raises(ImageFileError, match="leave the scene out"):
        open_image(tmp_path / "a.npy", scene=1)


def test_closing_twice_is_harmless_and_reading_after_it_is_not(tmp_path: Path) -> None:
    image = open_image(write_image(tmp_path / "a.h5", np.ones((4, 5)), axes="YX"))
    image.close()
    image.close()
    with pytest.raises((ValueError, RuntimeError)):
        image.array[0, 0]


def test_other_programs_read_what_was_written(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (3, 4, 5), dtype=np.uint8)
    for name in ("a.tif", "a.npy", "a.h5"):
        write_image(tmp_path / name, array, axes="ZYX")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["data"], array)


def test_every_type_reaches_every_format(tmp_path: Path) -> None:
    for suffix, dtype in itertools.product(SUFFIXES, DTYPES):
        array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
        with open_image(write_image(tmp_path / f"a{suffix}", array, axes="YX")) as image:
            np.testing.assert_array_equal(np.asarray(image.array[...]), array)
            assert _size(tmp_path / f"a{suffix}") > array.nbytes
