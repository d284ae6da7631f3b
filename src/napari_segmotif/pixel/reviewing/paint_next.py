"""Where to paint next in an image of any size: it is looked at tile by tile and ranked on a coarse grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ..filtering.tile_features import FrameTile, TiledImage
from ..forests.training import check_annotation
from ..prediction import normalised_entropy
from .suggestion import Suggestion, rank_regions

if TYPE_CHECKING:
    from .review import Reviewable

N_DESCRIPTORS = 6
"""So many of the most useful features tell one kind of place from another."""
MAX_CELLS = 4_000_000
"""A region with more pixels is ranked on averages of 2 x 2, 4 x 4 … 32 x 32 pixels."""


def suggest(
    classifier: Reviewable,
    image: TiledImage,
    n: int,
    annotation: Any,
    region: Sequence[slice] | None,
    cancel: CancelToken,
) -> Job[list[Suggestion]]:
    """Rank regions of an image, or of a region of it, over all its time points (see `rank_regions`)."""
    shape = image.source.output_shape
    if annotation is not None:
        check_annotation(annotation, shape)
    whole = [
        slice(*part.indices(n)[:2])
        for part, n in zip(region or [slice(None)] * len(shape), shape, strict=True)
    ]
    useful = classifier.useful_features(min(N_DESCRIPTORS, len(classifier.feature_names_)))
    columns = [classifier.feature_names_.index(name) for name in useful]
    spatial = whole[-len(image.source.spatial_axes) :]
    coarse = _CoarseGrid(spatial)
    tiles = image.tiles(whole)
    done = 0
    found: list[Suggestion] = []
    for frame, group in itertools.groupby(tiles, key=lambda where: where.frame):
        maps = np.zeros((1 + len(columns), *coarse.shape), dtype=np.float32)
        painted = np.zeros(coarse.shape, dtype=bool)

        def look(where: FrameTile) -> tuple[FrameTile, NDArray[np.float32]]:
            cancel.raise_if_cancelled()
            return where, _uncertainty_and_features(classifier, image, where, columns)

        with ThreadPoolExecutor(max_workers=image.threads(classifier.n_threads)) as pool:
            for where, planes in pool.map(look, group):
                cancel.raise_if_cancelled()
                coarse.add(maps, planes, where)
                if annotation is not None:
                    index = (*((frame,) if len(shape) > len(spatial) else ()), *where.tile.inner)
                    coarse.mark(painted, np.asarray(annotation[index]) != 0, where)
                done += 1
                yield Progress(done, len(tiles), f"looking for unsure places, tile {done} of {len(tiles)}")
        # Features of what is painted anywhere count as known, in this image or in others.
        known = classifier.training_.X[:, columns]
        ranked = rank_regions(maps[0], maps[1:], painted, n, annotated_descriptors=known)
        timed = (frame,) if len(shape) > len(spatial) else ()
        found += [coarse.restore(suggestion, timed) for suggestion in ranked]
    return sorted(found, key=lambda suggestion: -suggestion.score)[:n]


def _uncertainty_and_features(
    classifier: Reviewable, image: TiledImage, where: FrameTile, columns: list[int]
) -> NDArray[np.float32]:
    """Uncertainty and some features of a tile: (1 + n_columns, *tile)."""
    features = image.features(where)
    layout = image.layout(where.tile)
    sums = classifier.forest_.vote(features)
    lanes = [normalised_entropy(sums.swapaxes(0, 1) / np.float32(classifier.forest_.n_trees))]
    lanes += [features[:, column] for column in columns]
    planes = np.empty((len(lanes), *layout.tile), dtype=np.float32)
    for values, plane in zip(lanes, planes, strict=True):
        layout.gather(values, plane)
    return planes.reshape(len(lanes), *where.tile.shape)


class _CoarseGrid:
    """Averages over squares of a region's pixels, few enough to be ranked in memory."""

    def __init__(self, region: Sequence[slice]) -> None:
        size = np.array([part.stop - part.start for part in region])
        factor = 1
        # Tiles begin at multiples of 32, so that a cell never lies in two tiles.
        while factor < 32 and size.prod() / factor**2 > MAX_CELLS:
            factor *= 2
        self.factors = (1,) * (len(region) - 2) + (factor, factor)
        self.origin = [part.start // f for part, f in zip(region, self.factors, strict=True)]
        self.stops = [-(-part.stop // f) for part, f in zip(region, self.factors, strict=True)]
        self.limits = [part.stop for part in region]
        self.shape = tuple(stop - start for start, stop in zip(self.origin, self.stops, strict=True))

    def add(self, maps: NDArray[np.float32], planes: NDArray[np.float32], where: FrameTile) -> None:
        """Write the averages of a tile's planes to its cells."""
        target, source = self._overlap(where)
        maps[(slice(None), *target)] = self._reduce(planes, np.mean)[(slice(None), *source)]

    def mark(self, painted: NDArray[np.bool_], mask: NDArray[np.bool_], where: FrameTile) -> None:
        """Mark the cells of a tile in which anything is painted."""
        target, source = self._overlap(where)
        painted[target] = self._reduce(mask[np.newaxis], np.max)[0][source]

    def restore(self, suggestion: Suggestion, frame: tuple[int, ...]) -> Suggestion:
        """The suggestion in pixels of the image, with its time point in front."""
        center, region = [], []
        for c, part, f, start, limit in zip(
            suggestion.center, suggestion.region, self.factors, self.origin, self.limits, strict=True
        ):
            center.append(min((c + start) * f + f // 2, limit - 1))
            region.append(slice((part.start + start) * f, min((part.stop + start) * f, limit)))
        timed = tuple(slice(t, t + 1) for t in frame)
        return replace(suggestion, center=(*frame, *center), region=(*timed, *region))

    def _reduce(self, planes: NDArray[Any], how: Any) -> NDArray[Any]:
        rows, columns = self.factors[-2:]
        if rows == columns == 1:
            return planes
        short = [(0, -n % f) for n, f in zip(planes.shape[-2:], (rows, columns), strict=True)]
        padded = np.pad(planes, [(0, 0)] * (planes.ndim - 2) + short, mode="edge")
        height, width = padded.shape[-2] // rows, padded.shape[-1] // columns
        cells = padded.reshape(*padded.shape[:-2], height, rows, width, columns)
        reduced: NDArray[Any] = how(cells, axis=(-3, -1))
        return reduced

    def _overlap(self, where: FrameTile) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Cells of a tile that lie in the region: where they go, and which of the tile's cells they are."""
        target, source = [], []
        for part, f, start, stop in zip(where.tile.inner, self.factors, self.origin, self.stops, strict=True):
            first, last = part.start // f, -(-part.stop // f)
            low, high = max(first, start), min(last, stop)
            target.append(slice(low - start, high - start))
            source.append(slice(low - first, high - first))
        return tuple(target), tuple(source)
