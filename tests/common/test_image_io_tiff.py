"""TIFF files as other programs write them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from napari_segmotif.common.image_io import open_image, write_image
from napari_segmotif.errors import AxesError, ImageFileError

STACK = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 16, 20), dtype=np.uint8)  # TZCYX
PLANE = STACK[0, 0, 0]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Damaged files make tifffile log what it stumbles over."""
    logger = logging.getLogger("tifffile")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


def _write(path: Path, array: np.ndarray[Any, Any], **options: Any) -> Path:
    tifffile.imwrite(path, array, **options)
    return path


def _pages(path: Path) -> Path:
    """A stack of plain pages, as a camera writes them: nothing says that they belong together."""
    with tifffile.TiffWriter(path) as writer:
        for plane in STACK[0, :, 0]:
            writer.write(plane, contiguous=False, metadata=None)
    return path


def _pyramid(path: Path) -> Path:
    full = np.random.default_rng(1).integers(0, 2**16, (3, 128, 128), dtype=np.uint16)
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 300.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.25,
        "Channel": {"Name": ["DAPI", "GFP", "RFP"]},
    }
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            full, subifds=1, tile=(32, 32), compression="zlib", photometric="minisblack", metadata=metadata
        )
        half = full[:, ::2, ::2]
        writer.write(half, subfiletype=1, tile=(32, 32), compression="zlib", photometric="minisblack")
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_an_imagej_hyperstack_keeps_axes_voxel_size_and_time(tmp_path: Path, compression: str | None) -> None:
    metadata = {"axes": "TZCYX", "spacing": 0.5, "unit": "um", "finterval": 3.0}
    path = _write(
        tmp_path / "a.tif", STACK, imagej=True, resolution=(10, 5), metadata=metadata, compression=compression
    )
    with open_image(path) as image:
        assert image.axes == "TZCYX"
        assert image.spacing == (0.5, 0.2, 0.1)
        assert image.units == ("micrometer",) * 3
        assert image.time_interval == 3.0
        assert isinstance(image.array, np.memmap) == (compression is None)
        np.testing.assert_array_equal(np.asarray(image.array[...]), STACK)


def test_imagej_without_calibration_has_no_pixel_size(tmp_path: Path) -> None:
    with open_image(_write(tmp_path / "a.tif", PLANE, imagej=True)) as image:
        assert (image.axes, image.spacing, image.units, image.time_interval) == ("YX", None, None, None)


def test_a_compressed_imagej_image_with_time_interval(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", STACK[:, 0, 0], imagej=True, metadata={"axes": "TYX", "finterval": 0.1})
    with open_image(path) as image:
        assert (image.axes, image.time_interval) == ("TYX", 0.1)


@pytest.mark.parametrize(
    ("unit", "expected"), [("CENTIMETER", (50.0, 100.0)), ("INCH", None), ("NONE", None)]
)
def test_plain_resolution_counts_in_centimeters_not_in_a_printers_inches(
    tmp_path: Path, unit: str, expected: tuple[float, float] | None
) -> None:
    path = _write(tmp_path / "a.tif", PLANE, resolution=(100, 200), resolutionunit=unit)
    with open_image(path) as image:
        assert image.spacing == (None if expected is None else pytest.approx(expected))
        assert image.units == (None if expected is None else ("micrometer", "micrometer"))


@pytest.mark.parametrize(
    ("shape", "options", "axes", "rgb"),
    [
        ((16, 20, 3), {"photometric": "rgb"}, "YXC", True),
        ((16, 20, 4), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, "YXC", True),
        ((3, 16, 20), {"photometric": "rgb", "planarconfig": "separate"}, "CYX", False),
        ((5, 16, 20, 3), {"photometric": "rgb"}, "ZYXC", True),
        ((5, 16, 20), {"photometric": "minisblack"}, "ZYX", False),
        ((16, 20), {"photometric": "minisblack"}, "YX", False),
        ((1, 20), {"photometric": "minisblack"}, "YX", False),
    ],
)
def test_plain_tiff_axes(tmp_path: Path, shape: Any, options: dict[str, Any], axes: str, rgb: bool) -> None:
    array = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    for compression in (None, "zlib"):
        with open_image(_write(tmp_path / "a.tif", array, compression=compression, **options)) as image:
            assert (image.axes, image.rgb) == (axes, rgb)
            np.testing.assert_array_equal(np.asarray(image.array[...]), array)


def test_plain_pages_are_a_z_stack_unless_told_otherwise(tmp_path: Path) -> None:
    path = _pages(tmp_path / "a.tif")
    with open_image(path) as image:
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(np.asarray(image.array[...]), STACK[0, :, 0])
    with open_image(path, axes="TYX") as image:
        assert image.axes == "TYX"


def test_axes_that_are_not_named_or_not_known_are_refused_unless_given(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", STACK[0], photometric="minisblack")
    with pytest.raises(AxesError, match=r"a\.tif does not name its axes.*pass axes.*\(got"):
        open_image(path)
    with open_image(path, axes="ZCYX") as image:
        np.testing.assert_array_equal(np.asarray(image.array[...]), STACK[0])
    angles = _write(
        tmp_path / "b.ome.tif", STACK[0, :, 0], photometric="minisblack", metadata={"axes": "AYX"}
    )
    with pytest.raises(ImageFileError, match=r"not understood: pass axes.*got 'AYX'"):
        open_image(angles)
    with open_image(angles, axes="CYX") as image:
        assert image.axes == "CYX"


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_an_ome_tiff_in_another_order_is_brought_to_tzyx(tmp_path: Path, compression: str | None) -> None:
    """Microscopes write CZT, with time fastest; the tools ask for T before Z."""
    czt = STACK.transpose(2, 1, 0, 3, 4)
    path = _write(tmp_path / "a.ome.tif", czt, metadata={"axes": "CZTYX"}, compression=compression)
    with open_image(path) as image:
        assert image.axes == "CTZYX"
        np.testing.assert_array_equal(np.asarray(image.array[...]), czt.transpose(0, 2, 1, 3, 4))
        assert image.source.n_frames == 2


def test_a_pyramid_is_opened_at_full_resolution_and_by_tile(tmp_path: Path) -> None:
    with open_image(_pyramid(tmp_path / "a.ome.tif")) as image:
        assert image.shape == (3, 128, 128)
        assert image.array.chunks == (1, 32, 32)
        assert image.channel_names == ("DAPI", "GFP", "RFP")
        assert image.units == ("nanometer", "nanometer")
        assert image.spacing == pytest.approx((250.0, 300.0))


def test_several_images_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(PLANE, metadata={"axes": "YX", "Name": "overview", "PhysicalSizeX": 2.0})
        writer.write(STACK[0, :, 0], photometric="minisblack", metadata={"axes": "ZYX", "Name": "detail"})
    with open_image(path) as image:
        assert (image.axes, image.spacing) == ("YX", (2.0, 2.0))
    for scene in (1, "detail"):
        with open_image(path, scene=scene) as image:
            assert (image.axes, image.spacing) == ("ZYX", None)
            np.testing.assert_array_equal(np.asarray(image.array[...]), STACK[0, :, 0])
    for scene in (2, -1, "absent"):
        with pytest.raises(ImageFileError, match=r"has 2 images.*overview.*detail"):
            open_image(path, scene=scene)


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    array = np.arange(320, dtype=np.uint16).reshape(16, 20)
    with open_image(_write(tmp_path / "a.tif", array, byteorder=">")) as image:
        np.testing.assert_array_equal(np.asarray(image.array[...]), array)


@pytest.mark.parametrize("kind", ["imagej", "plain", "pages", "pyramid", "compressed", "ours"])
def test_a_cut_off_file_is_refused_never_read_as_zeros(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "whole.tif"
    if kind == "ours":
        write_image(path, STACK, axes="TZCYX", spacing=(1, 2, 3), units="micrometer")
    elif kind == "pages":
        _pages(path)
    elif kind == "pyramid":
        _pyramid(path)
    else:
        options = {"imagej": {"imagej": True}, "compressed": {"compression": "zlib"}}.get(kind, {})
        _write(path, STACK[0, :, 0], photometric="minisblack", **options)
    whole = path.read_bytes()
    with open_image(path) as image:
        expected = np.asarray(image.array[...])
    for n_bytes in sorted(
        {*np.linspace(1, len(whole) - 1, 60).astype(int), *range(8, min(600, len(whole)), 47)}
    ):
        (tmp_path / "cut.tif").write_bytes(whole[:n_bytes])
        try:
            with open_image(tmp_path / "cut.tif") as image:
                np.testing.assert_array_equal(np.asarray(image.array[...]), expected)
        except ImageFileError:
            continue
        # Nothing but padding is gone, or the lower resolutions, which come last and are not used.
        assert len(whole) - n_bytes < 8 or kind == "pyramid"


def test_a_compression_without_a_decoder_names_the_package(tmp_path: Path, monkeypatch) -> None:
    path = _write(tmp_path / "a.tif", np.zeros((16, 20), np.uint8), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags["Compression"].overwrite(50003)  # a number that nobody has ever used
    with pytest.raises(ImageFileError):
        open_image(path)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags["Compression"].overwrite(32908)  # known by name, decoded by nobody
    with pytest.raises(ImageFileError, match=r"pip install imagecodecs.*got PIXARFILM"):
        open_image(path)


def test_what_is_written_is_ome_xml(tmp_path: Path) -> None:
    path = write_image(
        tmp_path / "a.tif",
        STACK[:, :, 0].astype(np.int32),
        axes="TZYX",
        spacing=(500, 100, 100),
        units="nanometer",
        time_interval=2.5,
        labels=True,
    )
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        pixels = next(e for e in ElementTree.fromstring(tif.ome_metadata).iter() if e.tag.endswith("}Pixels"))
        assert tif.series[0].axes == "TZYX"
    assert pixels.get("PhysicalSizeZ") == "500.0"
    assert pixels.get("PhysicalSizeXUnit") == "nm"
    assert pixels.get("TimeIncrement") == "2.5"
    assert pixels.get("Type") == "int32"


def test_the_data_sets_beside_the_repository_are_read(data_root: Path) -> None:
    path = sorted((data_root / "dsb2018" / "images").glob("*.tif"))[0]
    with open_image(path) as image:
        np.testing.assert_array_equal(np.asarray(image.array[...]), tifffile.imread(path))


@pytest.mark.parametrize("compression", ["lzw", "zstd", "zlib"])
def test_compressed_files_of_other_programs_are_read(tmp_path: Path, compression: str) -> None:
    image = np.random.default_rng(0).integers(0, 4000, (3, 50, 70)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "image.tif", image, compression=compression, photometric="minisblack")
    with open_image(tmp_path / "image.tif") as opened:
        np.testing.assert_array_equal(np.asarray(opened.array), image)
