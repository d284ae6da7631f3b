"""From classes of pixels to objects: components, holes, sizes, and the splitting of objects that touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from ..errors import InputError

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


def make_objects(
    labels_or_probability: ArrayLike,
    class_id: int | None = None,
    threshold: float = 0.5,
    minimum_size: float = 0,
    fill_holes: bool = True,
    split_touching: bool = True,
    split_depth: float = 0.1,
    spacing: Sequence[float] | None = None,
) -> Labels:
    """Turn a segmentation, or the probability map of one class, into numbered objects.

    Objects are the connected components (pixels that share a side) of the class. An object with a neck is
    split there, by a watershed of the distance to the background from those of its centres that the neck
    really separates. Nothing is ever merged.

    Parameters
    ----------
    labels_or_probability
        (Y, X) or (Z, Y, X). Integer: classes as painted, of which `class_id` makes the objects. Boolean: the
        mask of the objects. Float: the probability of the class, in [0, 1].
    class_id
        The class, for integer labels; by default the highest one there is.
    threshold
        Probability from which on a pixel belongs to the class.
    minimum_size
        Objects smaller than this are left out, after splitting. In pixels, or with `spacing` in physical
        units of area or volume.
    fill_holes
        Whether background that an object encloses becomes part of it.
    split_touching
        Whether to split objects at their necks.
    split_depth
        How much narrower a neck must be than the thinner of the two parts, in (0, 1): 0.1 splits where the
        neck is narrower by a tenth or more. Smaller splits more.
    spacing
        Physical size of a pixel along each axis, for sizes and for distances in anisotropic stacks.

    Returns
    -------
    array int32 of the same shape
        0 = background, objects 1..n without gaps in the order of their first pixel; all 0 where there is no
        object.

    Raises
    ------
    InputError
        For other numbers of axes, complex or text values, NaN, probabilities outside [0, 1], or parameters
        out of their range.
    """
    values = np.asarray(labels_or_probability)
    steps = _check(values, threshold, minimum_size, split_depth, spacing)
    mask = _mask(values, class_id, threshold)
    objects, n_objects = ndi.label(mask)
    if fill_holes and n_objects:
        objects = _fill_holes(objects)
    if split_touching and n_objects:
        objects = _split(objects, split_depth, steps)
    pixel_size = float(np.prod(steps))
    return _renumber(objects, minimum_size / pixel_size)


def _check(
    values: NDArray[Any],
    threshold: float,
    minimum_size: float,
    split_depth: float,
    spacing: Sequence[float] | None,
) -> tuple[float, ...]:
    if values.ndim not in (2, 3):
        raise InputError(
            f"objects are made frame by frame from (Y, X) or (Z, Y, X) (got shape {values.shape})"
        )
    if values.dtype.kind not in "biuf":
        raise InputError(f"give integer classes, a boolean mask or float probabilities (got {values.dtype})")
    if not 0 < threshold <= 1:
        raise InputError(f"threshold must be above 0 and at most 1 (got {threshold})")
    if not (np.isfinite(minimum_size) and minimum_size >= 0):
        raise InputError(f"minimum_size must be 0 or more (got {minimum_size})")
    if not 0 < split_depth < 1:
        raise InputError(f"split_depth must be between 0 and 1 (got {split_depth})")
    steps = (1.0,) * values.ndim if spacing is None else tuple(float(s) for s in spacing)
    if len(steps) != values.ndim or not all(np.isfinite(s) and s > 0 for s in steps):
        raise InputError(f"spacing needs {values.ndim} positive numbers, one an axis (got {spacing})")
    return steps


def _mask(values: NDArray[Any], class_id: int | None, threshold: float) -> Mask:
    if values.dtype.kind == "b":
        return values.astype(bool)
    if values.dtype.kind in "iu":
        if class_id is None:
            class_id = int(values.max(initial=0))
        if class_id <= 0:
            return np.zeros(values.shape, bool)
        return np.asarray(values == class_id)
    bad = ~np.isfinite(values.astype(np.float64))
    if bad.any():
        raise InputError(
            f"probabilities must be numbers: predict again (got {int(bad.sum())} NaN or infinite)"
        )
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if low < 0 or high > 1 + 1e-6:
        raise InputError(
            f"floats are taken for probabilities in [0, 1]; convert labels to integers (got {low} to {high})"
        )
    return np.asarray(values >= threshold)


def _fill_holes(objects: Labels) -> Labels:
    """Give each enclosed piece of background to the one object that encloses it.

    Background is connected over corners too, as objects are not: a closed outline is closed.
    """
    structure = np.ones((3,) * objects.ndim, bool)
    background, n_pieces = ndi.label(objects == 0, structure=structure)
    outside = np.zeros(n_pieces + 1, bool)
    for axis in range(background.ndim):
        for edge in (0, -1):
            outside[np.unique(np.take(background, edge, axis=axis))] = True
    grown = ndi.grey_dilation(objects, footprint=structure)
    largest = np.asarray(ndi.maximum(grown, background, np.arange(n_pieces + 1)), np.int64)
    away = np.where(objects == 0, np.iinfo(np.int32).max, objects)
    shrunk = ndi.grey_erosion(away, footprint=structure)
    smallest = np.asarray(ndi.minimum(shrunk, background, np.arange(n_pieces + 1)), np.int64)
    owner = np.where(outside | (largest != smallest), 0, largest)
    owner[0] = 0
    return np.where(objects > 0, objects, owner[background]).astype(np.int32)


def _split(objects: Labels, split_depth: float, steps: tuple[float, ...]) -> Labels:
    """Cut each object with several centres at its necks; the pieces get new numbers."""
    result = objects.astype(np.int32)
    next_id = int(result.max()) + 1
    for number, box in enumerate(ndi.find_objects(result), start=1):
        if box is None:
            continue
        pieces = _pieces(objects[box] == number, split_depth, steps)
        n_pieces = int(pieces.max())
        if n_pieces > 1:
            where = pieces > 1  # the first piece keeps the number
            result[box][where] = pieces[where] + (next_id - 2)
            next_id += n_pieces - 1
    return result


def _pieces(mask: Mask, split_depth: float, steps: tuple[float, ...]) -> Labels:
    """Pieces 1..k of one object (its bounding box)."""
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    padded = np.pad(mask, 1)
    distance = ndi.distance_transform_edt(padded, sampling=steps)
    # A pixel's own raggedness makes no neck: smooth by a pixel, and ask for a pixel of depth at least.
    smooth = np.where(padded, ndi.gaussian_filter(distance, 1.0), 0)
    everywhere = np.ones((3,) * mask.ndim, bool)
    if ndi.label(local_maxima(smooth, connectivity=mask.ndim), structure=everywhere)[1] < 2:
        return mask.astype(np.int32)
    # Domes that rise above the neck to their neighbour by less than this share are no centres of their own
    # (h-maxima with a height relative to the dome, so that large and small objects are treated alike).
    lowered = np.minimum(smooth * (1 - split_depth), np.maximum(smooth - 0.5 * min(steps), 0))
    domes = reconstruction(lowered, smooth, footprint=everywhere)
    centres, n_centres = ndi.label(local_maxima(domes, connectivity=mask.ndim) & padded, structure=everywhere)
    if n_centres < 2:
        return mask.astype(np.int32)
    pieces = watershed(-smooth, centres, mask=padded)
    inner = (slice(1, -1),) * mask.ndim
    return np.where(mask, np.maximum(pieces[inner], 1), 0).astype(np.int32)


def _renumber(objects: Labels, minimum_pixels: float) -> Labels:
    """Drop small objects and number the others 1..n in the order of their first pixel."""
    sizes = np.bincount(objects.reshape(-1), minlength=1)
    keep = sizes >= max(minimum_pixels, 1)
    keep[0] = False
    flat = objects.reshape(-1)
    first = np.full(len(sizes), flat.size, np.int64)
    painted = np.flatnonzero(flat)
    first[flat[painted[::-1]]] = painted[::-1]
    order = np.flatnonzero(keep)[np.argsort(first[keep])]
    number = np.zeros(len(sizes), np.int32)
    number[order] = np.arange(1, len(order) + 1)
    return number[objects]
