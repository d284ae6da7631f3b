"""What is to be learned of every pixel, made from labels: class, inner boundary, offset to the centre.

Boundaries lie inside the objects, so that touching objects are parted by two pixels; offsets as in
Neven et al., CVPR 2019, and Cheng et al., "Panoptic-DeepLab", CVPR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

IGNORED = -1
"""Label, and class, of a pixel that nothing is learned from."""


@dataclass(frozen=True)
class Targets:
    """What is to be learned from a batch of B patches.

    Attributes
    ----------
    classes
        (B, *spatial) int8 or int16: index of the class, −1 where nothing is learned.
    boundary
        (B, *spatial) uint8: 1 on the outermost pixels of every object; None without objects.
    offsets
        (B, D, *spatial) float32: from the pixel to the centre of its object, in pixels; None without objects.
    whole
        (B, *spatial) bool: pixels of objects that lie wholly inside the patch, whose centre is known; None
        without objects.
    """

    classes: NDArray[np.int16]
    boundary: NDArray[np.uint8] | None = None
    offsets: NDArray[np.float32] | None = None
    whole: NDArray[np.bool_] | None = None


def object_targets(labels: NDArray[np.int32], *, flat: bool = False) -> Targets:
    """Targets for instances.

    Parameters
    ----------
    labels
        (B, *spatial): 0 = background, −1 = ignored, else the number of an object.
    flat
        Whether planes lie so far apart that neighbours in Z do not make a boundary.
    """
    n_axes = labels.ndim - 1
    if labels.max(initial=0) > labels.size:  # numbers with large gaps: what is counted below is as long
        labels = _renumbered(labels)
    volumes = np.ascontiguousarray(labels.reshape(len(labels), *(1,) * (3 - n_axes), *labels.shape[1:]))
    boundary = np.zeros(volumes.shape, np.uint8)
    offsets = np.zeros((len(labels), 3, *volumes.shape[1:]), np.float32)
    whole = np.zeros(volumes.shape, np.bool_)
    for b in range(len(labels)):
        _one_patch(volumes[b], flat or n_axes == 2, boundary[b], offsets[b], whole[b])
    classes = np.minimum(labels, 1).astype(np.int16)
    shaped = offsets[:, 3 - n_axes :].reshape(len(labels), n_axes, *labels.shape[1:])
    return Targets(classes, boundary.reshape(labels.shape), shaped, whole.reshape(labels.shape))


def class_targets(labels: NDArray[np.int32], classes: tuple[int, ...], *, sparse: bool) -> Targets:
    """Targets for classes: of every pixel, or with `sparse` of those that are not 0."""
    ids = np.asarray(classes, np.int32)
    index = np.minimum(np.searchsorted(ids, labels), len(ids) - 1)
    known = (ids[index] == labels) & ((labels != 0) | (not sparse))
    return Targets(np.where(known, index, IGNORED).astype(np.int16))


def _renumbered(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same objects with numbers from 1; 0 and -1 stay."""
    values, dense = np.unique(labels, return_inverse=True)
    renumbered: NDArray[np.int32] = (dense.reshape(labels.shape) - np.count_nonzero(values <= 0) + 1).astype(
        np.int32
    )
    return np.where(labels > 0, renumbered, labels)


@numba.njit(nogil=True, cache=True)
def _one_patch(
    labels: NDArray[Any], flat: bool, boundary: NDArray[Any], offsets: NDArray[Any], whole: NDArray[Any]
) -> None:
    """Boundary, offsets and wholeness of a volume (Z, Y, X), written into the last three."""
    n_z, n_y, n_x = labels.shape
    n_labels = max(0, labels.max()) + 1
    count = np.zeros(n_labels, np.int64)
    total = np.zeros((3, n_labels))
    cut = np.zeros(n_labels, np.bool_)
    for z in range(n_z):
        for y in range(n_y):
            for x in range(n_x):
                label = labels[z, y, x]
                if label <= 0:
                    continue
                count[label] += 1
                total[0, label] += z
                total[1, label] += y
                total[2, label] += x
                if y == 0 or x == 0 or y == n_y - 1 or x == n_x - 1:
                    cut[label] = True
                if n_z > 1 and (z == 0 or z == n_z - 1):
                    cut[label] = True
                for dz in range(-1, 2):
                    if (flat and dz != 0) or z + dz < 0 or z + dz >= n_z:
                        continue
                    for dy in range(-1, 2):
                        for dx in range(-1, 2):
                            v, u = y + dy, x + dx
                            if v < 0 or u < 0 or v >= n_y or u >= n_x:
                                continue
                            other = labels[z + dz, v, u]
                            if other == -1:
                                cut[label] = True
                            elif other != label:
                                boundary[z, y, x] = 1
    for z in range(n_z):
        for y in range(n_y):
            for x in range(n_x):
                label = labels[z, y, x]
                if label > 0 and not cut[label]:
                    whole[z, y, x] = True
                    offsets[0, z, y, x] = total[0, label] / count[label] - z
                    offsets[1, z, y, x] = total[1, label] / count[label] - y
                    offsets[2, z, y, x] = total[2, label] / count[label] - x
