"""What the benchmarks of the feature explorer measure: many ellipses on a large image."""

from __future__ import annotations

import numpy as np


def ellipses(n_objects: int, side: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels int32 (side, side) with so many turned ellipses, some touching, and a uint16 image of them."""
    rng = np.random.default_rng(seed)
    cells = int(np.ceil(np.sqrt(n_objects)))
    cell = side / cells
    labels = np.zeros((side, side), np.int32)
    for number in range(n_objects):
        row, column = (np.array(divmod(number, cells)) + 0.5 + rng.uniform(-0.1, 0.1, 2)) * cell
        a, b = rng.uniform(0.25, 0.5, 2) * cell
        turn = rng.uniform(0, np.pi)
        reach = int(max(a, b)) + 1
        top, left = max(0, int(row) - reach), max(0, int(column) - reach)
        y, x = np.mgrid[top : min(side, top + 2 * reach + 2), left : min(side, left + 2 * reach + 2)]
        u = (y - row) * np.cos(turn) + (x - column) * np.sin(turn)
        v = (x - column) * np.cos(turn) - (y - row) * np.sin(turn)
        inside = (u / a) ** 2 + (v / b) ** 2 <= 1
        labels[y[inside], x[inside]] = number + 1
    brightness = rng.uniform(500, 4000, n_objects + 1)
    brightness[0] = 100
    image = brightness[labels] + rng.normal(0, 60, labels.shape)
    return labels, np.clip(image, 0, 65535).astype(np.uint16)
