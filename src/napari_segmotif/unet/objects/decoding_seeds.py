"""Objects from boundaries: their cores are seeds, which are grown back over the foreground.

As in Caicedo et al., "Evaluation of deep learning strategies for nucleus segmentation", Cytometry A 2019, but
with boundaries that lie inside the objects, and a watershed instead of a dilation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .decoding_flood import F32, Labels, Mask, add_unseeded, connected, flood, without_small


def interior(foreground: F32, boundary: NDArray[Any] | np.float32) -> F32:
    """Probability (*spatial) of a pixel to be inside an object, not on its boundary."""
    core = foreground * (np.float32(1) - boundary)
    known: F32 = np.nan_to_num(core.astype(np.float32, copy=False), nan=0, posinf=0, neginf=0)
    return known


def find_seeds(core: F32, mask: Mask, threshold: float, minimum_size: float) -> Labels:
    """Number the connected pixels (*spatial) whose `core` is above a threshold, without small pieces."""
    # Where a seed leaves the foreground it is cut: an object is one piece.
    return without_small(*connected((core > threshold) & mask), minimum_size)


def grow_seeds(seeds: Labels, levels: NDArray[np.uint8], mask: Mask, pieces: Labels, n_pieces: int) -> Labels:
    """Grow seeds over the foreground; a piece of it without a seed becomes an object of its own."""
    return flood(levels, add_unseeded(seeds, pieces, n_pieces), mask)
