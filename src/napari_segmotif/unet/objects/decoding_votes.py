"""Objects from votes: every pixel points to the centre of its object; where many point, there is a centre.

As in Cheng et al., "Panoptic-DeepLab", CVPR 2020, without a map of centres: the votes themselves say where
the centres are, and how large the object around each of them is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from .decoding_flood import Labels, Mask, add_unseeded, flood, main_parts

F64 = NDArray[np.float64]
_TRUNCATE = 3.0
_LEAST_RADIUS = 3.0
_STEPS = 256


@dataclass(frozen=True)
class Votes:
    """Where the pixels of the foreground vote, and the peaks of these votes.

    Lengths are in pixels of the axis with the finest spacing.

    Attributes
    ----------
    mask
        (*spatial): the foreground.
    places
        (n_pixels, D) float64: the pixel each foreground pixel votes for.
    scale
        (D,) length of a pixel along each axis.
    peaks
        (n_peaks, D) float64: where many votes meet, most votes first.
    radii
        (n_peaks,) radius of the object around each peak, as its votes say.
    masses
        (n_peaks,) votes at each peak, as a share of the pixels that an object of this radius has.
    """

    mask: Mask
    places: F64
    scale: F64
    peaks: F64
    radii: F64
    masses: F64


def collect_votes(mask: Mask, offsets: NDArray[Any], scale: F64, smoothing: float) -> Votes:
    """Let every pixel of the mask vote.

    Parameters
    ----------
    mask
        (*spatial): the foreground.
    offsets
        (D, *spatial): from every pixel to its object's centre, in pixels.
    scale
        (D,) length of a pixel along each axis, 1 along the finest.
    smoothing
        Sigma of the Gaussian by which votes are gathered.
    """
    pixels = np.stack(np.nonzero(mask), axis=1)
    arrows = np.nan_to_num(offsets[:, mask].T.astype(np.float64), nan=0, posinf=0, neginf=0)
    # In steps that numbers hold exactly: what comes out must not depend on where in the image a part begins.
    arrows = np.round(arrows * _STEPS) / _STEPS
    places = np.clip(pixels + arrows, 0, np.array(mask.shape) - 1)
    lengths = np.sqrt(((arrows * scale) ** 2).sum(axis=1))
    shape = (1,) * (3 - mask.ndim) + mask.shape
    density = np.zeros(shape, np.float32)
    reach = np.zeros(shape, np.float32)
    _splat(_deep(places), lengths, density, reach)
    sigmas = smoothing / scale
    density = ndi.gaussian_filter(density.reshape(mask.shape), sigmas, mode="constant", truncate=_TRUNCATE)
    reach = ndi.gaussian_filter(reach.reshape(mask.shape), sigmas, mode="constant", truncate=_TRUNCATE)
    peaks, heights, far = _peaks(density.reshape(shape), reach.reshape(shape))
    # pixels of a ball lie D / (D + 1) of its radius from its centre on the average
    dimensions = mask.ndim
    radii = np.maximum(far / heights * (dimensions + 1) / dimensions, _LEAST_RADIUS)
    gathered = heights * (2 * math.pi) ** (dimensions / 2) * smoothing**dimensions
    ball = (math.pi if dimensions == 2 else 4 / 3 * math.pi) * radii**dimensions
    masses = gathered / ball  # pixels of both are smaller than 1 by the same factor
    order = np.argsort(-heights, kind="stable")
    return Votes(
        mask, places, scale, peaks[order, 3 - dimensions :].astype(np.float64), radii[order], masses[order]
    )


def choose_centres(votes: Votes, distance: float, share: float) -> NDArray[np.int64]:
    """Which peaks are centres: the strongest first, and none within `distance` radii of a stronger one."""
    candidates = np.flatnonzero(votes.masses >= share)
    apart = _far_apart(votes.peaks[candidates], votes.radii[candidates], votes.scale, distance)
    chosen: NDArray[np.int64] = candidates[apart]
    return chosen


def objects_from_votes(votes: Votes, centres: NDArray[np.int64], pieces: Labels, n_pieces: int) -> Labels:
    """Objects of any size, numbered with gaps: every pixel goes to the centre nearest to its vote.

    What votes for no centre, or hangs together with its object only through others, goes to the object
    beside it. A piece of the foreground without any centre becomes an object of its own.
    """
    labels = np.zeros(votes.mask.shape, np.int32)
    if len(centres):
        labels[votes.mask] = _nearest(
            _deep(votes.places),
            _deep(votes.peaks[centres]),
            votes.radii[centres],
            _deep(votes.scale[None])[0],
        )
        labels = main_parts(labels)
    labels = add_unseeded(labels, pieces, n_pieces)
    return flood(np.zeros(labels.shape, np.uint8), labels, votes.mask)


def vote_scale(n_axes: int, spacing: tuple[float, ...] | None) -> F64:
    """Length of a pixel along each axis, 1 along the finest."""
    steps = np.ones(n_axes) if spacing is None else np.asarray(spacing, np.float64)
    return np.asarray(steps / steps.min(), np.float64)


def _deep(places: NDArray[Any]) -> F64:
    """Points (n, D) as (n, 3)."""
    points = np.zeros((len(places), 3))
    points[:, 3 - places.shape[1] :] = places
    return points


@numba.njit(nogil=True, cache=True)
def _splat(places: NDArray[Any], lengths: NDArray[Any], density: NDArray[Any], reach: NDArray[Any]) -> None:
    """Add a vote, and its length, to the pixels around each place, the nearer ones more."""
    n_z, n_y, n_x = density.shape
    for i in range(len(places)):
        z, y, x = int(places[i, 0]), int(places[i, 1]), int(places[i, 2])
        fz, fy, fx = places[i, 0] - z, places[i, 1] - y, places[i, 2] - x
        for dz in range(2):
            wz = fz if dz else 1 - fz
            if wz == 0 or z + dz >= n_z:
                continue
            for dy in range(2):
                wy = wz * (fy if dy else 1 - fy)
                if wy == 0 or y + dy >= n_y:
                    continue
                for dx in range(2):
                    w = wy * (fx if dx else 1 - fx)
                    if w == 0 or x + dx >= n_x:
                        continue
                    density[z + dz, y + dy, x + dx] += w
                    reach[z + dz, y + dy, x + dx] += w * lengths[i]


@numba.njit(nogil=True, cache=True)
def _peaks(density: NDArray[Any], reach: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Pixels that no neighbour exceeds (of equal ones the first), their density and summed length."""
    n_z, n_y, n_x = density.shape
    found = []
    for z in range(n_z):
        for y in range(n_y):
            for x in range(n_x):
                value = density[z, y, x]
                if value < 0.02:
                    continue
                highest = True
                for dz in range(-1, 2):
                    for dy in range(-1, 2):
                        for dx in range(-1, 2):
                            v, u, t = z + dz, y + dy, x + dx
                            if v < 0 or u < 0 or t < 0 or v >= n_z or u >= n_y or t >= n_x:
                                continue
                            before = (dz, dy, dx) < (0, 0, 0)
                            other = density[v, u, t]
                            if other > value or (before and other == value):
                                highest = False
                if highest:
                    found.append((z, y, x))
    places = np.zeros((len(found), 3), np.int64)
    heights = np.zeros(len(found))
    far = np.zeros(len(found))
    for i in range(len(found)):
        z, y, x = found[i]
        places[i, 0], places[i, 1], places[i, 2] = z, y, x
        heights[i] = density[z, y, x]
        far[i] = reach[z, y, x]
    return places, heights, far


@numba.njit(nogil=True, cache=True)
def _far_apart(
    points: NDArray[Any], radii: NDArray[Any], scale: NDArray[Any], distance: float
) -> NDArray[np.int64]:
    kept = np.empty(len(points), np.int64)
    n_kept = 0
    for i in range(len(points)):
        alone = True
        for k in range(n_kept):
            j = kept[k]
            if _distance(points[i], points[j], scale) < distance * max(radii[i], radii[j]):
                alone = False
                break
        if alone:
            kept[n_kept] = i
            n_kept += 1
    return kept[:n_kept].copy()


@numba.njit(nogil=True, cache=True)
def _nearest(
    places: NDArray[Any], centres: NDArray[Any], radii: NDArray[Any], scale: NDArray[Any]
) -> NDArray[np.int32]:
    """Number (from 1) of the centre nearest to each place, 0 where that is further than its radius."""
    cell = 12.0
    lowest = np.zeros(3)
    shape = np.zeros(3, np.int64)
    for axis in range(3):
        lowest[axis] = centres[:, axis].min() * scale[axis]
        shape[axis] = int((centres[:, axis].max() * scale[axis] - lowest[axis]) / cell) + 1
    first = np.full((shape[0], shape[1], shape[2]), -1, np.int32)
    following = np.full(len(centres), -1, np.int32)
    for i in range(len(centres) - 1, -1, -1):
        c, b, a = _cell_of(centres[i], scale, lowest, cell)
        following[i] = first[c, b, a]
        first[c, b, a] = i
    n_rings = int(radii.max() / cell) + 2
    result = np.zeros(len(places), np.int32)
    for p in range(len(places)):
        c0, b0, a0 = _cell_of(places[p], scale, lowest, cell)
        best, nearest = np.inf, -1
        for ring in range(n_rings):
            if best < (ring - 1) * cell:
                break
            for c in range(max(0, c0 - ring), min(shape[0], c0 + ring + 1)):
                for b in range(max(0, b0 - ring), min(shape[1], b0 + ring + 1)):
                    edge = abs(c - c0) == ring or abs(b - b0) == ring
                    for a in range(max(0, a0 - ring), min(shape[2], a0 + ring + 1)):
                        if not edge and abs(a - a0) != ring:
                            continue
                        i = first[c, b, a]
                        while i >= 0:
                            away = _distance(places[p], centres[i], scale)
                            if away < best or (away == best and i < nearest):
                                best, nearest = away, i
                            i = following[i]
        if nearest >= 0 and best <= radii[nearest]:
            result[p] = nearest + 1
    return result


@numba.njit(nogil=True, cache=True)
def _distance(a: NDArray[Any], b: NDArray[Any], scale: NDArray[Any]) -> float:
    squared = 0.0
    for axis in range(len(a)):
        squared += ((a[axis] - b[axis]) * scale[axis]) ** 2
    return math.sqrt(squared)


@numba.njit(nogil=True, cache=True)
def _cell_of(
    point: NDArray[Any], scale: NDArray[Any], lowest: NDArray[Any], cell: float
) -> tuple[int, int, int]:
    return (
        math.floor((point[0] * scale[0] - lowest[0]) / cell),
        math.floor((point[1] * scale[1] - lowest[1]) / cell),
        math.floor((point[2] * scale[2] - lowest[2]) / cell),
    )
