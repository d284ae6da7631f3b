"""Annotations are nearly empty: nothing is done, and no memory taken, for parts where nothing is painted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1 << 20  # pixels


def copied(painted: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of an annotation, in C order."""
    copy = np.zeros(painted.shape, painted.dtype)
    target = copy.reshape(-1)
    for begin, part in _painted_parts(painted):
        target[begin : begin + len(part)] = part
    return copy


def places_of(painted: NDArray[Any], label: int) -> tuple[NDArray[np.int64], ...]:
    """Return where a label is painted, as `(painted == label).nonzero()` does."""
    found = [begin + np.flatnonzero(part == label) for begin, part in _painted_parts(painted)]
    flat = np.concatenate(found) if found else np.empty(0, np.int64)
    return np.unravel_index(flat, painted.shape)


def _painted_parts(painted: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Stretches of the annotation, read in C order, in which something is painted, and where they begin."""
    flat = painted.reshape(-1)
    for begin in range(0, flat.size, _CHUNK):
        part = flat[begin : begin + _CHUNK]
        if part.any():
            yield begin, part
