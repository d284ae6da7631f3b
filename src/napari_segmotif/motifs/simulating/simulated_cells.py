"""Where the cells of a simulated video lie, and what they look like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

F32 = NDArray[np.float32]

MOST_OVERLAP = 0.3
"""Share of a cell's area that other cells may cover (Kirschbaum et al., 2019)."""

_EDGE = 0.5  # of the peak: what is brighter is the cell's area
_FAINTEST = 0.02  # of the peak: what is darker is cut off
_TRIES = 1000  # for one cell


def default_radius(shape: tuple[int, int]) -> float:
    """A mean radius in pixels that suits a frame: 5 for 128 × 128."""
    return float(np.clip(min(shape) / 25.6, 2.5, 8.0))


def default_number(shape: tuple[int, int], radius: float) -> int:
    """As many cells as cover a quarter of the frame: 50 of radius 5 for 128 × 128."""
    return max(2, round(50 * shape[0] * shape[1] / 128**2 * (5 / radius) ** 2))


def place_cells(shape: tuple[int, int], n_cells: int, radius: float, rng: np.random.Generator) -> F32:
    """Draw soft-edged ellipses at random places.

    Returns
    -------
    numpy.ndarray
        Footprints (N, Y, X) float32, each with a peak of 1. Of no cell's area (half its peak and brighter),
        more than `MOST_OVERLAP` lies within others.

    Raises
    ------
    InputError
        If the cells do not fit into the frame.
    """
    footprints = np.zeros((n_cells, *shape), np.float32)
    owners = np.zeros(shape, np.int32)  # how many cells cover a pixel
    areas: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    tries = 0  # since a place was last found
    while len(areas) < n_cells:
        if tries == _TRIES:
            raise InputError(
                f"Only {len(areas)} cells of radius {radius:g} found room in a frame of "
                f"{shape[0]} × {shape[1]}: take fewer, smaller ones or a larger frame (got {n_cells} cells)"
            )
        tries += 1
        box, image = _ellipse(shape, radius, rng)
        rows, columns = np.nonzero(image >= _EDGE)
        area = (rows + box[0].start, columns + box[1].start)
        if not len(rows) or not _has_room(area, areas, owners):
            continue
        footprints[len(areas)][box] = image
        owners[area] += 1
        areas.append(area)
        tries = 0
    return footprints


def label_cells(footprints: F32) -> NDArray[np.int32]:
    """Number the cells' areas from 1, (Y, X); where cells overlap, the brighter one is named."""
    brightest = footprints.argmax(axis=0).astype(np.int32) + 1
    return np.where(footprints.max(axis=0) >= _EDGE, brightest, np.int32(0)).astype(np.int32)


def _ellipse(
    shape: tuple[int, int], mean_radius: float, rng: np.random.Generator
) -> tuple[tuple[slice, slice], F32]:
    """One cell: the box it lies in, and its image there."""
    radius = mean_radius * rng.uniform(0.8, 1.2)
    margin = np.minimum(radius, (np.asarray(shape) - 1) / 2)
    y, x = margin + rng.uniform(0, 1, 2) * (np.asarray(shape) - 1 - 2 * margin)
    stretch = np.exp(rng.uniform(-0.2, 0.2))
    angle = rng.uniform(0, np.pi)
    reach = 2.5 * radius
    box = (
        slice(max(0, int(y - reach)), min(shape[0], int(y + reach) + 2)),
        slice(max(0, int(x - reach)), min(shape[1], int(x + reach) + 2)),
    )
    dy, dx = np.mgrid[box[0], box[1]] - np.array([y, x])[:, None, None]
    along = (dy * np.cos(angle) + dx * np.sin(angle)) * stretch / radius
    across = (dx * np.cos(angle) - dy * np.sin(angle)) / stretch / radius
    image = 1 / (1 + np.hypot(along, across) ** 6)  # flat within, half at the radius, soft beyond
    image /= image.max()
    image[image < _FAINTEST] = 0
    return box, image.astype(np.float32)


def _has_room(
    area: tuple[NDArray[np.intp], NDArray[np.intp]],
    others: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    owners: NDArray[np.int32],
) -> bool:
    """Whether neither the new cell nor any that is there would be covered too much."""
    covered = owners[area] > 0
    if not covered.any():
        return True
    if covered.mean() > MOST_OVERLAP:
        return False
    rows, columns = area
    new = np.zeros(owners.shape, bool)
    new[area] = True
    for other in others:
        near = (
            other[0].min() <= rows.max()
            and rows.min() <= other[0].max()
            and other[1].min() <= columns.max()
            and columns.min() <= other[1].max()
        )
        if near and np.mean(owners[other] + new[other] > 1) > MOST_OVERLAP:
            return False
    return True
