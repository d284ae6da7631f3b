"""Label images for tests of measurement: random ones, hard on every count, and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
from skimage.measure import regionprops_table


def clumps(shape: tuple[int, ...], seed: int, n: int = 5, filled: float = 0.7) -> np.ndarray:
    """Objects that touch, with holes, tunnels, corners, single pixels and parts: the worst of all."""
    random = np.random.default_rng(seed)
    nearest = np.add.reduce(np.indices(shape) // 5, axis=0) % n + 1
    labels = np.where(random.random(shape) < filled, nearest, 0)
    labels.flat[0] = 40  # a single pixel, behind a gap in the labels
    return labels.astype(np.int32)


def ellipse(shape: tuple[int, ...], radii: tuple[float, ...], angle: float = 0.0) -> np.ndarray:
    """An ellipse (ellipsoid) in the middle, turned in the plane of the last two axes."""
    grid = [axis - (n - 1) / 2 for axis, n in zip(np.indices(shape), shape, strict=True)]
    y, x = grid[-2], grid[-1]
    grid[-2], grid[-1] = y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)
    return (sum((g / r) ** 2 for g, r in zip(grid, radii, strict=True)) <= 1).astype(np.int32)


def by_regionprops(labels: np.ndarray, properties: list[str], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What scikit-image measures."""
    return dict(regionprops_table(labels, *args, properties=properties, **kwargs))


def assert_same(table: Any, expected: dict[str, Any]) -> None:
    """Every expected column is there and agrees; sums that cancel to zero agree up to rounding."""
    for name, values in expected.items():
        scale = np.nanmax(np.abs(values), initial=1.0)
        np.testing.assert_allclose(table[name].to_numpy(), values, rtol=1e-6, atol=1e-9 * scale, err_msg=name)
