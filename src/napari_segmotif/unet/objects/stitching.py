"""Objects of an image that is too large to be decoded at once: block by block, and no object is cut.

Every block is decoded with a margin around it, and keeps what lies in the block itself. An object that
several blocks see is recognised by its first pixel in the image. What reaches beyond the margin makes the
margin grow, and in the end is joined at the blocks' borders. Numbers are given when all objects are known, in
the order of their first pixels: they depend on the image alone.
"""

from __future__ import annotations

import math
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...common.progress import CancelToken, Job, Progress
from ...common.tiling import Tile, tile_grid
from ...errors import InputError, StorageError
from ..network.heads import Heads
from .decoding import Decoder
from .decoding_votes import vote_scale

Region = tuple[slice, ...]
Labels = NDArray[np.int32]
Ints = NDArray[np.int64]

_AT_ONCE = 1 << 22  # pixels that are decoded without blocks
_BLOCK_2D = 1024
_PIXELS_3D = 1 << 21
_SIDE_3D = 128
_MARGIN = {2: 128, 3: 32}
_GROWTH = 4  # a margin grows to so many times itself, or to half a block
_IN_MEMORY = 1 << 26  # bytes of packed blocks before they go to a temporary file


class Writable(Protocol):
    """An array that is written region by region, and never read."""

    def __setitem__(self, region: Any, values: Any, /) -> None: ...


def instances_by_blocks(
    read_maps: Callable[[Region], NDArray[Any]],
    shape: Sequence[int],
    decoder: Decoder,
    heads: Heads,
    spacing: Sequence[float] | None,
    out: Writable,
    *,
    block: int | None = None,
    margin: int | None = None,
    first_id: int = 1,
    cancel: CancelToken | None = None,
) -> Job[int]:
    """Make objects block by block, with the same numbers as at once, as a job.

    Parameters
    ----------
    read_maps
        Gives the maps (n_maps, *region) of a region, one slice for each of the D spatial axes. A pixel's maps
        must not depend on the region.
    shape
        Of the image, along its D spatial axes.
    decoder
        How objects are made.
    heads
        What the maps are.
    spacing
        Physical size of a pixel along each of the D spatial axes.
    out
        Takes `out[region] = labels`, int32. It is written once all objects are known, and never read.
    block
        Side of the blocks in pixels; by default 1024 in two dimensions, in three what 2 million pixels allow.
        Images of up to 4 million pixels are then decoded at once.
    margin
        How far to look around a block, in pixels of the finest axis: about the size of the objects. It grows
        where objects are larger, up to four times this or half a block; what is larger still is joined.
    first_id
        Number of the first object.
    cancel
        Looked at in every block.

    Returns
    -------
    int
        How many objects there are: they are numbered `first_id`, `first_id` + 1, … in the order of their
        first pixels.

    Raises
    ------
    InputError
        For a block or margin that is not positive, or maps that do not fit.
    StorageError
        If blocks do not fit into the folder for temporary files.
    JobCancelled
        `out` may then be written in part, or not at all.
    """
    if (block is not None and block < 1) or (margin is not None and margin < 1):
        raise InputError(f"block and margin must be 1 or more (got {block} and {margin})")
    sizes = tuple(int(n) for n in shape)
    if math.prod(sizes) == 0:
        return 0
    sides = _sides(sizes, block)
    seams = _Seams(sizes, any_overlap=decoder.method == "components" and not decoder.split_touching)
    window = _Windows(read_maps, sizes, decoder, heads, spacing, sides, margin, grows=not seams.any_overlap)
    tiles = tile_grid(sizes, sides)
    total = len(tiles) * 1.05
    with _Shelf() as shelf:
        for done, tile in enumerate(tiles):
            yield Progress(done, total, f"objects: block {done + 1} of {len(tiles)}")
            seen, start = window.decode(tile, cancel)
            shelf.put(seams.add(tile, seen, start))
        number, n_objects = seams.numbers(decoder.minimum_size, first_id)
        for done, tile in enumerate(tiles):
            if cancel is not None:
                cancel.raise_if_cancelled()
            nodes = shelf.get(done, tile.shape)
            out[tile.inner] = number[nodes]
            yield Progress(len(tiles) + 0.05 * (done + 1), total, "writing objects")
    return n_objects


def _sides(shape: tuple[int, ...], block: int | None) -> tuple[int, ...]:
    if block is not None:
        return tuple(min(n, block) for n in shape)
    if math.prod(shape) <= _AT_ONCE:
        return shape
    if len(shape) == 2:
        return tuple(min(n, _BLOCK_2D) for n in shape)
    depth = min(shape[0], _SIDE_3D)
    side = 32 * max(1, round(math.sqrt(_PIXELS_3D / depth) / 32))
    return (depth, *(min(n, side) for n in shape[1:]))


class _Windows:
    """Decodes blocks with so much around them as their objects need."""

    def __init__(
        self,
        read_maps: Callable[[Region], NDArray[Any]],
        shape: tuple[int, ...],
        decoder: Decoder,
        heads: Heads,
        spacing: Sequence[float] | None,
        sides: tuple[int, ...],
        margin: int | None,
        grows: bool,
    ) -> None:
        self._read_maps = read_maps
        self._shape = shape
        # sizes are known only when all parts of an object are
        self._decoder = decoder.model_copy(update={"minimum_size": 0})
        self._heads = heads
        self._spacing = spacing
        self._scale = vote_scale(len(shape), None if spacing is None else tuple(spacing))
        self._margin = float(margin or _MARGIN[len(shape)])
        self._largest = max(_GROWTH * self._margin, max(sides) / 2) if grows else self._margin

    def decode(self, tile: Tile, cancel: CancelToken | None) -> tuple[Labels, tuple[int, ...]]:
        """Objects of a block and around it, and where in the image they begin."""
        margin = self._margin
        while True:
            if cancel is not None:
                cancel.raise_if_cancelled()
            region = self._around(tile.inner, margin)
            labels = self._decoder(np.asarray(self._read_maps(region)), self._heads, self._spacing)
            if margin >= self._largest or self._is_enough(labels, region, tile):
                return labels, tuple(part.start for part in region)
            margin = min(2 * margin, self._largest)

    def _around(self, inner: Region, margin: float) -> Region:
        steps = [math.ceil(margin / scale) for scale in self._scale]
        return tuple(
            slice(max(0, part.start - step), min(n, part.stop + step))
            for part, step, n in zip(inner, steps, self._shape, strict=True)
        )

    def _is_enough(self, labels: Labels, region: Region, tile: Tile) -> bool:
        """Whether neither the block's objects nor their neighbours reach the border of what was looked at."""
        cut = np.zeros(int(labels.max(initial=0)) + 1, bool)
        for axis, (part, n) in enumerate(zip(region, self._shape, strict=True)):
            if part.start > 0:
                cut[np.take(labels, 0, axis=axis)] = True
            if part.stop < n:
                cut[np.take(labels, -1, axis=axis)] = True
        cut[0] = False
        if not cut.any():
            return True
        ours = np.zeros(len(cut), bool)
        ours[labels[_inside(tile.inner, region)]] = True
        ours[0] = False
        if (ours & cut).any():
            return False
        beside = np.asarray(ndi.maximum_filter(ours[labels], size=3, mode="constant"), bool)
        return not bool(cut[labels[beside]].any())


@dataclass
class _Seams:
    """What blocks say of the same objects, put together.

    A node is one object as one block sees it; node 0 is the background.
    """

    shape: tuple[int, ...]
    any_overlap: bool
    _keys: list[Ints] = field(default_factory=lambda: [np.array([-1])])
    _sizes: list[Ints] = field(default_factory=lambda: [np.array([0])])
    _joined: list[Ints] = field(default_factory=list)
    _faces: dict[tuple[int, tuple[int, ...]], Ints] = field(default_factory=dict)
    _n_nodes: int = 1

    def add(self, tile: Tile, labels: Labels, start: tuple[int, ...]) -> Ints:
        """Take what a block and its margin show; return the nodes of the block's own pixels."""
        region = tuple(slice(first, first + n) for first, n in zip(start, labels.shape, strict=True))
        inner = _inside(tile.inner, region)
        sizes = np.bincount(labels[inner].reshape(-1), minlength=int(labels.max(initial=0)) + 1)
        sizes[0] = 0
        there = np.flatnonzero(sizes)
        node = np.zeros(len(sizes), np.int64)
        node[there] = np.arange(self._n_nodes, self._n_nodes + len(there))
        self._n_nodes += len(there)
        self._sizes.append(sizes[there])
        self._keys.append(self._first_pixels(labels, start)[there])
        for axis, part in enumerate(tile.inner):
            index = tile.index
            if part.start > 0:
                before = (*index[:axis], index[axis] - 1, *index[axis + 1 :])
                ours = node[labels[_strip(inner, axis, inner[axis].start)]]
                self._join(self._faces.pop((axis, before)), ours)
            if part.stop < self.shape[axis]:
                self._faces[axis, index] = node[labels[_strip(inner, axis, inner[axis].stop)]]
        return node[labels[inner]]

    def _first_pixels(self, labels: Labels, start: tuple[int, ...]) -> Ints:
        """Where in the flat image every label occurs first."""
        flat = labels.reshape(-1)
        painted = np.flatnonzero(flat)[::-1]
        first = np.zeros(int(flat.max(initial=0)) + 1, np.int64)
        first[flat[painted]] = painted
        places = np.unravel_index(first, labels.shape)
        moved = tuple(place + begin for place, begin in zip(places, start, strict=True))
        return np.ravel_multi_index(moved, self.shape).astype(np.int64)

    def _join(self, theirs: Ints, ours: Ints) -> None:
        """Join nodes of two blocks that are the same at the border between them, on both sides of it."""
        both = (theirs > 0) & (ours > 0)
        pairs, shared = np.unique(np.stack([theirs[both], ours[both]]), axis=1, return_counts=True)
        if not self.any_overlap:
            union = _counts(theirs, pairs[0]) + _counts(ours, pairs[1]) - shared
            pairs = pairs[:, 2 * shared > union]  # so each has one partner at most
        self._joined.append(pairs)

    def numbers(self, minimum_size: float, first_id: int) -> tuple[Labels, int]:
        """Number of the object of every node, 0 for those that are too small, and how many there are."""
        keys = np.concatenate(self._keys)
        same = np.unique(keys, return_inverse=True)[1].reshape(-1)
        links = np.concatenate([np.zeros((2, 0), np.int64), *self._joined], axis=1)
        ends = np.concatenate([np.stack([np.arange(len(keys)), same + len(keys)]), links], axis=1)
        n_vertices = len(keys) + int(same.max()) + 1  # the nodes, then the first pixels that they name
        graph = coo_array((np.ones(ends.shape[1], bool), (ends[0], ends[1])), shape=(n_vertices, n_vertices))
        n_groups, group = connected_components(graph, directed=False)
        group = group[: len(keys)]
        sizes = np.bincount(group, np.concatenate(self._sizes), minlength=n_groups)
        first = np.full(n_groups, np.iinfo(np.int64).max)
        np.minimum.at(first, group, keys)
        keep = sizes >= max(minimum_size, 1)
        order = np.flatnonzero(keep)[np.argsort(first[keep])]
        number = np.zeros(n_groups, np.int32)
        number[order] = np.arange(first_id, first_id + len(order))
        return number[group], len(order)


def _counts(values: Ints, wanted: Ints) -> Ints:
    """How often each of the wanted values occurs."""
    found, counts = np.unique(values, return_counts=True)
    return np.asarray(counts[np.searchsorted(found, wanted)], np.int64)


def _inside(inner: Region, region: Region) -> Region:
    """A part of the image as a part of a region of it."""
    return tuple(
        slice(part.start - around.start, part.stop - around.start)
        for part, around in zip(inner, region, strict=True)
    )


def _strip(inner: Region, axis: int, border: int) -> Region:
    """The two planes of pixels on both sides of a block's border."""
    return (*inner[:axis], slice(border - 1, border + 1), *inner[axis + 1 :])


class _Shelf:
    """Packed blocks, in memory while they are few, else in a temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (closed in __exit__)
        self._ends = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, nodes: Ints) -> None:
        """Keep one more block."""
        packed = zlib.compress(nodes.astype("<i4").tobytes(), level=1)
        try:
            self._file.write(packed)
        except OSError as error:
            raise StorageError(
                "blocks do not fit into the folder for temporary files: make room there, or set TMPDIR to "
                f"another folder (got {error})"
            ) from error
        self._ends.append(self._ends[-1] + len(packed))

    def get(self, index: int, shape: tuple[int, ...]) -> Ints:
        """One of the blocks, by the order in which they came."""
        self._file.seek(self._ends[index])
        packed = self._file.read(self._ends[index + 1] - self._ends[index])
        return np.frombuffer(zlib.decompress(packed), "<i4").astype(np.int64).reshape(shape)
