"""Where to paint next: regions the classifier is unsure of, unlike what is painted already, not painted yet.

The image is cut into blocks. A block's score is its uncertainty × its distance, in a standardised feature
space, to the nearest thing that is painted or already suggested × the share of it that is not painted. Blocks
are taken one after the other, each making its like less wanted: farthest-first traversal, weighted with the
uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from ...errors import InputError

Floats = NDArray[np.float64]
Region = tuple[slice, ...]
_MAX_REFERENCES = 500  # annotated places that a block is compared with


@dataclass(frozen=True)
class Suggestion:
    """A region that is worth painting.

    Attributes
    ----------
    center
        The pixel to paint at, (y, x) or (z, y, x): where the classifier is least sure, not annotated.
    region
        Slices of the block around it, along the same axes.
    score
        What it was ranked by, ≥ 0.
    uncertainty
        Mean uncertainty of the block's pixels that are not annotated, in [0, 1].
    diversity
        How unlike it is to all that was painted or suggested before, in [0, 1].
    reason
        The same in words.
    """

    center: tuple[int, ...]
    region: Region
    score: float
    uncertainty: float
    diversity: float
    reason: str


@dataclass(frozen=True)
class _Block:
    region: Region
    uncertainty: float
    free: float
    descriptor: Floats


def rank_regions(
    uncertainty: Any,
    descriptors: Any,
    annotated: Any,
    n: int = 5,
    block_shape: Sequence[int] | None = None,
    annotated_descriptors: NDArray[np.floating] | None = None,
) -> list[Suggestion]:
    """Rank the regions of an image that are worth painting next.

    The arrays may be larger than memory (zarr, h5py, memory maps): they are read block by block.

    Parameters
    ----------
    uncertainty
        (Y, X) or (Z, Y, X) in [0, 1], e.g. from `PixelClassifier.predict_uncertainty`.
    descriptors
        (n_descriptors, *spatial) some features of each pixel that tell one kind of place from another.
    annotated
        (*spatial) annotation or mask, not 0 where something is painted.
    n
        Regions wanted; fewer come back where fewer are left to paint.
    block_shape
        Pixels of a block along each axis; by default an eighth of the image, 16 to 64 in the plane.
    annotated_descriptors
        (n_pixels, n_descriptors) of pixels that are annotated in other images, which count as painted too.

    Returns
    -------
    list of Suggestion
        Best first. The same input gives the same list.

    Raises
    ------
    InputError
        For arrays that do not fit each other, or a block shape or `n` below 1.
    """
    shape = tuple(uncertainty.shape)
    _check(shape, tuple(descriptors.shape), tuple(annotated.shape), n)
    size = default_block_shape(shape) if block_shape is None else tuple(int(b) for b in block_shape)
    if len(size) != len(shape) or min(size) < 1:
        raise InputError(f"block_shape needs {len(shape)} lengths of 1 or more (got {size})")
    blocks: list[_Block] = []
    painted: list[Floats] = []
    for region in _regions(shape, size):
        block, here = _measure(region, uncertainty, descriptors, annotated)
        painted += here
        if block is not None:
            blocks.append(block)
    if not blocks:
        return []
    known = np.array(painted).reshape(len(painted), descriptors.shape[0])
    if annotated_descriptors is not None:
        others = np.asarray(annotated_descriptors, np.float64)
        known = np.concatenate([known, others[_evenly(len(others), _MAX_REFERENCES)]])
    picked = _pick(blocks, known, n)
    return [_describe(blocks[k], score, diversity, uncertainty, annotated) for k, score, diversity in picked]


def default_block_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Blocks of an eighth of the image: 16 to 64 pixels along Y and X, 1 to 16 along Z."""
    limits = [(1, 16)] * (len(shape) - 2) + [(16, 64)] * 2
    return tuple(int(np.clip(length // 8, *limit)) for length, limit in zip(shape, limits, strict=True))


def _check(shape: tuple[int, ...], descriptors: tuple[int, ...], annotated: tuple[int, ...], n: int) -> None:
    if len(shape) not in (2, 3) or descriptors[1:] != shape or annotated != shape:
        raise InputError(
            "uncertainty and annotated must be (Y, X) or (Z, Y, X), descriptors the same with one more axis "
            f"in front (got {shape}, {annotated} and {descriptors})"
        )
    if n < 1:
        raise InputError(f"ask for one region or more (got {n})")


def _regions(shape: tuple[int, ...], size: tuple[int, ...]) -> list[Region]:
    """Cut the image into blocks of nearly equal size, none larger than `size`."""
    cuts = []
    for length, most in zip(shape, size, strict=True):
        edges = np.linspace(0, length, -(-length // most) + 1).round().astype(int)
        cuts.append([slice(int(a), int(b)) for a, b in pairwise(edges)])
    return list(product(*cuts))


def _measure(
    region: Region, uncertainty: Any, descriptors: Any, annotated: Any
) -> tuple[_Block | None, list[Floats]]:
    """One block, unless it is painted all over, and the mean descriptor of what is painted in it."""
    unsure = np.asarray(uncertainty[region], np.float64)
    feature = np.asarray(descriptors[(slice(None), *region)], np.float64)
    painted = np.asarray(annotated[region]) != 0
    here = []
    if painted.any():
        # one reference for each class painted here; a plain mask is one class
        values = np.asarray(annotated[region])
        here = [feature[:, values == value].mean(axis=1) for value in np.unique(values[painted])]
    if painted.all():
        return None, here
    free = ~painted
    weight = unsure[free] + 1e-12
    # weighted with the uncertainty: two blocks are alike when what is unsure in them is alike
    descriptor = feature[:, free] @ weight / weight.sum()
    return _Block(region, float(unsure[free].mean()), float(free.mean()), descriptor), here


def _pick(blocks: list[_Block], painted: Floats, n: int) -> list[tuple[int, float, float]]:
    """Greedily choose (block, score, diversity)."""
    place = np.stack([block.descriptor for block in blocks])
    everything = np.concatenate([place, painted])
    spread = everything.std(axis=0)
    center, scale = everything.mean(axis=0), np.where(spread > 0, spread, 1)
    place = (place - center) / scale
    known = (painted[_evenly(len(painted), _MAX_REFERENCES)] - center) / scale
    distance = np.full(len(place), np.inf)  # to the nearest thing that is known
    for reference in known:
        distance = np.minimum(distance, _distance(place, reference))
    merit = np.array([block.uncertainty * block.free for block in blocks])
    picked: list[tuple[int, float, float]] = []
    open_blocks = np.ones(len(blocks), bool)
    for _ in range(min(n, len(blocks))):
        # squashed to [0, 1]: a half at one standard deviation, 1 where nothing is known yet
        diversity = 1 - 1 / (1 + distance)
        score = np.where(open_blocks, np.round(merit * diversity, 12), -1.0)
        best = int(np.argmax(score))
        picked.append((best, float(score[best]), float(diversity[best])))
        open_blocks[best] = False
        distance = np.minimum(distance, _distance(place, place[best]))
    return picked


def _evenly(n: int, most: int) -> NDArray[np.int64]:
    """Return at most so many indices, evenly spaced in 0..n−1."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _distance(place: Floats, reference: Floats) -> Floats:
    """Root mean square difference of standardised descriptors."""
    result: Floats = np.sqrt(((place - reference) ** 2).mean(axis=1))
    return result


def _describe(block: _Block, score: float, diversity: float, uncertainty: Any, annotated: Any) -> Suggestion:
    unsure = np.asarray(uncertainty[block.region], np.float64)
    free = np.asarray(annotated[block.region]) == 0
    smooth = np.where(free, ndi.uniform_filter(np.round(unsure, 6), 3, mode="nearest"), -1)
    local = np.unravel_index(int(np.argmax(np.round(smooth, 9))), smooth.shape)
    center = tuple(int(c) + s.start for c, s in zip(local, block.region, strict=True))
    like = "unlike" if diversity > 0.5 else "somewhat unlike" if diversity > 0.25 else "like"
    return Suggestion(
        center=center,
        region=block.region,
        score=score,
        uncertainty=block.uncertainty,
        diversity=diversity,
        reason=f"uncertainty {100 * block.uncertainty:.0f} %, {like} what is painted or suggested so far",
    )
