"""What the tests of the feature explorer share: an image of discs and rings, of three kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from napari.layers import Image, Labels

SHAPE = (120, 160)
SMALL, LARGE = 4, 8


def discs(seed: int = 0, shape: tuple[int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbered discs, small and large by turns, large ones brighter: labels, image, is_large by label - 1."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    large = []
    centers = [(cy, cx) for cy in range(10, shape[0] - 9, 20) for cx in range(10, shape[1] - 9, 20)]
    for number, (cy, cx) in enumerate(centers, start=1):
        is_large = number % 2 == 0
        radius = (LARGE if is_large else SMALL) + rng.uniform(-0.9, 0.9)
        stretch = rng.uniform(0.85, 1.0)
        labels[((y - cy) / stretch) ** 2 + (x - cx) ** 2 <= radius**2] = number
        large.append(is_large)
    is_large_map = np.concatenate([[False], large])[labels]
    image = 40 + 80 * (labels > 0) + 60 * is_large_map + rng.normal(0, 6, shape)
    return labels, image.astype(np.float32), np.array(large)


def layers(seed: int = 0, name: str = "cells", **place: object) -> tuple[Labels, Image]:
    """The discs as layers that are in no viewer."""
    labels, image, _ = discs(seed)
    return Labels(labels, name=name, **place), Image(image, name=f"{name} image", **place)


def table_of(n: int = 30, seed: int = 0) -> pd.DataFrame:
    """Objects of two kinds, (n, 4 features), that nobody measured."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    area = 50 + 100 * kind + rng.normal(0, 5, n)
    return pd.DataFrame(
        {
            "roi_id": "cells",
            "frame": 0,
            "label": np.arange(1, n + 1),
            "index": np.arange(1, n + 1),
            "area": area,
            "area_filled": area * 1.01,
            "intensity_mean": 80 + 30 * kind + rng.normal(0, 5, n),
            "solidity": rng.uniform(0.9, 1, n),
        }
    )
