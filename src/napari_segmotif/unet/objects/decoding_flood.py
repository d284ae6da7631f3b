"""What both decoders do with pixels: flooding from seeds, clearing up fragments, numbering objects.

Everything here looks only at pixels that hang together in the foreground, and breaks ties by the order of the
pixels in the image: the objects of a part of an image are those of the whole.
"""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]
F32 = NDArray[np.float32]

N_LEVELS = 256


def flood(levels: NDArray[np.uint8], seeds: Labels, mask: Mask) -> Labels:
    """Grow seeds over the mask, low levels first, and at the same level by distance in steps.

    A watershed (Beucher & Meyer, 1993) with a queue a level. Pixels that share a corner are neighbours.

    Parameters
    ----------
    levels
        (*spatial): how late a pixel is reached.
    seeds
        (*spatial): 0 = none, else the number of the object.
    mask
        (*spatial): where objects may be.

    Returns
    -------
    array int32
        Number of the object of every pixel; 0 outside the mask, and where no seed gets to.
    """
    grown = np.pad(np.where(mask, seeds, 0).astype(np.int32), 1)
    inside = np.pad(mask, 1)
    _flood(np.pad(levels, 1).reshape(-1), grown.reshape(-1), inside.reshape(-1), _neighbours(grown.shape))
    return np.ascontiguousarray(grown[_inner(mask.ndim)])


def main_parts(labels: Labels) -> Labels:
    """Keep the largest connected part of every object (sharing corners connects), drop the others."""
    padded = np.pad(labels, 1)
    flat = padded.reshape(-1)
    part = np.zeros(flat.size, np.int32)
    owners, sizes = _parts(flat, part, _neighbours(padded.shape))
    best = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    np.maximum.at(best, owners, sizes)
    # of parts of the same size the first one stays
    main = np.full(len(best), len(sizes), np.int64)
    largest = np.flatnonzero(sizes == best[owners])
    np.minimum.at(main, owners[largest], largest)
    keep = np.append(True, main[owners] == np.arange(len(owners)))
    keep[0] = False
    kept = np.where(keep[part], flat, 0).reshape(padded.shape)
    return np.ascontiguousarray(kept[_inner(labels.ndim)]).astype(np.int32)


def add_unseeded(labels: Labels, pieces: Labels, n_pieces: int) -> Labels:
    """Make objects of those connected pieces of the foreground in which there is no object."""
    taken = np.zeros(n_pieces + 1, bool)
    taken[pieces[labels > 0]] = True
    taken[0] = True
    new = np.where(taken, 0, np.arange(n_pieces + 1) + int(labels.max(initial=0)))
    return np.where(labels > 0, labels, new[pieces]).astype(np.int32)


def renumber(labels: Labels, minimum_size: float = 0) -> Labels:
    """Drop objects below a number of pixels and number the others 1..n in the order of their first pixel."""
    flat = np.ascontiguousarray(labels).reshape(-1)
    n = int(flat.max(initial=0)) + 1
    numbered: Labels = _renumber(flat, n, max(float(minimum_size), 1.0)).reshape(labels.shape)
    return numbered


def connected(mask: Mask) -> tuple[Labels, int]:
    """Number the pieces of a mask; pixels that share a side are connected."""
    pieces, n_pieces = ndi.label(mask)
    return pieces, int(n_pieces)


def without_small(pieces: Labels, n_pieces: int, minimum_size: float) -> Labels:
    """Drop pieces below a number of pixels; the numbers of the others stay."""
    if minimum_size <= 1:
        return pieces
    sizes = np.bincount(pieces.reshape(-1), minlength=n_pieces + 1)
    number = np.where(sizes >= minimum_size, np.arange(n_pieces + 1), 0).astype(np.int32)
    number[0] = 0
    return number[pieces]


def as_levels(height: F32) -> NDArray[np.uint8]:
    """Turn heights in [0, 1] into levels at which high ones come first."""
    late = np.clip(np.float32(1) - height, 0, 1) * np.float32(N_LEVELS - 1)
    return np.asarray(late, np.uint8)


def _inner(n_axes: int) -> tuple[slice, ...]:
    return (slice(1, -1),) * n_axes


def _neighbours(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Steps to all neighbours in a flat array of this shape, itself left out, in the order of the pixels."""
    strides = np.cumprod((1, *shape[:0:-1]))[::-1]
    steps = [
        int(np.dot(step, strides)) for step in itertools.product((-1, 0, 1), repeat=len(shape)) if any(step)
    ]
    return np.array(steps, np.int64)


@numba.njit(nogil=True, cache=True)
def _flood(levels: NDArray[Any], labels: NDArray[Any], mask: NDArray[Any], steps: NDArray[Any]) -> None:
    # A pixel enters a queue once, when it is labelled: the queues are linked lists over the pixels.
    next_in_queue = np.full(labels.size, -1, np.int32)
    first = np.full(256, -1, np.int64)
    last = np.full(256, -1, np.int64)
    for p in range(labels.size):
        if labels[p] == 0:
            continue
        for step in steps:
            if mask[p + step] and labels[p + step] == 0:  # others have nowhere to grow
                level = levels[p]
                if first[level] < 0:
                    first[level] = p
                else:
                    next_in_queue[last[level]] = p
                last[level] = p
                break
    level = 0
    while level < 256:
        p = first[level]
        if p < 0:
            level += 1
            continue
        first[level] = next_in_queue[p]
        for step in steps:
            q = p + step
            if mask[q] and labels[q] == 0:
                labels[q] = labels[p]
                reached = max(level, levels[q])  # water does not fall
                if first[reached] < 0:
                    first[reached] = q
                else:
                    next_in_queue[last[reached]] = q
                last[reached] = q


@numba.njit(nogil=True, cache=True)
def _parts(
    labels: NDArray[Any], part: NDArray[Any], steps: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the connected parts of equal labels, from 1; return each part's label and size."""
    stack = np.empty(labels.size, np.int64)
    owners = np.empty(labels.size, np.int64)
    sizes = np.empty(labels.size, np.int64)
    n_parts = 0
    for start in range(labels.size):
        if labels[start] == 0 or part[start] != 0:
            continue
        owner = labels[start]
        owners[n_parts] = owner
        size = 0
        n_parts += 1
        part[start] = n_parts
        stack[0] = start
        n_left = 1
        while n_left:
            n_left -= 1
            p = stack[n_left]
            size += 1
            for step in steps:
                q = p + step
                if labels[q] == owner and part[q] == 0:
                    part[q] = n_parts
                    stack[n_left] = q
                    n_left += 1
        sizes[n_parts - 1] = size
    return owners[:n_parts].copy(), sizes[:n_parts].copy()


@numba.njit(nogil=True, cache=True)
def _renumber(labels: NDArray[Any], n: int, minimum_size: float) -> NDArray[np.int32]:
    sizes = np.zeros(n, np.int64)
    for label in labels:
        sizes[label] += 1
    number = np.zeros(n, np.int32)
    result = np.zeros(labels.size, np.int32)
    n_objects = 0
    for p in range(labels.size):
        label = labels[p]
        if label == 0 or sizes[label] < minimum_size:
            continue
        if number[label] == 0:
            n_objects += 1
            number[label] = n_objects
        result[p] = number[label]
    return result
