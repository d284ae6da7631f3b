"""OME-Zarr: 0.4 (zarr v2) and 0.5 (zarr v3) for reading, 0.5 for writing; plain zarr arrays too.

The metadata is read from https://ngff.openmicroscopy.org (0.1 to 0.5); pyramids are read at full resolution.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..errors import ImageFileError
from .axes import resolve_axes
from .image_paths import is_zarr
from .image_spec import ImageSpec, OpenedImage, Region, arrange, default_chunks
from .units import normalise_unit, pixel_size, to_seconds

_OWN = "segmotif"
_VERSION = "0.5"
_AXIS_TYPE = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


def open_file(path: Path, scene: int | str | None, axes: str | None) -> OpenedImage:
    """Open the full resolution of a multiscale image, or a plain array.

    `scene` is the number of an image in a collection (bioformats2raw), or the path of a group or array
    inside.
    """
    if not is_zarr(path):
        raise ImageFileError(
            f"this folder is no zarr: it holds no zarr.json, .zgroup or .zarray (got {path})"
        )
    node = zarr.open(path, mode="r")
    if isinstance(scene, str):
        node = _child(node, scene, path)
    name = path.name.removesuffix(".zarr").removesuffix(".ome")
    if isinstance(node, zarr.Array):
        return _plain_array(node, name, axes)
    multiscales = _multiscales(node)
    if multiscales is None and _ome(node).get("bioformats2raw.layout") is not None:
        node = _child(node, str(scene if isinstance(scene, int) else 0), path)
        multiscales = _multiscales(node)
    elif isinstance(scene, int) and multiscales is not None:
        if not -len(multiscales) <= scene < len(multiscales):
            raise ImageFileError(f"{path} has {len(multiscales)} images (got scene {scene})")
        multiscales = multiscales[scene:] if scene else multiscales
    if not multiscales:
        raise ImageFileError(f"{path} is a zarr group that is no OME-Zarr image: {_what_is_inside(node)}")
    return _multiscale_image(node, multiscales[0], name, axes)


def _child(node: Any, name: str, path: Path) -> Any:
    if isinstance(node, zarr.Group) and name.strip("/") in node:
        return node[name.strip("/")]
    raise ImageFileError(f"{path} holds no such image or array: {_what_is_inside(node)} (got scene {name!r})")


def _what_is_inside(node: Any) -> str:
    if isinstance(node, zarr.Array):
        return "it is an array itself"
    if "plate" in _ome(node):
        return "it is a plate: name one of its fields, such as scene 'A/1/0'"
    names = sorted(node.array_keys()) + sorted(node.group_keys())
    return (
        f"it has no multiscales; name what to open by its path inside (got {', '.join(names) or 'nothing'})"
    )


def _ome(node: Any) -> Mapping[str, Any]:
    """The OME metadata: under "ome" since 0.5, at the top before."""
    attributes = node.attrs.asdict()
    ome = attributes.get("ome", attributes)
    return ome if isinstance(ome, Mapping) else {}


def _multiscales(node: Any) -> list[Mapping[str, Any]] | None:
    found = _ome(node).get("multiscales")
    return found if isinstance(found, list) and found else None


def _plain_array(array: Any, name: str, axes: str | None) -> OpenedImage:
    if axes is None:
        names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
        letters = "".join(str(n or "?") for n in names).upper()
        if len(letters) == array.ndim and {"Y", "X"} <= set(letters) <= set("TCZYX"):
            array, letters = arrange(array, letters)
            return OpenedImage(array, letters, name=name)
    return OpenedImage(array, resolve_axes(array.shape, axes), name=name)


def _multiscale_image(group: Any, multiscale: Mapping[str, Any], name: str, axes: str | None) -> OpenedImage:
    dataset = multiscale["datasets"][0]
    array = group[dataset["path"]]
    described = multiscale.get("axes") or list("tczyx")[-array.ndim :]  # implied before 0.3
    entries = [a if isinstance(a, Mapping) else {"name": a} for a in described]
    names = [str(entry["name"]).upper() for entry in entries]
    stored = resolve_axes(array.shape, axes) if axes else "".join(names)
    if len(stored) != array.ndim or not set(stored) <= set("TCZYX"):
        raise ImageFileError(
            f"only the axes t, c, z, y and x are understood: pass axes to name them (got {names})"
        )
    scale = _scale(dataset, array.ndim) * _scale(multiscale, array.ndim)
    # Of an axis that the caller calls something else, the scale says nothing.
    sizes = {name: float(s) for name, s, letter in zip(names, scale, stored, strict=True) if name == letter}
    units = {name: entry.get("unit") for name, entry in zip(names, entries, strict=True)}
    array, letters = arrange(array, stored)
    spatial = "".join(a for a in letters if a in "ZYX")
    spacing, unit_names = pixel_size(spatial, sizes, units)
    own = group.attrs.asdict().get(_OWN, {})
    channels = [str(c.get("label", "")) for c in _ome(group).get("omero", {}).get("channels", ())]
    n_channels = array.shape[letters.index("C")] if "C" in letters else 0
    return OpenedImage(
        array,
        letters,
        spacing,
        unit_names,
        time_interval=_time_interval(sizes, units),
        channel_names=tuple(channels) if len(channels) == n_channels and any(channels) else (),
        name=name,
        labels="image-label" in _ome(group),
        metadata=own.get("metadata", {}) if isinstance(own, Mapping) else {},
    )


def _scale(entry: Mapping[str, Any], ndim: int) -> NDArray[np.float64]:
    """The scale of a list of coordinate transformations; ones where there is none."""
    scale = np.ones(ndim)
    for transformation in entry.get("coordinateTransformations", ()):
        if transformation.get("type") == "scale" and len(transformation.get("scale", ())) == ndim:
            scale = scale * np.asarray(transformation["scale"], dtype=np.float64)
    return scale


def _time_interval(sizes: Mapping[str, float], units: Mapping[str, str | None]) -> float | None:
    if "T" not in sizes or (sizes["T"] == 1.0 and normalise_unit(units["T"]) is None):
        return None
    return to_seconds(sizes["T"], units["T"])


def stored_axes(spec: ImageSpec) -> str:
    """The order that the specification asks for: time, channel, space."""
    return "".join(letter for letter in "TCZYX" if letter in spec.axes)


def stored_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Every type is stored as it is."""
    return dtype


def create(path: Path, spec: ImageSpec) -> ZarrSink:
    """Start an OME-Zarr 0.5 image with one resolution."""
    return ZarrSink(path, spec)


class ZarrSink:
    """An OME-Zarr image that is being written."""

    def __init__(self, path: Path, spec: ImageSpec) -> None:
        self.chunks = spec.chunks or default_chunks(spec)
        group = zarr.create_group(
            path, attributes={"ome": _ome_metadata(spec), _OWN: {"metadata": spec.metadata}}, zarr_format=3
        )
        self._array = group.create_array(
            "0",
            shape=spec.shape,
            dtype=spec.dtype,
            chunks=self.chunks,
            dimension_names=list(spec.axes.lower()),
        )

    def write(self, region: Region, block: NDArray[Any]) -> None:
        """Write a block, chunk by chunk: when one fails, zarr still writes others that it began with it."""
        steps = [
            range(s.start - s.start % chunk, s.stop, chunk)
            for s, chunk in zip(region, self.chunks, strict=True)
        ]
        for corner in itertools.product(*steps):
            piece = tuple(
                slice(max(s.start, start), min(s.stop, start + chunk))
                for s, start, chunk in zip(region, corner, self.chunks, strict=True)
            )
            inside = tuple(
                slice(p.start - s.start, p.stop - s.start) for p, s in zip(piece, region, strict=True)
            )
            self._array[piece] = block[inside]

    def finish(self) -> None:
        """Nothing is left to do: each chunk is a file of its own."""
        return None

    def release(self) -> None:
        """No handle is held."""
        return None


def _ome_metadata(spec: ImageSpec) -> dict[str, Any]:
    axes, scale = [], []
    for letter in spec.axes:
        axis, size = {"name": letter.lower(), "type": _AXIS_TYPE[letter]}, 1.0
        if letter in spec.spatial_axes:
            size, unit = spec.size_of(letter)
            if unit is not None:
                axis["unit"] = unit
        elif letter == "T" and spec.time_interval is not None:
            axis["unit"], size = "second", spec.time_interval
        axes.append(axis)
        scale.append(size)
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    ome: dict[str, Any] = {
        "version": _VERSION,
        "multiscales": [{"name": spec.name, "axes": axes, "datasets": [dataset]}],
    }
    if spec.channel_names and "C" in spec.axes:
        ome["omero"] = {"channels": [_channel(name, spec.dtype) for name in spec.channel_names]}
    if spec.labels:
        ome["image-label"] = {}
    return ome


def _channel(name: str, dtype: np.dtype[Any]) -> dict[str, Any]:
    low, high = (0.0, 1.0) if dtype.kind in "fb" else (float(np.iinfo(dtype).min), float(np.iinfo(dtype).max))
    window = {"min": low, "max": high, "start": low, "end": high}
    return {"label": name, "color": "FFFFFF", "active": True, "window": window}
