"""Images written region by region, in any order and larger than memory; they appear whole or not at all."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import EllipsisType, TracebackType
from typing import Any

import numpy as np

from ..errors import ImageFileError, InputError, StorageError
from .atomic import storage_error, write_atomically
from .image_paths import format_of, is_zarr, split_path
from .image_spec import ImageFormat, ImageSpec, Region, Sink, as_stored, checked_spec

_BLOCK_BYTES = 32 * 2**20

Index = int | slice | EllipsisType


class ImageWriter:
    """An image written region by region, in any order and larger than memory, in a `with` block.

    The file appears under its name when the block ends without an error; else nothing is left of it.
    Regions that were never written hold zeros. Several threads may write; one writes at a time.

    Parameters
    ----------
    path, axes, spacing, units, channel_names, time_interval, labels, metadata
        As for `write_image`.
    shape, dtype
        Of the whole image, in the order of `axes`. OME-TIFF stores bool as uint8, float16 as float32 and
        64-bit integers in 32 bits; values that do not fit raise InputError.
    chunks
        Shape of the stored pieces of .zarr and .h5; regions aligned with them are written fastest.

    Examples
    --------
    ::

        with ImageWriter("labels.zarr", (20000, 20000), "uint8", axes="YX", labels=True) as writer:
            for region in writer.blocks():
                writer[region] = predict(region)
    """

    def __init__(
        self,
        path: str | Path,
        shape: Sequence[int],
        dtype: Any,
        *,
        axes: str,
        spacing: Sequence[float] | None = None,
        units: str | Sequence[str | None] | None = None,
        channel_names: Sequence[str] = (),
        time_interval: float | None = None,
        labels: bool = False,
        metadata: dict[str, Any] | None = None,
        chunks: Sequence[int] | None = None,
    ) -> None:
        self.path, dataset = split_path(path)
        if dataset is not None:
            raise ImageFileError(f"images are written to a file of their own, dataset 'data' (got {path})")
        self._format = format_of(self.path)
        name = self.path.name.removesuffix(self.path.suffix).removesuffix(".ome")
        self._spec = checked_spec(
            shape, dtype, axes, spacing, units, time_interval, channel_names, labels, metadata, name, chunks
        )
        stored = self._format.stored_axes(self._spec)
        self._order = [self._spec.axes.index(letter) for letter in stored]
        self._stored = replace(
            self._spec,
            axes=stored,
            shape=tuple(self._spec.shape[i] for i in self._order),
            chunks=None if self._spec.chunks is None else tuple(self._spec.chunks[i] for i in self._order),
            dtype=self._format.stored_dtype(self._spec.dtype),
        )
        self._lock = threading.Lock()
        self._sink: Sink | None = None
        self._session: AbstractContextManager[Sink] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole image."""
        return self._spec.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the blocks that are expected."""
        return self._spec.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the pieces that are written fastest, in the order of `axes`."""
        chunks = self._open_sink().chunks
        return tuple(chunks[self._order.index(axis)] for axis in range(len(chunks)))

    def blocks(self) -> Iterator[Region]:
        """Regions that cover the image once, of whole chunks and of about 32 MB at most."""
        block = list(self.chunks)
        for axis in reversed(range(len(block))):
            room = _BLOCK_BYTES // max(1, math.prod(block) * self.dtype.itemsize)
            block[axis] = min(self.shape[axis], block[axis] * max(1, room))
        steps = [range(0, n, step) for n, step in zip(self.shape, block, strict=True)]
        for starts in itertools.product(*steps):
            yield tuple(slice(s, min(s + b, n)) for s, b, n in zip(starts, block, self.shape, strict=True))

    def __setitem__(self, index: Index | tuple[Index, ...], block: Any) -> None:
        """Write a block to a region of integers and slices without steps; a number fills it."""
        sink = self._open_sink()
        region, kept = _region(index, self.shape)
        full = tuple(s.stop - s.start for s in region)
        values = np.broadcast_to(np.asarray(block), tuple(full[axis] for axis in kept)).reshape(full)
        stored = as_stored(values.transpose(self._order), self._stored.dtype)
        try:
            with self._lock:
                sink.write(tuple(region[axis] for axis in self._order), stored)
        except OSError as error:
            raise storage_error(error, self.path) from error

    def __enter__(self) -> ImageWriter:
        if self._session is not None:
            raise InputError(f"an ImageWriter writes one file once: make another one (got {self.path})")
        _refuse_foreign_folder(self.path)
        self._session = _session(self._format, self.path, self._stored)
        self._sink = self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sink = None
        if self._session is None:
            return
        if error is None:
            self._session.__exit__(None, None, None)
            return
        # Only the cleaning up is wanted: an OSError of the user's own must not be taken for one of the disk.
        abandoned = _Abandoned()
        try:
            self._session.__exit__(_Abandoned, abandoned, None)
        except _Abandoned:
            return

    def _open_sink(self) -> Sink:
        if self._sink is None:
            raise InputError(f"an ImageWriter writes inside its 'with' block only (got {self.path})")
        return self._sink


class _Abandoned(BaseException):
    """The block of an ImageWriter ended with an error."""


@contextmanager
def _session(format_: ImageFormat, path: Path, spec: ImageSpec) -> Iterator[Sink]:
    with write_atomically(path) as temporary:
        sink = format_.create(temporary, spec)
        try:
            yield sink
            sink.finish()
        finally:
            sink.release()


def _region(index: Index | tuple[Index, ...], shape: tuple[int, ...]) -> tuple[Region, list[int]]:
    """Slices with start and stop for every axis, and the axes that the block has (none for an integer)."""
    items = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis not in items:
        items.append(Ellipsis)
    at = items.index(Ellipsis)
    items[at : at + 1] = [slice(None)] * (len(shape) - len(items) + 1)
    if len(items) != len(shape) or Ellipsis in items:
        raise InputError(f"one index per axis at most, for {len(shape)} axes (got {index!r})")
    region, kept = [], []
    for axis, (item, size) in enumerate(zip(items, shape, strict=True)):
        if isinstance(item, slice):
            start, stop, step = item.indices(size)
            if step != 1:
                raise InputError(f"regions are written without steps (got {item})")
            region.append(slice(start, max(start, stop)))
            kept.append(axis)
        else:
            position = int(item) + (size if int(item) < 0 else 0)  # type: ignore[arg-type]
            if not 0 <= position < size:
                raise InputError(f"the index is outside of axis {axis} with {size} entries (got {item})")
            region.append(slice(position, position + 1))
    return tuple(region), kept


def _refuse_foreign_folder(path: Path) -> None:
    """Never replace a folder that is not an image: a slip in a name must not delete somebody's data."""
    if path.is_dir() and not is_zarr(path) and any(path.iterdir()):
        raise StorageError(f"a folder that is no zarr image stands there: choose another name (got {path})")
