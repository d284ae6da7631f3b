"""HDF5: a chunked dataset, with axes and pixel size from our own attributes, ilastik's or element_size_um."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import ImageFileError
from .axes import resolve_axes
from .image_spec import ImageSpec, OpenedImage, Region, arrange, default_chunks
from .units import normalise_unit, pixel_size

DATASET = "data"
_METADATA = "segmotif_metadata"
_VIGRA_TYPE = {"C": 1, "Z": 2, "Y": 2, "X": 2, "T": 8}  # the axis types of vigra, which ilastik writes


def open_file(path: Path, scene: int | str | None, axes: str | None) -> OpenedImage:
    """Open a dataset; `scene` is its path inside the file, needed where there are several."""
    file = h5py.File(path, "r", locking="best-effort")
    try:
        dataset = _choose_dataset(file, path, scene)
        _check_filters(dataset, path)
        return _describe(file, dataset, path, axes)
    except BaseException:
        file.close()
        raise


def _choose_dataset(file: h5py.File, path: Path, scene: int | str | None) -> h5py.Dataset:
    found: list[str] = []

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and _is_image(item):
            found.append(f"/{name}")

    file.visititems(note)
    listing = ", ".join(sorted(found)) or "none"
    if isinstance(scene, str):
        item = file.get(scene)
        if not isinstance(item, h5py.Dataset) or not _is_image(item):
            raise ImageFileError(f"{path} has no image dataset of that name: {listing} (got {scene!r})")
        return item
    if scene is not None:
        raise ImageFileError(f"name the dataset of an HDF5 file by its path: {listing} (got scene {scene})")
    if not found:
        raise ImageFileError(f"{path} holds no image: a dataset of numbers with 2 to 5 axes (got none)")
    if len(found) > 1:
        raise ImageFileError(
            f"{path} holds several images: name one, as in '{path}:{found[0]}' (got {listing})"
        )
    return file[found[0]]


def _is_image(dataset: h5py.Dataset) -> bool:
    return (
        2 <= len(dataset.shape or ()) <= 5
        and dataset.dtype.kind in "buif"
        and 0 not in dataset.shape
        and not dataset.is_scale
    )


def _check_filters(dataset: h5py.Dataset, path: Path) -> None:
    """Say now, not at the first read, that a compression is not available."""
    properties = dataset.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        code, *_, name = properties.get_filter(index)
        if not h5py.h5z.filter_avail(code):
            raise ImageFileError(
                f"{path} is compressed in a way that h5py does not know: run 'pip install hdf5plugin' and "
                f"import it first (got filter {code} {name!r})"
            )


def _describe(file: h5py.File, dataset: h5py.Dataset, path: Path, axes: str | None) -> OpenedImage:
    stored = resolve_axes(dataset.shape, axes) if axes else _axes(dataset)
    own = _own_attributes(file, dataset)
    array, letters = arrange(dataset, stored)
    spatial = "".join(a for a in letters if a in "ZYX")
    spacing, units = pixel_size(spatial, *_sizes(dataset, spatial, "".join(a for a in stored if a in "ZYX")))
    names = tuple(_text(n) for n in dataset.attrs.get("channel_names", ()))
    interval = dataset.attrs.get("time_interval")
    labels = bool(dataset.attrs.get("labels", False))
    coloured = dataset.dtype.kind == "u" and array.shape[-1] in (3, 4) and not names and not labels
    return OpenedImage(
        array,
        letters,
        spacing,
        units,
        time_interval=None if interval is None else float(interval),
        channel_names=names if "C" in letters and len(names) == array.shape[letters.index("C")] else (),
        name=path.stem if dataset.name == f"/{DATASET}" else f"{path.stem}{dataset.name.replace('/', '_')}",
        rgb=coloured and letters.endswith("C"),
        labels=labels,
        metadata=own,
        on_close=file.close,
    )


def _axes(dataset: h5py.Dataset) -> str:
    """Axes from our attribute, ilastik's axistags or dimension labels, else inferred from the shape."""
    attributes = dataset.attrs
    candidates = []
    if "axes" in attributes:
        candidates.append(_text(attributes["axes"]).upper())
    if "axistags" in attributes:
        tags = json.loads(_text(attributes["axistags"]))
        candidates.append("".join(str(axis["key"]) for axis in tags["axes"]).upper())
    candidates.append("".join(dimension.label for dimension in dataset.dims).upper())
    for letters in candidates:
        fits = len(letters) == dataset.ndim and len(set(letters)) == len(letters)
        if fits and {"Y", "X"} <= set(letters) <= set("TCZYX"):
            return letters
    return resolve_axes(dataset.shape)


def _sizes(
    dataset: h5py.Dataset, spatial: str, stored_spatial: str
) -> tuple[dict[str, float], dict[str, str | None]]:
    if "spacing" in dataset.attrs:
        spacing = np.atleast_1d(dataset.attrs["spacing"])
        units = [_text(u) for u in np.atleast_1d(dataset.attrs.get("units", [""] * len(spacing)))]
        if len(spacing) == len(units) == len(spatial):
            return (
                dict(zip(stored_spatial, map(float, spacing), strict=True)),
                {a: normalise_unit(u) for a, u in zip(stored_spatial, units, strict=True)},
            )
    if "element_size_um" in dataset.attrs:
        micrometers = [float(v) for v in np.atleast_1d(dataset.attrs["element_size_um"])]
        letters = "ZYX"[-len(micrometers) :]
        sizes = dict(zip(letters, micrometers, strict=False))
        return sizes, dict.fromkeys(sizes, "micrometer")
    return {}, {}


def _own_attributes(file: h5py.File, dataset: h5py.Dataset) -> dict[str, Any]:
    if dataset.name != f"/{DATASET}" or not isinstance(file.get(_METADATA), h5py.Dataset):
        return {}
    metadata = json.loads(_text(file[_METADATA][()]))
    return metadata if isinstance(metadata, dict) else {}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def stored_axes(spec: ImageSpec) -> str:
    """Axes are stored as they come."""
    return spec.axes


def stored_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Every type is stored as it is."""
    return dtype


def create(path: Path, spec: ImageSpec) -> Hdf5Sink:
    """Start a file with one compressed dataset, "data"."""
    return Hdf5Sink(path, spec)


class Hdf5Sink:
    """A dataset that is being written."""

    def __init__(self, path: Path, spec: ImageSpec) -> None:
        self.chunks = spec.chunks or default_chunks(spec)
        self._disk = _Disk(path)
        try:
            self._start(spec)
            self._disk.raise_error()
        except BaseException:
            self.release()
            raise

    def _start(self, spec: ImageSpec) -> None:
        self._file = h5py.File(self._disk, "w")
        self._dataset = self._file.create_dataset(
            DATASET,
            spec.shape,
            spec.dtype,
            chunks=self.chunks,
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        self._describe(spec)

    def _describe(self, spec: ImageSpec) -> None:
        attributes = self._dataset.attrs
        attributes["axes"] = spec.axes
        attributes["labels"] = spec.labels
        tags = [
            {"key": axis.lower(), "typeFlags": _VIGRA_TYPE[axis], "resolution": 0, "description": ""}
            for axis in spec.axes
        ]
        attributes["axistags"] = json.dumps({"axes": tags})
        for dimension, letter in zip(self._dataset.dims, spec.axes, strict=True):
            dimension.label = letter.lower()
        if spec.spacing is not None:
            units = spec.units or (None,) * len(spec.spacing)
            attributes["spacing"] = spec.spacing
            attributes["units"] = [unit or "" for unit in units]
            if set(units) == {"micrometer"}:
                attributes["element_size_um"] = (1.0, *spec.spacing)[-3:]
        if spec.time_interval is not None:
            attributes["time_interval"] = spec.time_interval
        if spec.channel_names:
            attributes["channel_names"] = list(spec.channel_names)
        if spec.metadata:
            self._file[_METADATA] = json.dumps(spec.metadata)

    def write(self, region: Region, block: NDArray[Any]) -> None:
        """Write a block."""
        self._dataset[region] = block
        self._disk.raise_error()

    def finish(self) -> None:
        """Write HDF5's caches and close."""
        self._file.close()
        self._disk.raise_error()

    def release(self) -> None:
        """Close both, in this order; HDF5's file is missing where it could not be started."""
        if hasattr(self, "_file"):
            self._file.close()
        self._disk.close()


class _Disk:
    """A file under HDF5 that never fails: the first error is kept, and what follows goes nowhere.

    HDF5 ends the whole process if it cannot write while it closes a file, as on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115 - closed by close
        self._error: OSError | None = None

    def raise_error(self) -> None:
        """Raise what went wrong so far, if anything did."""
        if self._error is not None:
            raise self._error

    def write(self, data: memoryview) -> int:
        """Write everything, or keep the error."""
        done = 0
        while done < len(data) and self._error is None:
            try:
                done += self._file.write(data[done:])
            except OSError as error:
                self._error = error
        return len(data)

    def read(self, size: int) -> bytes:
        """Read; zeros where nothing could be written."""
        buffer = bytearray(size)
        self.readinto(memoryview(buffer))
        return bytes(buffer)

    def readinto(self, buffer: memoryview) -> int:
        """Read; zeros where nothing could be written."""
        done = self._file.readinto(buffer)
        buffer[done:] = bytes(len(buffer) - done)
        return len(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def truncate(self, size: int) -> int:
        """Set the size, or keep the error."""
        if self._error is None:
            try:
                self._file.truncate(size)
            except OSError as error:
                self._error = error
        return size

    def flush(self) -> None:
        """Nothing is buffered."""
        return None

    def close(self) -> None:
        """Close the file."""
        self._file.close()
