"""Which paths are images, and which module reads them."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import ImageFileError
from .image_spec import ImageFormat

IMAGE_SUFFIXES = (".tif", ".tiff", ".zarr", ".h5", ".hdf5", ".npy")
_DATASET_PATH = re.compile(r"(?P<file>.+\.(?:h5|hdf5)):(?P<dataset>/?[^:]+)", re.IGNORECASE)
_ZARR_MARKERS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def is_image_path(path: str | Path) -> bool:
    """Whether the name says that this is an image; of a folder, whether it is a zarr."""
    file, _ = split_path(path)
    return file.suffix.lower() in IMAGE_SUFFIXES or is_zarr(file)


def find_images(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """List the images that files, folders and patterns name, each once, numbers sorted as numbers.

    Parameters
    ----------
    paths
        Files ("a.tif", "b.h5:/raw"), .zarr folders, other folders (their images, one level deep) or
        patterns ("*.tif").

    Raises
    ------
    ImageFileError
        If one of them does not exist, holds no image, or is no image.
    """
    found: dict[Path, None] = {}
    for given in [paths] if isinstance(paths, (str, Path)) else paths:
        found.update(dict.fromkeys(_images_of(given)))
    return list(found)


def _images_of(given: str | Path) -> list[Path]:
    file, _ = split_path(given)
    if is_image_path(given) and file.exists():
        return [Path(given)]
    if file.is_dir():
        images = [f for f in file.iterdir() if is_image_path(f) and not f.name.startswith(".")]
        if not images:
            raise ImageFileError(f"this folder holds no images: {_supported()} (got {file})")
        return sorted(images, key=_natural)
    if glob.has_magic(str(given)) and not file.exists():
        matches = [f for f in map(Path, glob.glob(str(given))) if is_image_path(f)]
        if not matches:
            raise ImageFileError(f"no image matches this pattern: {_supported()} (got {given})")
        return sorted(matches, key=_natural)
    format_of(file)
    check_readable(file)
    return [Path(given)]


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key under which image2 comes before image10."""
    pieces = re.split(r"(\d+)", str(path).lower())
    return [(1, int(piece), "") if piece.isdecimal() else (0, 0, piece) for piece in pieces]


def split_path(path: str | Path) -> tuple[Path, str | None]:
    """Split "file.h5:/dataset"; anything else is a file."""
    match = _DATASET_PATH.fullmatch(str(path))
    return (Path(match["file"]), match["dataset"]) if match else (Path(path), None)


def _supported() -> str:
    return "supported are " + ", ".join(IMAGE_SUFFIXES)


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return path.is_dir() and any((path / marker).is_file() for marker in _ZARR_MARKERS)


def format_of(path: Path) -> ImageFormat:
    """The module for a format, imported only now: each brings a library along."""
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        from . import image_formats_tiff

        return image_formats_tiff
    if suffix == ".zarr" or is_zarr(path):
        from . import image_formats_zarr

        return image_formats_zarr
    if suffix in (".h5", ".hdf5"):
        from . import image_formats_hdf5

        return image_formats_hdf5
    if suffix == ".npy":
        from . import image_formats_npy

        return image_formats_npy
    if path.is_dir():
        raise ImageFileError(f"this folder is no zarr image: name a file in it (got {path})")
    raise ImageFileError(f"images of this kind are not known: {_supported()} (got {path.name!r})")


def check_readable(path: Path) -> None:
    """Raise ImageFileError for what can be told without reading: missing, empty, or a folder."""
    if not path.exists():
        raise ImageFileError(f"there is no such file: check its name and folder (got {path})")
    if path.suffix.lower() == ".zarr" and path.is_file():
        raise ImageFileError(f"a .zarr image is a folder, and this is a file (got {path})")
    if path.suffix.lower() != ".zarr" and path.is_dir() and not is_zarr(path):
        raise ImageFileError(f"this is a folder, not an image file (got {path})")
    if path.is_file() and path.stat().st_size == 0:
        raise ImageFileError(f"this file is empty: copy or export it again (got 0 bytes in {path})")
