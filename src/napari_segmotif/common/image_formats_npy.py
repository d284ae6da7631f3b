"""NumPy's .npy files: memory-mapped for reading, written region by region.

A .npy file holds numbers and nothing else: axes are inferred from the shape (or given), and spacing,
units and channel names are lost. Any other format keeps them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ImageFileError
from .axes import resolve_axes
from .flat_file import FlatFile
from .image_spec import ImageSpec, OpenedImage


def open_file(path: Path, scene: int | str | None, axes: str | None) -> OpenedImage:
    """Map an array into memory; its axes follow `resolve_axes` where `axes` does not name them."""
    if scene is not None:
        raise ImageFileError(f"a .npy file holds one image: leave the scene out (got scene {scene!r})")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype.kind not in "buif":
        raise ImageFileError(f"{path} holds no numbers that make an image (got dtype {array.dtype})")
    letters = resolve_axes(array.shape, axes)
    rgb = letters.endswith("C") and array.shape[-1] in (3, 4) and array.dtype.kind == "u"
    return OpenedImage(array, letters, name=path.stem, rgb=rgb)


def stored_axes(spec: ImageSpec) -> str:
    """Axes are stored as they come."""
    return spec.axes


def stored_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Every type is stored as it is."""
    return dtype


def create(path: Path, spec: ImageSpec) -> FlatFile:
    """Write the header of an array of zeros, whose values follow."""
    header = {
        "descr": np.lib.format.dtype_to_descr(spec.dtype),
        "fortran_order": False,
        "shape": spec.shape,
    }
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        offset = file.seek(0, os.SEEK_CUR)
    return FlatFile(path, offset, spec.shape, spec.dtype)
