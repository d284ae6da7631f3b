"""What an image file holds, as frozen descriptions that every format reads into and writes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .axes import SPATIAL, ImageSource, resolve_axes
from .units import normalise_unit

Region = tuple[slice, ...]


def _nothing_to_close() -> None:
    return None


@dataclass(frozen=True)
class OpenedImage:
    """An image in a file, read only where it is sliced. Close it, or use it in a `with` block.

    Attributes
    ----------
    array
        NumPy memory map, zarr, HDF5 or dask: anything with `shape`, `dtype` and slicing.
    axes
        Letters of "TCZYX", one per dimension; the samples of an RGB image are C.
    spacing
        Physical size of a pixel along each spatial axis (in the order of `axes`), or None if not known.
    units
        Name of the unit ("micrometer") along each spatial axis, None where not known; None with `spacing`.
    time_interval
        Seconds between two time points, or None.
    channel_names
        One per channel, or empty.
    name
        What to call it: the file's name without its suffixes.
    rgb
        Whether the last axis holds colour samples.
    labels
        Whether the file says that its values are labels.
    metadata
        What `write_image` was given as metadata, else empty.
    """

    array: Any
    axes: str
    spacing: tuple[float, ...] | None = None
    units: tuple[str | None, ...] | None = None
    time_interval: float | None = None
    channel_names: tuple[str, ...] = ()
    name: str = "image"
    rgb: bool = False
    labels: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    on_close: Callable[[], object] = field(default=_nothing_to_close, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, in the order of `axes`."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def source(self) -> ImageSource:
        """The image as the tools read it."""
        return ImageSource(self.array, self.axes, self.spacing)

    def close(self) -> None:
        """Close the file; the array cannot be read afterwards. Closing twice is harmless."""
        self.on_close()

    def __enter__(self) -> OpenedImage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class ImageSpec:
    """An image to be written: everything but its pixels. The attributes are those of OpenedImage.

    `chunks` is the shape of the pieces in which it is stored, or None for the format's own choice.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    spacing: tuple[float, ...] | None = None
    units: tuple[str | None, ...] | None = None
    time_interval: float | None = None
    channel_names: tuple[str, ...] = ()
    labels: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    name: str = "image"
    chunks: tuple[int, ...] | None = None

    @property
    def spatial_axes(self) -> str:
        """Either "YX" or "ZYX"."""
        return "".join(letter for letter in self.axes if letter in SPATIAL)

    @property
    def rgb(self) -> bool:
        """Whether the last axis is written as colour samples: 3 or 4 unnamed channels of uint8 or uint16."""
        return (
            self.axes.endswith("C")
            and self.shape[-1] in (3, 4)
            and self.dtype in (np.dtype("uint8"), np.dtype("uint16"))
            and not self.labels
            and not self.channel_names
        )

    def size_of(self, axis: str) -> tuple[float, str | None]:
        """Pixel size and unit along a spatial axis; 1 and None where not known."""
        index = self.spatial_axes.index(axis)
        return (
            1.0 if self.spacing is None else self.spacing[index],
            None if self.units is None else self.units[index],
        )


class Sink(Protocol):
    """A file that is being written, region by region."""

    chunks: tuple[int, ...]

    def write(self, region: Region, block: NDArray[Any]) -> None:
        """Store a block of the stored type and axes."""

    def finish(self) -> None:
        """Bring everything to the file and close it; may raise OSError."""

    def release(self) -> None:
        """Let go of the file, finished or not; never raises, and may be called again."""


class ImageFormat(Protocol):
    """A module that reads and writes one file format."""

    def open_file(self, path: Path, scene: int | str | None, axes: str | None) -> OpenedImage:
        """Open an image for lazy reading."""

    def stored_axes(self, spec: ImageSpec) -> str:
        """The order in which the format stores the axes."""

    def stored_dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The type in which the format stores pixels of a type."""

    def create(self, path: Path, spec: ImageSpec) -> Sink:
        """Start a file; axes, shape and type of `spec` are the stored ones."""


def checked_spec(
    shape: Sequence[int],
    dtype: Any,
    axes: str,
    spacing: Sequence[float] | None,
    units: str | Sequence[str | None] | None,
    time_interval: float | None,
    channel_names: Sequence[str],
    labels: bool,
    metadata: dict[str, Any] | None,
    name: str,
    chunks: Sequence[int] | None,
) -> ImageSpec:
    """Check everything about an image that is to be written; AxesError or InputError says what is wrong."""
    sizes = tuple(int(n) for n in shape)
    kind = np.dtype(dtype).newbyteorder("=")
    letters = resolve_axes(sizes, axes)
    n_spatial = sum(letter in SPATIAL for letter in letters)
    if 0 in sizes:
        raise InputError(f"an image without pixels cannot be written (got shape {sizes})")
    if kind.kind not in "buif" or kind.itemsize > 8:
        raise InputError(f"an image holds integers, booleans or real numbers of up to 64 bits (got {kind})")
    if labels and kind.kind not in "bui":
        raise InputError(f"labels are whole numbers: convert them with .astype('int32') (got {kind})")
    if units is not None and spacing is None:
        raise InputError(f"units need the spacing they belong to (got units {units!r} and no spacing)")
    unit_names: Sequence[str | None] | None = [units] * n_spatial if isinstance(units, str) else units
    for what, values in (("spacing", spacing), ("units", unit_names)):
        if values is not None and len(values) != n_spatial:
            raise InputError(f"{what} needs one entry per spatial axis of {letters!r} (got {values})")
    if spacing is not None and not all(math.isfinite(s) and s > 0 for s in spacing):
        raise InputError(f"spacing must be positive along every axis (got {tuple(spacing)})")
    if time_interval is not None and not (math.isfinite(time_interval) and time_interval > 0):
        raise InputError(f"time_interval must be a positive number of seconds (got {time_interval})")
    n_channels = sizes[letters.index("C")] if "C" in letters else 1
    if channel_names and len(channel_names) != n_channels:
        raise InputError(f"channel_names needs {n_channels} names here (got {list(channel_names)})")
    if chunks is not None and (len(chunks) != len(sizes) or any(int(c) < 1 for c in chunks)):
        raise InputError(f"chunks needs one positive number per axis of {letters!r} (got {tuple(chunks)})")
    return ImageSpec(
        shape=sizes,
        dtype=kind,
        axes=letters,
        spacing=None if spacing is None else tuple(float(s) for s in spacing),
        units=None if unit_names is None else tuple(normalise_unit(u) for u in unit_names),
        time_interval=float(time_interval) if time_interval is not None and "T" in letters else None,
        channel_names=tuple(str(c) for c in channel_names),
        labels=labels,
        metadata=dict(metadata or {}),
        name=name,
        chunks=None if chunks is None else tuple(min(int(c), n) for c, n in zip(chunks, sizes, strict=True)),
    )


def default_chunks(spec: ImageSpec) -> tuple[int, ...]:
    """About a quarter of a million pixels: one frame and, unless channels come last, one channel."""
    sides = {"Y": 128, "X": 128, "Z": 16} if "Z" in spec.axes else {"Y": 512, "X": 512}
    if spec.axes.endswith("C"):
        sides["C"] = spec.shape[-1]
    return tuple(min(n, sides.get(axis, 1)) for axis, n in zip(spec.axes, spec.shape, strict=True))


def as_stored(block: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert a block to the type it is stored in, or raise InputError where that would change its values."""
    if block.dtype == dtype:
        return block
    if dtype.kind == "f" and block.dtype.kind in "buif":
        return block.astype(dtype)
    if dtype.kind in "ui" and block.dtype.kind in "bui":
        limits = np.iinfo(dtype)
        if block.size and not (limits.min <= int(block.min()) and int(block.max()) <= limits.max):
            raise InputError(
                f"the values do not fit {dtype}, in which they would be stored: choose a wider type, "
                f"or .zarr or .h5 for 64 bits (got {block.min()} to {block.max()})"
            )
        return block.astype(dtype)
    raise InputError(f"these pixels cannot be stored as {dtype}: convert them first (got {block.dtype})")


def arrange(array: Any, letters: str) -> tuple[Any, str]:
    """Bring T, Z, Y and X into this order, lazily; the channel axis stays where it is."""
    wanted = iter(letter for letter in "TZYX" if letter in letters)
    target = "".join("C" if letter == "C" else next(wanted) for letter in letters)
    if target == letters:
        return array, letters
    order = [letters.index(letter) for letter in target]
    if not isinstance(array, np.ndarray):
        import dask.array

        array = dask.array.from_array(array, chunks=getattr(array, "chunks", None) or "auto")
    return array.transpose(order), target
