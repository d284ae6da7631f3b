"""A C-ordered array inside a file, written region by region with plain writes.

A memory map would do the same with less code, but on a full disk it ends the whole process (SIGBUS) where a
plain write raises an error, and its dirty pages count as the process's memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from .image_spec import Region

_ROWS_BYTES = 4 * 2**20


class FlatFile:
    """The array at `offset` of an existing file; regions never written hold what the file held there.

    Attributes
    ----------
    chunks
        Rows of a frame that make about 4 MB: what is efficient to write at once.
    """

    def __init__(self, path: Path, offset: int, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self._file = cast(BinaryIO, open(path, "r+b"))  # noqa: SIM115 - closed by finish and release
        self._offset = offset
        self._shape = tuple(shape)
        self._dtype = np.dtype(dtype)
        self._strides = [math.prod(self._shape[axis + 1 :]) for axis in range(len(self._shape))]
        self.chunks = _rows(self._shape, self._dtype.itemsize)
        try:
            end = offset + math.prod(self._shape) * self._dtype.itemsize
            self._file.truncate(max(end, path.stat().st_size))
        except OSError:
            self._file.close()
            raise

    def write(self, region: Region, block: NDArray[Any]) -> None:
        """Write a block; each run of bytes that is contiguous in the file is one write."""
        block = np.asarray(block, dtype=self._dtype, order="C")
        starts = [s.start for s in region]
        axis = len(region) - 1  # the last axis that has more than one run
        while axis > 0 and block.shape[axis] == self._shape[axis]:
            axis -= 1
        if block.size == 0:
            return
        for index in np.ndindex(block.shape[:axis]):
            position = [start + i for start, i in zip(starts, index, strict=False)] + starts[axis:]
            element = sum(p * stride for p, stride in zip(position, self._strides, strict=True))
            self._file.seek(self._offset + element * self._dtype.itemsize)
            self._file.write(np.atleast_1d(block[index]).data.cast("B"))

    def finish(self) -> None:
        """Write what is buffered and close."""
        self._file.close()

    def release(self) -> None:
        """Close without raising: what is left in the buffer is thrown away with the file."""
        with suppress(OSError):
            self._file.close()


def _rows(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Whole trailing axes as far as they fit, part of the next one, single entries before that."""
    chunks, size = [1] * len(shape), itemsize
    for axis in reversed(range(len(shape))):
        chunks[axis] = max(1, min(shape[axis], _ROWS_BYTES // size))
        size *= chunks[axis]
        if chunks[axis] < shape[axis]:
            break
    return tuple(chunks)
