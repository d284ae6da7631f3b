from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from napari_segmotif.common.image_io import IMAGE_SUFFIXES, find_images, is_image_path, write_image
from napari_segmotif.errors import ImageFileError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cell10.tif", "cell9.tif", "Cell1.TIF", "b.h5", "c.npy", "notes.txt", ".hidden.tif"):
        (tmp_path / name).write_bytes(b"x")
    write_image(tmp_path / "d.zarr", np.ones((4, 5), np.uint8), axes="YX")
    os.rename(write_image(tmp_path / "e.zarr", np.ones((4, 5), np.uint8), axes="YX"), tmp_path / "e")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "f.tif").write_bytes(b"x")
    return tmp_path


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_means_its_images_in_natural_order(folder: Path) -> None:
    expected = ["b.h5", "c.npy", "Cell1.TIF", "cell9.tif", "cell10.tif", "d.zarr", "e"]
    assert _names(find_images(folder)) == expected


def test_patterns_files_and_folders_mix_and_nothing_comes_twice(folder: Path) -> None:
    found = find_images(
        [folder / "cell9.tif", str(folder / "cell*.tif"), folder / "deeper", folder / "d.zarr"]
    )
    assert _names(found) == ["cell9.tif", "cell10.tif", "f.tif", "d.zarr"]


def test_a_dataset_path_stays_as_it_is(folder: Path) -> None:
    assert find_images(f"{folder}/b.h5:/raw/data") == [Path(f"{folder}/b.h5:/raw/data")]


def test_a_name_with_brackets_is_a_name_if_it_exists(tmp_path: Path) -> None:
    (tmp_path / "cell[1].tif").write_bytes(b"x")
    assert _names(find_images(tmp_path / "cell[1].tif")) == ["cell[1].tif"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.tif", "no such file"),
        ("absent", "not known: supported are"),
        ("notes.txt", "not known: supported are"),
        ("*.tiff", "no image matches"),
        ("*.txt", "no image matches"),
        ("empty", "holds no images"),
    ],
)
def test_what_is_no_image_is_refused(folder: Path, name: str, message: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(ImageFileError, match=message):
        find_images([folder / "cell9.tif", folder / name])


def test_what_an_image_path_is(folder: Path) -> None:
    assert all(
        is_image_path(f"x{suffix}") and is_image_path(f"x{suffix.upper()}") for suffix in IMAGE_SUFFIXES
    )
    assert is_image_path("x.ome.tif")
    assert is_image_path("x.h5:/a/b")
    assert is_image_path(folder / "e")
    assert not is_image_path(folder)
    assert not is_image_path("x.png")
    assert not is_image_path("x.tif:/a")
