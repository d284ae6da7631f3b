"""What a perfect network would say of known objects, and what a worse one might."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_segmotif.unet.network.heads import Heads

HEADS_2D = Heads((0, 1), True, 2)
HEADS_3D = Heads((0, 1), True, 3)


def ideal_maps(labels: np.ndarray) -> np.ndarray:
    """Maps (n_maps, *spatial): background, foreground, inner boundary, offsets to the centre of mass."""
    largest = ndi.maximum_filter(labels, 3, mode="nearest")
    smallest = ndi.minimum_filter(labels, 3, mode="nearest")
    inside = labels > 0
    boundary = inside & ((largest != labels) | (smallest != labels))
    n = int(labels.max()) + 1
    counts = np.maximum(np.bincount(labels.ravel(), minlength=n), 1)
    offsets = []
    for grid in np.indices(labels.shape):
        centre = np.bincount(labels.ravel(), grid.ravel(), minlength=n) / counts
        offsets.append(np.where(inside, centre[labels] - grid, 0))
    return np.stack([~inside, inside, boundary, *offsets]).astype(np.float32)


def noisy_maps(labels: np.ndarray, seed: int) -> np.ndarray:
    """Blurred maps with noise of two grains; offsets are wrong by a quarter of the objects' size or so."""
    rng = np.random.default_rng(seed)

    def noise(sigma: float) -> np.ndarray:
        made = ndi.gaussian_filter(rng.standard_normal(labels.shape), sigma)
        return made / made.std()

    def disturbed(mask: np.ndarray, sigma: float) -> np.ndarray:
        blurred = np.clip(ndi.gaussian_filter(mask, sigma), 0.02, 0.98)
        return 1 / (1 + np.exp(-np.log(blurred / (1 - blurred)) - noise(1) - noise(4)))

    maps = ideal_maps(labels)
    maps[1], maps[2] = disturbed(maps[1], 1.0), disturbed(maps[2], 0.8)
    maps[0] = 1 - maps[1]
    size = np.sqrt(np.bincount(labels.ravel()))[labels] / 2
    for offsets in maps[3:]:
        offsets += 0.15 * np.where(labels > 0, size, 6) * (noise(2) + noise(6))
    return maps


def disks(shape: tuple[int, ...], n: int, radii: tuple[float, float], seed: int, scale=None) -> np.ndarray:
    """Balls at random places, numbered in the order of their first pixel, later ones over earlier ones.

    Only the largest connected part of what is left of each stays.
    """
    rng = np.random.default_rng(seed)
    scales = np.ones(len(shape)) if scale is None else np.asarray(scale, float)
    grids = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for number in range(1, n + 1):
        centre, radius = rng.uniform(0, shape), rng.uniform(*radii)
        away = sum(((g - c) * s) ** 2 for g, c, s in zip(grids, centre, scales, strict=True))
        labels[away <= radius**2] = number
    return tidy(labels)


def tidy(labels: np.ndarray) -> np.ndarray:
    """Only the largest part (sharing sides) of every object, numbered in the order of first pixels."""
    result = np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        parts, n_parts = ndi.label(labels == number)
        largest = 1 + np.argmax(np.bincount(parts.ravel(), minlength=n_parts + 1)[1:])
        result[parts == largest] = number
    ids, first = np.unique(result[result > 0], return_index=True)
    lookup = np.zeros(int(labels.max()) + 1, np.int32)
    lookup[ids[np.argsort(first)]] = np.arange(1, len(ids) + 1)
    return lookup[result]
