"""From painted pixels to the rows a forest is trained on, and to the forest."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ...errors import AnnotationError
from ..filtering.tile_features import FrameTile, TiledImage
from ..reviewing.held_out import fit_in_steps
from ..strokes import label_strokes

if TYPE_CHECKING:
    from .threaded_forest import ThreadedForest


@dataclass(frozen=True)
class TrainingSet:
    """The annotated pixels of all images of a classifier.

    Attributes
    ----------
    X
        (n, n_features) float32.
    y
        (n,) int32, the class of each pixel, as painted.
    image
        (n,) int32, the number of the image the pixel belongs to.
    position
        (n, n_axes) int64, the pixel's place in its image, along the axes of a label image.
    shapes
        Shape of the label image of each image.
    time_axis
        Whether the first axis of each image is time.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int32]
    image: NDArray[np.int32]
    position: NDArray[np.int64]
    shapes: tuple[tuple[int, ...], ...]
    time_axis: tuple[bool, ...]

    @cached_property
    def stroke(self) -> NDArray[np.int32]:
        """(n,) the stroke each pixel belongs to: touching pixels of one class in one image are one stroke."""
        strokes = np.zeros(len(self.y), dtype=np.int32)
        n_before = 0
        for number in range(len(self.shapes)):
            rows = np.flatnonzero(self.image == number)
            if not len(rows):
                continue
            position = self.position[rows]
            corner = position.min(axis=0)
            painted = np.zeros(position.max(axis=0) - corner + 1, dtype=np.int32)
            place = tuple((position - corner).T)
            painted[place] = self.y[rows]
            labels = label_strokes(painted, 0 if self.time_axis[number] else None)[place]
            strokes[rows] = labels + n_before
            n_before = int(strokes[rows].max())
        return strokes


def check_annotation(annotation: Any, shape: tuple[int, ...]) -> None:
    """Raise AnnotationError where an annotation cannot belong to an image whose label image has `shape`."""
    dtype = np.dtype(annotation.dtype)
    if dtype.kind not in "ui":
        raise AnnotationError(
            "an annotation must hold whole-number class labels, 0 where nothing is painted: convert it "
            f"with .astype('uint8') if its values are labels (got dtype {dtype})"
        )
    if tuple(annotation.shape) != shape:
        raise AnnotationError(
            "an annotation must have the shape of its image without the channels, here "
            f"{shape} (got {tuple(annotation.shape)})"
        )


def collect(
    images: Sequence[TiledImage],
    annotations: Sequence[Any],
    n_jobs: int,
    cancel: CancelToken,
) -> Job[TrainingSet]:
    """Filter the tiles that hold painted pixels and take the features of those pixels.

    Yields
    ------
    Progress
        After each tile.

    Returns
    -------
    TrainingSet

    Raises
    ------
    AnnotationError
        If nothing is painted, only one class is, or an annotation does not fit its image.
    """
    for image, annotation in zip(images, annotations, strict=True):
        check_annotation(annotation, image.source.output_shape)
    painted = [
        (number, where, values)
        for number, (image, annotation) in enumerate(zip(images, annotations, strict=True))
        for where, values in _painted_tiles(image, annotation)
    ]
    _check_classes([values for _, _, values in painted])

    def rows_of(task: tuple[int, FrameTile, NDArray[Any]]) -> tuple[Any, ...]:
        cancel.raise_if_cancelled()
        number, where, values = task
        return (number, *_rows(images[number], where, values))

    parts = []
    with ThreadPoolExecutor(max_workers=images[0].threads(n_jobs)) as pool:
        for done, part in enumerate(pool.map(rows_of, painted), start=1):
            parts.append(part)
            cancel.raise_if_cancelled()
            yield Progress(done, len(painted), f"features of annotated tile {done} of {len(painted)}")
    return TrainingSet(
        X=np.concatenate([X for _, X, _, _ in parts]),
        y=np.concatenate([y for _, _, y, _ in parts]),
        image=np.concatenate([np.full(len(y), number, np.int32) for number, _, y, _ in parts]),
        position=_stacked([position for _, _, _, position in parts]),
        shapes=tuple(image.source.output_shape for image in images),
        time_axis=tuple("T" in image.source.output_axes for image in images),
    )


def _stacked(positions: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Positions of images with fewer axes get zeros in front."""
    n_axes = max(position.shape[1] for position in positions)
    return np.concatenate([np.pad(p, ((0, 0), (n_axes - p.shape[1], 0))) for p in positions])


def _painted_tiles(image: TiledImage, annotation: Any) -> list[tuple[FrameTile, NDArray[Any]]]:
    timed = "T" in image.source.output_axes
    found = []
    for where in image.tiles():
        index = (where.frame, *where.tile.inner) if timed else where.tile.inner
        values = np.asarray(annotation[index])
        if values.any():
            found.append((where, values))
    return found


def _check_classes(painted: list[NDArray[Any]]) -> None:
    classes = sorted({int(label) for values in painted for label in np.unique(values)} - {0})
    if not classes:
        raise AnnotationError(
            "nothing is annotated: paint a few strokes of at least two classes (got an empty annotation)"
        )
    if classes[0] < 0:
        raise AnnotationError(f"class labels must be positive (got label {classes[0]})")
    if classes[-1] > np.iinfo(np.int32).max:
        raise AnnotationError(f"class labels must fit into 32 bits (got label {classes[-1]})")
    if len(classes) == 1:
        raise AnnotationError(
            "a classifier needs at least two classes: paint strokes of another class too "
            f"(got only class {classes[0]})"
        )


def _rows(
    image: TiledImage, where: FrameTile, values: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
    local = np.argwhere(values)
    y = values[tuple(local.T)].astype(np.int32)
    position = local + [part.start for part in where.tile.inner]
    if "T" in image.source.output_axes:
        position = np.column_stack([np.full(len(position), where.frame), position])
    in_tile = np.pad(local, ((0, 0), (3 - local.shape[1], 0)))
    packet, lane = image.layout(where.tile).locate(in_tile)
    return image.features(where)[packet, :, lane], y, position


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def grow_forest(
    forest: ThreadedForest,
    X: NDArray[np.float32],
    y: NDArray[Any],
    n_trees: int,
    cancel: CancelToken,
) -> Generator[Progress, None, None]:
    """Grow a forest to `n_trees`, a few at a time; the same forest as grown at once."""
    forest.set_params(n_estimators=n_trees)
    for share in fit_in_steps(forest, X, y, cancel):
        grown = round(share * n_trees)
        yield Progress(grown, n_trees, f"tree {grown} of {n_trees}")


def thinned(y: NDArray[np.int32], at_most: int) -> NDArray[np.int64]:
    """Rows of an evenly spaced part of every class, at most `at_most` in all; all rows where they are few."""
    if len(y) <= at_most:
        return np.arange(len(y))
    kept = []
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        n = max(1, round(at_most * len(rows) / len(y)))
        kept.append(rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)])
    return np.sort(np.concatenate(kept))
