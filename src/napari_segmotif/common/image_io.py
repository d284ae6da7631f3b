"""Opening and writing images: TIFF, OME-TIFF, OME-Zarr, HDF5 and NumPy files, lazily, pixel size kept.

    with open_image("cells.ome.tif") as image:
        labels = classifier.predict(image.source)
    write_image("labels.ome.zarr", labels, axes="YX", spacing=image.spacing, units=image.units, labels=True)

Files of any size are read by slicing and written region by region. NumPy's .npy keeps numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ImageFileError, SegmotifError
from .image_paths import (
    IMAGE_SUFFIXES,
    check_readable,
    find_images,
    format_of,
    is_image_path,
    split_path,
)
from .image_spec import OpenedImage, Region
from .image_writer import ImageWriter

__all__ = [
    "IMAGE_SUFFIXES",
    "ImageWriter",
    "OpenedImage",
    "find_images",
    "is_image_path",
    "open_image",
    "write_image",
]


def open_image(path: str | Path, *, scene: int | str | None = None, axes: str | None = None) -> OpenedImage:
    """Open an image for lazy reading; close it, or use it in a `with` block.

    Parameters
    ----------
    path
        .tif, .tiff, a .zarr folder, .h5, .hdf5 or .npy. "file.h5:/path" names a dataset of an HDF5 file.
    scene
        Which image of a file of several: the number or name of a TIFF series, the number of an image or a
        path inside an OME-Zarr, a dataset path in HDF5. By default the first; HDF5 must hold a single one.
    axes
        Letters of "TCZYX" that overrule what the file says or what is inferred from its shape.

    Raises
    ------
    ImageFileError
        If the file is missing, empty, cut off, of an unknown format, or holds no image, or several of which
        none is named.
    AxesError
        If the file does not say what its axes mean and the shape does not either.
    """
    file, dataset = split_path(path)
    if dataset is not None and scene is not None:
        raise ImageFileError(f"name the dataset once, in the path or as scene (got {path} and {scene!r})")
    format_ = format_of(file)
    check_readable(file)
    try:
        return format_.open_file(file, scene if dataset is None else dataset, axes)
    except SegmotifError:
        raise
    except Exception as error:
        # The readers raise whatever a damaged file makes them stumble over; here it becomes one kind.
        raise ImageFileError(
            f"{file} cannot be read: it is damaged or not what its name says "
            f"(got {type(error).__name__}: {error})"
        ) from error


def write_image(
    path: str | Path,
    array: Any,
    *,
    axes: str,
    spacing: Sequence[float] | None = None,
    units: str | Sequence[str | None] | None = None,
    channel_names: Sequence[str] = (),
    time_interval: float | None = None,
    labels: bool = False,
    metadata: dict[str, Any] | None = None,
) -> Path:
    """Write an image; the format follows from the suffix. The file appears whole or not at all.

    Parameters
    ----------
    path
        .tif, .tiff (both OME-TIFF), .zarr (OME-Zarr 0.5), .h5, .hdf5 or .npy (numbers only).
    array
        NumPy, dask, zarr or HDF5; read piece by piece.
    axes
        Letters of "TCZYX", one per dimension. OME-TIFF and OME-Zarr store the order TCZYX, except that 3 or 4
        unnamed uint8 or uint16 channels at the end are colour samples in OME-TIFF.
    spacing, units
        Pixel size along each spatial axis, and its unit for all ("micrometer") or each of them.
    channel_names
        One per channel.
    time_interval
        Seconds between time points.
    labels
        Whether the values are labels; floating-point labels are refused.
    metadata
        JSON that is kept with the image (not in .npy).

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    StorageError
        If the disk is full, the folder is missing or writing is not permitted; an older file stays whole.
    InputError
        If the values do not fit the type in which the format stores them, or the description does not fit.
    """
    if not (hasattr(array, "shape") and hasattr(array, "dtype")):
        array = np.asarray(array)
    writer = ImageWriter(
        path,
        array.shape,
        array.dtype,
        axes=axes,
        spacing=spacing,
        units=units,
        channel_names=channel_names,
        time_interval=time_interval,
        labels=labels,
        metadata=metadata,
    )
    with writer:
        for region in writer.blocks():
            writer[region] = _read(array, region)
    return writer.path


def _read(array: Any, region: Region) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(array[region])
    except OSError as error:
        raise ImageFileError(f"the image to be written cannot be read (got: {error})") from error
