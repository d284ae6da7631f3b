"""TIFF, OME-TIFF and ImageJ hyperstacks through tifffile: memory-mapped where stored plainly, else by tile.

Everything is written as OME-TIFF, uncompressed so that regions can be written in any order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from ..errors import AxesError, ImageFileError, InputError
from .axes import resolve_axes
from .flat_file import FlatFile
from .image_spec import ImageSpec, OpenedImage, arrange
from .ome_xml import NAMESPACE, OmeImage, read_ome_image
from .tiff_integrity import check_complete
from .units import ome_symbol, pixel_size

_UNNAMED = "IQ"  # tifffile's letters for "a sequence" and "other": a stack whose axis the file does not name
# Inches are left out: they are a printer's, and say nothing about the sample.
_MICROMETERS = {3: 1e4, 4: 1e3, 5: 1.0}
_STORED = {"bool": "uint8", "float16": "float32", "int64": "int32", "uint64": "uint32"}


def open_file(path: Path, scene: int | str | None, axes: str | None) -> OpenedImage:
    """Open a series; `scene` is its number or name. Pyramids are opened at full resolution."""
    tif = tifffile.TiffFile(path)
    try:
        index = _choose_series(tif, path, scene)
        return _describe(tif, index, path, axes)
    except BaseException:
        tif.close()
        raise


def _choose_series(tif: tifffile.TiffFile, path: Path, scene: int | str | None) -> int:
    names = [series.name for series in tif.series]
    if not names:
        raise ImageFileError(f"{path} is a TIFF file without an image (got 0 series)")
    if scene is None:
        return 0
    if isinstance(scene, str):
        if scene in names:
            return names.index(scene)
    elif 0 <= scene < len(names):
        return scene
    raise ImageFileError(f"{path} has {len(names)} images, numbered from 0: {names} (got scene {scene!r})")


def _describe(tif: tifffile.TiffFile, index: int, path: Path, axes: str | None) -> OpenedImage:
    level = tif.series[index].levels[0]
    check_complete(tif, level, path)
    ome = read_ome_image(tif.ome_metadata, index) if tif.is_ome and tif.ome_metadata else OmeImage()
    array, close = _lazy(tif, level, path)
    if (own := _own_layout(ome, array)) is not None:
        array, stored = array.reshape(own[0]), own[1]
    else:
        stored = _letters(level.axes, array.shape, axes, path)
    array, letters = (array, resolve_axes(array.shape, axes)) if axes else arrange(array, stored)
    spatial = "".join(a for a in letters if a in "ZYX")
    spacing, units = pixel_size(spatial, *_sizes(tif, level, ome))
    n_channels = array.shape[letters.index("C")] if "C" in letters else 0
    photometric = level.keyframe.photometric
    coloured = photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
    return OpenedImage(
        array,
        letters,
        spacing,
        units,
        time_interval=_time_interval(tif, ome),
        channel_names=ome.channel_names if len(ome.channel_names) == n_channels else (),
        name=path.stem.removesuffix(".ome"),
        rgb=coloured and letters.endswith("C") and array.shape[-1] in (3, 4),
        labels=ome.notes.get("labels") == "true",
        metadata=ome.metadata,
        on_close=close,
    )


def _own_layout(ome: OmeImage, array: Any) -> tuple[tuple[int, ...], str] | None:
    """Shape and axes of a file of ours: tifffile leaves axes of one entry out."""
    if "axes" not in ome.notes or not isinstance(array, np.ndarray):
        return None
    shape, letters = tuple(json.loads(ome.notes["shape"])), ome.notes["axes"]
    same = [n for n in shape if n > 1] == [n for n in array.shape if n > 1]
    return (shape, letters) if same and len(letters) == len(shape) else None


def _lazy(tif: tifffile.TiffFile, level: Any, path: Path) -> tuple[Any, Any]:
    """The pixels, read when sliced, and what closes them."""
    if level.dataoffset is not None and not level.is_multifile:
        dtype = np.dtype(level.dtype).newbyteorder(tif.byteorder)
        array = np.memmap(path, dtype, "r", level.dataoffset, level.shape)
        tif.close()
        return array, lambda: None
    store = level.aszarr(level=0)

    def close() -> None:
        store.close()
        tif.close()

    return zarr.open_array(store, mode="r"), close


def _letters(raw: str, shape: tuple[int, ...], axes: str | None, path: Path) -> str:
    """The letters of tifffile as ours: samples are channels; an unnamed axis is guessed as for any array."""
    if axes is not None:
        return resolve_axes(shape, axes)
    letters = raw.replace("S", "C") if "C" not in raw else raw
    unnamed = [letter for letter in letters if letter not in "TCZYX"]
    named = [letter for letter in letters if letter in "TCZ"]
    if len(unnamed) == 1 and unnamed[0] in _UNNAMED and named and "Z" not in named:
        letters, unnamed = letters.replace(unnamed[0], "Z"), []
    if not unnamed and len(set(letters)) == len(letters):
        return letters
    if set(unnamed) <= set(_UNNAMED):
        try:
            return resolve_axes(shape)
        except AxesError as error:
            raise AxesError(f"{path} does not name its axes: {error}") from error
    raise ImageFileError(
        f"{path} has axes that are not understood: pass axes to name them with letters of 'TCZYX' "
        f"(got {raw!r} for shape {tuple(shape)})"
    )


def _sizes(
    tif: tifffile.TiffFile, level: Any, ome: OmeImage
) -> tuple[dict[str, float], dict[str, str | None]]:
    if tif.is_ome:
        return ome.sizes, ome.units
    tags = level.keyframe.tags
    imagej = tif.imagej_metadata if tif.is_imagej else None
    if imagej is not None:
        factor, unit = 1.0, str(imagej.get("unit", ""))
    else:
        factor, unit = _MICROMETERS.get(int(tags.valueof("ResolutionUnit") or 0), 0.0), "micrometer"
    sizes = {}
    for axis in "XY":
        per_unit = tags.valueof(f"{axis}Resolution")  # pixels per unit, as a fraction
        if per_unit is not None and per_unit[0] > 0:
            sizes[axis] = factor * per_unit[1] / per_unit[0]
    if imagej is not None and "spacing" in imagej:
        sizes["Z"] = float(imagej["spacing"])
    return sizes, dict.fromkeys(sizes, unit)


def _time_interval(tif: tifffile.TiffFile, ome: OmeImage) -> float | None:
    if tif.is_imagej and tif.imagej_metadata:
        interval = float(tif.imagej_metadata.get("finterval", 0.0))
        return interval if interval > 0 else None
    return ome.time_interval


def stored_axes(spec: ImageSpec) -> str:
    """Planes are Y by X; colour samples stay last, other channels come before Z."""
    if spec.rgb:
        return spec.axes
    return "".join(letter for letter in "TCZYX" if letter in spec.axes)


def stored_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """OME-TIFF has no bool, no float16 and no 64-bit integers: the nearest type, checked when written."""
    return np.dtype(_STORED.get(dtype.name, dtype))


def create(path: Path, spec: ImageSpec) -> FlatFile:
    """Start an OME-TIFF of zeros, whose pixels follow."""
    placed = tifffile.imwrite(
        path,
        shape=spec.shape,
        dtype=spec.dtype,
        ome=True,
        returnoffset=True,
        photometric="rgb" if spec.rgb else "minisblack",
        extrasamples=["unassalpha"] if spec.rgb and spec.shape[-1] == 4 else None,
        metadata=_ome_metadata(spec),
    )
    if placed is None:
        raise InputError(f"this cannot be written as OME-TIFF: write .zarr instead (got shape {spec.shape})")
    return FlatFile(path, placed[0], spec.shape, spec.dtype)


def _ome_metadata(spec: ImageSpec) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "axes": spec.axes.replace("C", "S") if spec.rgb else spec.axes,
        "Name": spec.name,
        "MapAnnotation": {
            "Namespace": NAMESPACE,
            "axes": spec.axes,
            "shape": json.dumps(spec.shape),
            "labels": json.dumps(spec.labels),
            "metadata": json.dumps(spec.metadata),
        },
    }
    if spec.spacing is not None:
        for axis in spec.spatial_axes:
            size, unit = spec.size_of(axis)
            metadata[f"PhysicalSize{axis}"] = size
            metadata[f"PhysicalSize{axis}Unit"] = ome_symbol(unit)
    if spec.time_interval is not None:
        metadata |= {"TimeIncrement": spec.time_interval, "TimeIncrementUnit": "s"}
    if spec.channel_names and "C" in spec.axes:
        metadata["Channel"] = {"Name": list(spec.channel_names)}
    return metadata
