"""Segmenting an image tile by tile: features and forest in one go, so that the feature stack never exists."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..common.progress import CancelToken, Job, Progress
from ..errors import InputError
from .filtering.tile_features import FrameTile, TiledImage
from .forests.forest import PackedForest

Output = Literal["labels", "probabilities", "uncertainty"]
OUTPUTS: tuple[Output, ...] = get_args(Output)

Sums = Callable[[FrameTile, bool], NDArray[np.float32]]
"""Sums of the trees' probabilities (n_classes, *spatial) of a tile; True where only the largest matters."""


@dataclass(frozen=True)
class Prediction:
    """What a forest says about a region of an image.

    Attributes
    ----------
    labels
        Class of each pixel, as painted, or None where it was not asked for. Unsigned where it fits.
    probabilities
        (n_classes, *region) float32 in [0, 1], or None.
    uncertainty
        float32 in [0, 1]: the entropy of the probabilities, 1 where all classes are equally likely; or None.
    region
        Where this is: one slice per axis of the label image.
    n_trees
        How many trees were asked: fewer than the classifier has in a first, quick answer.
    """

    labels: NDArray[Any] | None
    probabilities: NDArray[np.float32] | None
    uncertainty: NDArray[np.float32] | None
    region: tuple[slice, ...]
    n_trees: int


def label_dtype(classes: NDArray[np.int32]) -> np.dtype[Any]:
    """The smallest of uint8, uint16 and int32 that holds all class labels."""
    largest = int(classes.max())
    return np.dtype(np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.int32)


def predict_region(
    image: TiledImage,
    forest: PackedForest,
    classes: NDArray[np.int32],
    *,
    outputs: Sequence[Output] = OUTPUTS,
    region: Sequence[slice] | None = None,
    out: Mapping[str, Any] | None = None,
    n_jobs: int = 1,
    cancel: CancelToken | None = None,
    sums: Sums | None = None,
) -> Job[Prediction]:
    """Predict a region of an image, in parallel over its tiles.

    Parameters
    ----------
    image
        The image with its filters.
    forest
        The trees.
    classes
        (n_classes,) label of each class.
    outputs
        What is wanted. "labels" alone is the fastest: trees are not asked once the majority is certain.
    region
        One slice per axis of the label image; None is all of it.
    out
        Arrays of the whole label image's shape (with the classes in front for "probabilities") that are
        written at the region's place instead of new arrays: zarr, a file, or a layer's array.
    n_jobs
        Number of threads. The result does not depend on it.
    cancel
        Looked at after every tile.
    sums
        Evaluates a tile somewhere else than on the CPU.

    Yields
    ------
    Progress
        After each tile.
    """
    unknown = set(outputs) - set(OUTPUTS)
    if unknown or not outputs:
        raise InputError(f"outputs must be some of {', '.join(OUTPUTS)} (got {tuple(outputs)})")
    shape = image.source.output_shape
    whole = tuple(
        slice(*part.indices(n)[:2])
        for part, n in zip(region or [slice(None)] * len(shape), shape, strict=True)
    )
    if any(part.start >= part.stop for part in whole):
        raise InputError(f"the region is empty (got {tuple(region or ())} of shape {shape})")
    targets = _targets(outputs, whole, out or {}, classes)
    tiles = image.tiles(whole)
    # What is looked at again and again is remembered; a whole large image would only push it out.
    evaluate = sums or cpu_sums(image, forest, keep=image.feature_bytes(tiles) <= image.cache.capacity // 2)
    only_labels = tuple(outputs) == ("labels",)

    def tile_result(where: FrameTile) -> tuple[FrameTile, dict[str, NDArray[Any]]]:
        if cancel is not None:
            cancel.raise_if_cancelled()
        totals = evaluate(where, only_labels)
        return where, _as_outputs(totals, outputs, classes, forest.n_trees)

    for done, (where, parts) in enumerate(_in_parallel(tile_result, tiles, image.threads(n_jobs)), start=1):
        if cancel is not None:
            cancel.raise_if_cancelled()
        for name, values in parts.items():
            _write(targets[name], values, where, whole, image, relative=name not in (out or {}))
        yield Progress(done, len(tiles), f"tile {done} of {len(tiles)}")
    return Prediction(
        targets.get("labels"), targets.get("probabilities"), targets.get("uncertainty"), whole, forest.n_trees
    )


def _targets(
    outputs: Sequence[Output],
    region: tuple[slice, ...],
    out: Mapping[str, Any],
    classes: NDArray[np.int32],
) -> dict[str, Any]:
    shape = tuple(part.stop - part.start for part in region)
    made = {
        "labels": lambda: np.zeros(shape, dtype=label_dtype(classes)),
        "probabilities": lambda: np.zeros((len(classes), *shape), dtype=np.float32),
        "uncertainty": lambda: np.zeros(shape, dtype=np.float32),
    }
    return {name: out[name] if name in out else made[name]() for name in outputs}


def cpu_sums(image: TiledImage, forest: PackedForest, *, keep: bool = False) -> Sums:
    """Evaluate tiles on the CPU; their features come from the image's cache, and enter it where `keep`."""

    def evaluate(where: FrameTile, only_labels: bool) -> NDArray[np.float32]:
        lanes = forest.vote(image.features(where, keep=keep), stop_when_decided=only_labels)
        layout = image.layout(where.tile)
        planes = np.empty((forest.n_classes, *layout.tile), dtype=np.float32)
        for c in range(forest.n_classes):
            layout.gather(lanes[:, c], planes[c])
        return planes.reshape(forest.n_classes, *where.tile.shape)

    return evaluate


def _as_outputs(
    sums: NDArray[np.float32], outputs: Sequence[Output], classes: NDArray[np.int32], n_trees: int
) -> dict[str, NDArray[Any]]:
    results: dict[str, NDArray[Any]] = {}
    if "labels" in outputs:
        results["labels"] = classes.astype(label_dtype(classes))[sums.argmax(axis=0)]
    if "probabilities" in outputs or "uncertainty" in outputs:
        probabilities = sums / np.float32(n_trees)
        if "probabilities" in outputs:
            results["probabilities"] = probabilities
        if "uncertainty" in outputs:
            results["uncertainty"] = normalised_entropy(probabilities)
    return results


def normalised_entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Entropy along the first axis divided by its maximum: 0 where sure, 1 where all are equally likely."""
    terms = probabilities * np.log(np.maximum(probabilities, np.float32(1e-12)))
    entropy = (0.0 - terms.sum(axis=0)) / np.float32(np.log(len(probabilities)))
    clipped: NDArray[np.float32] = np.clip(entropy, 0.0, 1.0, dtype=np.float32)
    return clipped


def _write(
    target: Any,
    values: NDArray[Any],
    where: FrameTile,
    region: tuple[slice, ...],
    image: TiledImage,
    *,
    relative: bool,
) -> None:
    """Write the part of a tile that lies in the region to its place."""
    spatial = region[-len(where.tile.inner) :]
    source, place = [], []
    for part, wanted in zip(where.tile.inner, spatial, strict=True):
        start, stop = max(part.start, wanted.start), min(part.stop, wanted.stop)
        source.append(slice(start - part.start, stop - part.start))
        origin = wanted.start if relative else 0
        place.append(slice(start - origin, stop - origin))
    index: list[Any] = list(place)
    if "T" in image.source.output_axes:
        index.insert(0, where.frame - (region[0].start if relative else 0))
    leading = [slice(None)] * (values.ndim - len(place))
    target[(*leading, *index)] = values[(*leading, *source)]


def _in_parallel(work: Callable[[FrameTile], Any], items: Sequence[FrameTile], n_jobs: int) -> Iterator[Any]:
    """Results in order, with no more work in flight than keeps the threads busy: memory stays bounded."""
    with ThreadPoolExecutor(max_workers=n_jobs) as pool:
        waiting: deque[Future[Any]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * n_jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
