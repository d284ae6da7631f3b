"""Small images with two clear textures, and strokes on them."""

from __future__ import annotations

import numpy as np


def two_halves(shape=(96, 120), seed=0) -> np.ndarray:
    """Noise of 60 on the left and of 180 on the right, the last axis being X."""
    image = np.random.default_rng(seed).normal(60, 20, shape)
    image[..., shape[-1] // 2 :] += 120
    return image.clip(0, 255).astype(np.uint8)


def painted(shape=(96, 120), left=1, right=2) -> np.ndarray:
    """Three strokes on either half of the last plane."""
    annotation = np.zeros(shape, np.uint8)
    plane = annotation.reshape(-1, *shape[-2:])[-1]
    height, width = shape[-2:]
    for row in (height // 8, height // 2, 7 * height // 8):
        plane[row : row + 2, width // 10 : width // 4] = left
        plane[row : row + 2, 3 * width // 4 : 9 * width // 10] = right
    return annotation
