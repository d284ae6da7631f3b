"""Scribbles as a person paints them, drawn on a known truth: to test, measure and show a pixel classifier.

A stroke starts somewhere inside a class, goes on in a gently changing direction, turns where it would leave
the class, and is painted with a round brush of one to five pixels that never crosses into another class.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from ..errors import InputError

Mask = NDArray[np.bool_]
Pixels = NDArray[np.int64]  # (k, n_axes) positions
_TURN = 0.15  # standard deviation of the change of direction, in radians a pixel
_AVOID = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 1.6, -1.6, 2.4, -2.4])  # turns tried to stay inside, in radians
_TRIES = 200  # starts without room, in a row, before a class counts as full


def simulate_scribbles(
    truth: NDArray[np.integer],
    fraction: float,
    random_state: int = 0,
    *,
    classes: Sequence[int] | None = None,
    min_strokes: int = 4,
    stroke_pixels: int = 60,
    max_width: int = 5,
    max_share: float = 0.3,
) -> NDArray[np.uint8]:
    """Paint random strokes on every class of a truth, about the same number of pixels on each.

    Parameters
    ----------
    truth
        (Y, X) or (Z, Y, X) integer classes, 0 = belongs to no class. In 3D each stroke lies in one plane.
    fraction
        Share of all pixels to paint, in (0, 1).
    random_state
        Seed; the same seed gives the same scribbles.
    classes
        Classes to paint, by default all that are in `truth`.
    min_strokes
        Strokes of each class at least, as far as there is room.
    stroke_pixels
        Usual number of pixels in a stroke, where `fraction` allows for more than `min_strokes` of them.
    max_width
        Widest brush in pixels; widths are drawn uniformly from 1 to this.
    max_share
        Share of a class that is painted at most: nobody paints a small class over.

    Returns
    -------
    array uint8 of the shape of `truth`
        0 = not annotated. Strokes of a class never touch, so that they stay strokes of their own.

    Raises
    ------
    InputError
        For a truth that is not an integer array of 2 or 3 axes with classes below 256, or a fraction outside
        (0, 1).
    """
    truth = np.asarray(truth)
    if truth.dtype.kind not in "iu" or truth.ndim not in (2, 3) or truth.size == 0 or truth.max() > 255:
        raise InputError(
            f"truth must be (Y, X) or (Z, Y, X) integers below 256 (got {truth.dtype}, shape {truth.shape})"
        )
    if not 0 < fraction < 1:
        raise InputError(f"fraction must be between 0 and 1 (got {fraction})")
    ids = np.unique(truth[truth > 0]).tolist() if classes is None else list(classes)
    rng = np.random.default_rng(random_state)
    annotation = np.zeros(truth.shape, np.uint8)
    for class_id in ids:
        free = truth == class_id
        budget = round(min(fraction * truth.size / len(ids), max_share * np.count_nonzero(free)))
        for stroke in _strokes(free, budget, min_strokes, stroke_pixels, max_width, rng):
            annotation[tuple(stroke.T)] = class_id
    return annotation


def draw_stroke(
    allowed: Mask, start: tuple[int, int], pixels: int, width: float, rng: np.random.Generator
) -> Pixels:
    """Paint one curved stroke.

    Parameters
    ----------
    allowed
        (Y, X), where may be painted.
    start
        (y, x) of its first pixel, in `allowed`.
    pixels
        Pixels to paint at most; fewer where the stroke runs into a dead end.
    width
        Width of the brush in pixels; less where there is less room around the start.
    rng
        Source of chance.

    Returns
    -------
    array (k, 2) int64
        The painted pixels (y, x): one connected stroke inside `allowed`.
    """
    reach = pixels + int(width) + 1  # no stroke gets out of this window, however large the image
    window = tuple(slice(max(0, c - reach), c + reach + 1) for c in start)
    corner = np.array([w.start for w in window])
    room = allowed[window]
    depth = ndi.distance_transform_edt(np.pad(room, 1, constant_values=False))[1:-1, 1:-1]
    position = np.array(start) - corner
    # not wider than there is room for, nor so wide that a single dab uses up the stroke
    radius = min(width / 2, float(depth[tuple(position)]) - 0.5, 0.4 * pixels**0.5)
    painted = np.zeros(room.shape, bool)
    heading = rng.uniform(0, 2 * np.pi)
    point = position.astype(float)
    for _ in range(4 * pixels):
        before = painted.copy()
        _stamp(painted, point, radius, room)
        if painted.sum() > pixels:
            painted = before if before.any() else painted
            break
        heading += rng.normal(0, _TURN)
        turned = _stay_inside(depth, point, heading, radius)
        if turned is None:
            break
        heading = turned
        point = _step(point, heading)
    connected, _ = ndi.label(painted, structure=np.ones((3, 3)))
    stroke: Pixels = np.argwhere(connected == connected[tuple(position)]) + corner
    return stroke


def _strokes(
    free: Mask,
    budget: int,
    min_strokes: int,
    stroke_pixels: int,
    max_width: int,
    rng: np.random.Generator,
) -> list[Pixels]:
    """Strokes on the free pixels, which are used up, until the budget of pixels is spent."""
    usual = min(stroke_pixels, budget / min_strokes)
    everywhere = np.flatnonzero(free)
    around = np.array(list(product((-1, 0, 1), repeat=free.ndim)))
    strokes: list[Pixels] = []
    left, failed = budget, 0
    while left > 0.1 * usual and failed < _TRIES:
        start = np.unravel_index(rng.choice(everywhere), free.shape)
        if not free[start]:
            failed += 1
            continue
        failed = 0
        width = int(rng.integers(1, max_width + 1))
        still_due = max(0, min_strokes - len(strokes) - 1)
        size = min(left - round(0.5 * usual * still_due), round(usual * rng.lognormal(0, 0.4)))
        plane = start[:-2]
        stroke = draw_stroke(free[plane], start[-2:], max(1, size), width, rng)
        stroke = np.insert(stroke, 0, plane[0], axis=1) if plane else stroke
        strokes.append(stroke)
        left -= len(stroke)
        touched = (stroke[:, None] + around).reshape(-1, free.ndim)
        touched = touched[((touched >= 0) & (touched < free.shape)).all(axis=1)]
        free[tuple(touched.T)] = False
    return strokes


def _stamp(painted: Mask, point: NDArray[np.float64], radius: float, room: Mask) -> None:
    """Put the brush down once: all pixels of the room within the radius, at least the one below the point."""
    low = np.maximum(np.floor(point - radius).astype(int), 0)
    high = np.ceil(point + radius).astype(int) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    y, x = np.ogrid[low[0] : low[0] + painted[box].shape[0], low[1] : low[1] + painted[box].shape[1]]
    disk = (y - point[0]) ** 2 + (x - point[1]) ** 2 <= radius**2
    painted[box] |= disk & room[box]
    painted[tuple(np.rint(point).astype(int))] = True


def _step(point: NDArray[np.float64], heading: float) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = point + np.array([np.sin(heading), np.cos(heading)])
    return moved


def _stay_inside(
    depth: NDArray[np.float64], point: NDArray[np.float64], heading: float, radius: float
) -> float | None:
    """Return the heading nearest to the wanted one that keeps the brush inside; None in a dead end."""
    for heading_tried in heading + _AVOID:
        y, x = np.rint(_step(point, heading_tried)).astype(int)
        inside = 0 <= y < depth.shape[0] and 0 <= x < depth.shape[1]
        if inside and depth[y, x] > 0 and depth[y, x] >= radius:
            return float(heading_tried)
    return None
