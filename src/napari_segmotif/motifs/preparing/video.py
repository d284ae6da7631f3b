"""A video as every step of the motif detector reads it: (T, Y, X), block by block, never needed whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource, resolve_axes
from ...errors import AxesError, InputError

BLOCK_BYTES = 64 * 2**20
"""Frames are read in blocks of so many bytes as float32."""
_CHUNK_BYTES = 256 * 2**20  # the largest row of chunks that is held as it is stored, so that it is read once
_RGB_SAMPLES = (3, 4)


@dataclass(frozen=True)
class Video:
    """A video of one plane and one channel, read frame by frame as float32.

    Attributes
    ----------
    array
        NumPy, dask, zarr or HDF5: anything with `shape`, `dtype` and slicing.
    axes
        Its axes: "TYX", and C or Z only where they have one entry.
    """

    array: Any
    axes: str = "TYX"
    _index: tuple[int | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # None stands for the frames that are asked for, -1 for a whole axis, 0 for the only entry of another.
        places = {"T": None, "Y": -1, "X": -1}
        object.__setattr__(self, "_index", tuple(places.get(letter, 0) for letter in self.axes))

    @classmethod
    def open(cls, video: Any, axes: str | None = None) -> Video:
        """Wrap a video, or say why it is none.

        Parameters
        ----------
        video
            (T, Y, X) NumPy, dask, zarr or HDF5 array, nested lists, or an ImageSource. The first axis of an
            ImageSource without time ("ZYX") is taken for time.
        axes
            Letters of "TCZYX", one per dimension; None is "TYX". Not looked at for an ImageSource.

        Raises
        ------
        AxesError
            If it is a picture, a volume or has colours or several channels.
        InputError
            If it is empty or holds something else than integers or real numbers.
        """
        if isinstance(video, Video):
            return video
        if isinstance(video, ImageSource):
            array, letters = video.array, video.axes
        else:
            array = video if hasattr(video, "shape") and hasattr(video, "dtype") else np.asarray(video)
            letters = _letters(tuple(int(n) for n in array.shape), axes)
        shape = tuple(int(n) for n in array.shape)
        _check_numbers(array.dtype, shape)
        opened = cls(array, _one_plane(letters, shape))
        if opened.n_frames < 2:
            raise InputError(
                f"motifs need a video, and this is one frame (got axes {letters!r}, shape {shape})"
            )
        return opened

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self._size("T")

    @property
    def height(self) -> int:
        """Number of pixels along Y."""
        return self._size("Y")

    @property
    def width(self) -> int:
        """Number of pixels along X."""
        return self._size("X")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of frames and pixels: (T, Y, X)."""
        return self.n_frames, self.height, self.width

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read frames start..stop.

        Returns
        -------
        ndarray (n, Y, X), float32
            A copy that may be changed. Integers beyond 2**24 and float64 are rounded to float32.

        Raises
        ------
        InputError
            If a value is NaN or infinite.
        """
        return _finite_float32(self._stored(start, stop), max(0, start))

    def blocks(self, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Go through the video once.

        Parameters
        ----------
        max_bytes
            Largest size of a block as float32; a block has one frame at least.

        Yields
        ------
        start, frames
            Number of the first frame, and frames (n, Y, X) float32 that may be changed. Stored chunks are
            read once where a row of them has up to 256 MiB.
        """
        step = max(1, max_bytes // (4 * self.height * self.width))
        for first, last in self._reads(step):
            stored = self._stored(first, last)
            for start in range(first, last, step):
                stop = min(start + step, last)
                yield start, _finite_float32(stored[start - first : stop - first], start)

    def _reads(self, step: int) -> Iterator[tuple[int, int]]:
        """Ranges of frames that are read at once: whole rows of chunks, about `step` frames."""
        bounds = self._chunk_bounds()
        frame_bytes = self.height * self.width * np.dtype(self.array.dtype).itemsize
        largest = max(step, _CHUNK_BYTES // frame_bytes)
        start = 0
        while start < self.n_frames:
            after = int(np.searchsorted(bounds, start, side="right"))
            within = int(np.searchsorted(bounds, start + step, side="right"))
            if within > after:
                stop = int(bounds[within - 1])
            else:
                stop = int(bounds[after])
                if stop > start + largest:
                    stop = start + step
            yield start, stop
            start = stop

    def _chunk_bounds(self) -> NDArray[np.int64]:
        """Frames at which a chunk ends; every frame where the video has no chunks."""
        chunks = getattr(self.array, "chunks", None)
        along = chunks[self.axes.index("T")] if chunks else 1
        if isinstance(along, tuple):  # dask names the size of every chunk
            return np.cumsum(along, dtype=np.int64)
        return np.unique(np.append(np.arange(along, self.n_frames, along), self.n_frames))

    def _size(self, letter: str) -> int:
        return int(self.array.shape[self.axes.index(letter)])

    def _stored(self, start: int, stop: int) -> NDArray[Any]:
        frames = slice(max(0, start), min(stop, self.n_frames))
        index = tuple(frames if i is None else slice(None) if i < 0 else i for i in self._index)
        return np.asarray(self.array[index])


def check_length(video: Video, motif_length: int) -> None:
    """Raise InputError where a video is not longer than the longest motif looked for in it."""
    if video.n_frames <= motif_length:
        raise InputError(
            "the video must be longer than a motif, and should hold each motif several times: choose a "
            f"shorter motif (got {video.n_frames} frames and a motif length of {motif_length} frames)"
        )


def _letters(shape: tuple[int, ...], axes: str | None) -> str:
    """The axes of a bare array; three axes are a video unless the last looks like colours."""
    if axes is not None:
        return resolve_axes(shape, axes)
    if len(shape) == 3:
        if shape[-1] in _RGB_SAMPLES and min(shape[:-1]) > shape[-1]:
            raise AxesError(
                "this looks like one picture in colours, not a video: pass axes='TYX' if it is one and its "
                f"frames are {shape[-1]} pixels wide (got shape {shape})"
            )
        return "TYX"
    if len(shape) < 3:
        raise AxesError(
            "motifs need a video, with the axes time, Y and X: this is a single picture or less "
            f"(got shape {shape})"
        )
    raise AxesError(
        "motifs are found in one plane and one channel: pick them, as in video[:, 0], or name the axes, as "
        f"in axes='TCYX' (got shape {shape} and no axes)"
    )


def _one_plane(letters: str, shape: tuple[int, ...]) -> str:
    """The axes, T among them; AxesError where there is more than one plane or channel, or no time."""
    sizes = dict(zip(letters, shape, strict=True))
    if sizes.get("C", 1) > 1:
        raise AxesError(
            f"motifs are found in one channel: pick one channel (got {sizes['C']} channels, axes {letters!r})"
        )
    if "T" not in letters:
        if "Z" not in letters:
            raise AxesError(
                "motifs need a video, with the axes time, Y and X: this is one frame "
                f"(got axes {letters!r} and shape {shape})"
            )
        # A plain stack of pictures: files that do not name their first axis are read as "ZYX".
        return letters.replace("Z", "T")
    if sizes.get("Z", 1) > 1:
        raise AxesError(
            f"motifs are found in one plane: pick a plane (got {sizes['Z']} planes, axes {letters!r})"
        )
    return letters


def _check_numbers(dtype: Any, shape: tuple[int, ...]) -> None:
    if np.dtype(dtype).kind not in "uif":
        raise InputError(f"a video must hold integers or real numbers: convert it first (got dtype {dtype})")
    if 0 in shape:
        raise InputError(f"the video is empty (got shape {shape})")


def _finite_float32(stored: NDArray[Any], first: int) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        frames: NDArray[np.float32] = np.array(stored, dtype=np.float32, order="C")
    if stored.dtype.kind == "f" and not np.isfinite(frames).all():
        good = np.isfinite(frames).all(axis=(1, 2))
        frame = int(np.argmin(good))
        raise InputError(
            "the video holds values that are not finite: replace them first, for instance with "
            f"numpy.nan_to_num (got {int((~np.isfinite(frames[frame])).sum())} of them in frame "
            f"{first + frame})"
        )
    return frames
