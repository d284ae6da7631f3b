"""How a training patch is varied: first its geometry, in one interpolation, then its grey values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from ...common.tiling import read_mirrored
from ..parameters import AugmentationParameters
from .warp import OUTSIDE, warp

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]
_WARPED = 0.7  # so large a share of the patches is interpolated: the others keep the image's sharpness
_BEND_STEP = 32.0  # pixels between control points of the elastic bending
_SPLINE_GAIN = 0.479  # root mean square over a cell of what a spline makes of independent control points
_OFTEN, _RARELY = 0.5, 0.25  # how often grey values are varied, and how often blurred or made noisy


@dataclass(frozen=True)
class Geometry:
    """Where a patch is taken from, and how it is laid onto the sample.

    Attributes
    ----------
    mirror
        Whether each of (Z, Y, X) is mirrored.
    quarter_turns
        By how many times 90° it is turned in YX.
    angle
        By how much more, in radians.
    scale
        How much larger things get.
    bends
        (2, 2, ny, nx) shifts of control points, in pixels, or None.
    """

    mirror: tuple[bool, bool, bool] = (False, False, False)
    quarter_turns: int = 0
    angle: float = 0.0
    scale: float = 1.0
    bends: F64 | None = None

    @property
    def needs_interpolation(self) -> bool:
        """Whether pixels do not fall onto pixels."""
        return self.angle != 0 or self.scale != 1 or self.bends is not None

    def matrix(self) -> F64:
        """(2, 2) pixels of the sample in YX per pixel of the patch."""
        quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
        turn = np.linalg.matrix_power(quarter, self.quarter_turns % 4)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        mirror = np.diag([-1.0 if mirrored else 1.0 for mirrored in self.mirror[1:]])
        together: F64 = turn @ np.array([[cos, sin], [-sin, cos]]) @ mirror / self.scale
        return together


def draw_geometry(
    parameters: AugmentationParameters, patch: Sequence[int], rng: np.random.Generator
) -> Geometry:
    """Draw how a patch (Y, X) or (Z, Y, X) is varied."""
    mirror = rng.random(3) < 0.5
    turns = int(rng.integers(4))
    warped = rng.random() < _WARPED
    angle = math.radians(rng.uniform(-parameters.rotation, parameters.rotation))
    largest = math.log1p(parameters.scaling)
    scale = math.exp(rng.uniform(-largest, largest))
    strength = rng.uniform(0, parameters.elastic)
    bends = _draw_bends(strength, patch, rng) if warped and parameters.elastic > 0 else None
    return Geometry(
        tuple((mirror & parameters.flip).tolist()),
        turns if parameters.turn else 0,
        angle if warped else 0.0,
        scale if warped else 1.0,
        bends,
    )


def _draw_bends(strength: float, patch: Sequence[int], rng: np.random.Generator) -> F64:
    """Control points that bend by `strength` pixels (root mean square), differently in every plane."""
    n = [int(side / _BEND_STEP) + 4 for side in patch[-2:]]
    bends: F64 = rng.normal(0, strength / _SPLINE_GAIN, (2, 2, *n))
    return bends


def take_patch(
    image: F32, labels: I32, centre: Sequence[float], patch: Sequence[int], geometry: Geometry
) -> tuple[F32, I32]:
    """Cut a patch out of a sample, varied.

    Parameters
    ----------
    image
        (C, *s) float32.
    labels
        (*s) int32.
    centre
        (*s) pixel of the sample that comes to the patch's centre, which in an even patch is the pixel after
        its middle.
    patch
        Size of the patch along each axis.
    geometry
        How it is varied.

    Returns
    -------
    image, labels
        (C, *patch) float32, outside the sample its mirror image, and (*patch) int32, −1 there.
    """
    if not geometry.needs_interpolation:
        return _cut(image, labels, [round(c) for c in centre], patch, geometry)
    flat = labels.ndim == 2
    volume, ids = (image[:, np.newaxis], labels[np.newaxis]) if flat else (image, labels)
    size = (1, *patch) if flat else tuple(patch)
    middle = np.array([0.0, *centre] if flat else centre, np.float64)
    z_scale = 1.0 if flat or size[0] == 1 else 1.0 / geometry.scale
    out_image = np.empty((image.shape[0], *size), np.float32)
    out_labels = np.empty(size, np.int32)
    bends = geometry.bends if geometry.bends is not None else np.empty((2, 2, 0, 0))
    z_scale = -z_scale if geometry.mirror[0] and not flat else z_scale
    warp(volume, ids, middle, geometry.matrix(), z_scale, bends, _BEND_STEP, out_image, out_labels)
    return (out_image[:, 0], out_labels[0]) if flat else (out_image, out_labels)


def _cut(
    image: F32, labels: I32, centre: Sequence[int], patch: Sequence[int], geometry: Geometry
) -> tuple[F32, I32]:
    """A patch whose pixels are pixels of the sample: sliced, mirrored and turned, nothing interpolated."""
    turned = geometry.quarter_turns % 2 == 1
    size = (*patch[:-2], patch[-1], patch[-2]) if turned else tuple(patch)
    start = [c - n // 2 for c, n in zip(centre, size, strict=True)]
    stop = [first + n for first, n in zip(start, size, strict=True)]
    window = read_mirrored(lambda region: image[(slice(None), *region)], labels.shape, start, stop)
    ids = _labels_or_outside(labels, start, stop)
    axes = tuple(
        a for a, mirrored in zip((-3, -2, -1), geometry.mirror, strict=True) if mirrored and -a <= ids.ndim
    )
    if turned and geometry.mirror[1] != geometry.mirror[2]:
        # mirrored before it is turned: Y of the patch is then X of the sample
        axes = tuple({-2: -1, -1: -2}.get(a, a) for a in axes)
    window, ids = np.flip(window, axes), np.flip(ids, axes)
    if geometry.quarter_turns % 4:
        window = np.rot90(window, geometry.quarter_turns, (-2, -1))
        ids = np.rot90(ids, geometry.quarter_turns, (-2, -1))
    return np.ascontiguousarray(window), np.ascontiguousarray(ids)


def _labels_or_outside(labels: I32, start: Sequence[int], stop: Sequence[int]) -> I32:
    inside = tuple(
        slice(max(0, first), max(0, min(n, last)))
        for first, last, n in zip(start, stop, labels.shape, strict=True)
    )
    if all(p.start == a and p.stop == b for p, a, b in zip(inside, start, stop, strict=True)):
        return labels[inside]
    out = np.full([b - a for a, b in zip(start, stop, strict=True)], OUTSIDE, np.int32)
    out[tuple(slice(p.start - a, p.stop - a) for p, a in zip(inside, start, strict=True))] = labels[inside]
    return out


def vary_intensity(image: F32, parameters: AugmentationParameters, rng: np.random.Generator) -> F32:
    """Vary the grey values of a patch (C, *s) that are about 0..1; the array may be changed in place."""
    n_channels = image.shape[0]
    flat = image.reshape(n_channels, -1)
    chance = rng.random((3, 1))
    contrast, brightness, gamma = rng.uniform(-1, 1, (3, n_channels))
    contrast = np.exp(contrast * math.log1p(parameters.contrast) * (chance[0] < _OFTEN))
    brightness = brightness * parameters.brightness * (chance[1] < _OFTEN)
    gamma = np.exp(gamma * parameters.gamma * (chance[2] < _OFTEN))
    _change_tones(flat, *(v.astype(np.float32) for v in (contrast, brightness, gamma)))
    blurred, noisy = rng.random(2) < _RARELY
    if parameters.blur > 0 and blurred:
        sigma = rng.uniform(0.25, 1.0) * parameters.blur
        image = ndimage.gaussian_filter(image, sigma, axes=(-2, -1), mode="reflect", truncate=3.0)
    if parameters.noise > 0 and noisy:
        strength = np.float32(rng.uniform(0, parameters.noise))
        image = image + strength * rng.standard_normal(image.shape, dtype=np.float32)
    return image


@njit(nogil=True, cache=True)
def _change_tones(image: F32, contrast: F32, brightness: F32, gamma: F32) -> None:
    """Gamma between the patch's own ends, contrast about its mean, brightness; (C, n) in place."""
    for c in range(image.shape[0]):
        values = image[c]
        if gamma[c] != 1:
            low, high = values.min(), values.max()
            width = high - low
            if width > 0:
                for i in range(values.size):
                    values[i] = low + width * ((values[i] - low) / width) ** gamma[c]
        if contrast[c] != 1 or brightness[c] != 0:
            mean = np.float32(values.mean())
            shift = mean * (np.float32(1) - contrast[c]) + brightness[c]
            for i in range(values.size):
                values[i] = contrast[c] * values[i] + shift
