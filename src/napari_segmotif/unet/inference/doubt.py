"""How sure one can be of what several looks at the same pixels say, as one number per pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def entropy(mean: F32, n_classes: int) -> F32:
    """The entropy of probabilities that were averaged over several looks, divided by its maximum.

    It is high where every look is unsure, and where each is sure of something else.

    Parameters
    ----------
    mean
        (B, K, *s) probabilities of the classes, or (B, K + 1, *s) with that of an inner boundary behind.
    n_classes
        K.

    Returns
    -------
    ndarray (B, *s), float32
        0 where all is certain, 1 where all classes are equally likely; with a boundary, the larger of what
        the classes and, inside of objects, what the boundary gives.
    """
    doubt = _scaled(mean[:, :n_classes])
    if mean.shape[1] > n_classes:
        boundary = mean[:, n_classes]
        in_object = 1 - mean[:, 0]  # on the background nobody asks for boundaries
        doubt = np.maximum(doubt, in_object * _scaled(np.stack([boundary, 1 - boundary], axis=1)))
    return doubt


def _scaled(probabilities: F32) -> F32:
    logarithms = np.log(np.clip(probabilities, 1e-12, None))
    total = -(probabilities * logarithms).sum(axis=1) / np.log(np.float32(max(2, probabilities.shape[1])))
    clipped: F32 = np.clip(total, 0, 1, dtype=np.float32)
    return clipped
