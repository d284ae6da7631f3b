"""Features of tiles already seen, kept while they fit into a given amount of memory."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFAULT_CAPACITY = 1 << 30
"""Bytes of features that are kept: about 80 tiles of 256 x 256 pixels with 49 features."""


class FeatureCache:
    """Features of tiles, found by what the tile's pixels are, the least recently used leaving first.

    A tile is known by the content of its pixels, halo included: an edited image can never give features of
    before, and the same tile read from another layer is found again.

    Attributes
    ----------
    capacity
        Bytes that may be kept.
    n_computed
        How many tiles were filtered because the cache did not hold them.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self.capacity = capacity
        self.n_computed = 0
        self._entries: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes that are kept now."""
        return self._size

    def get(
        self,
        pixels: NDArray[np.float32],
        filters: Any,
        compute: Callable[[], NDArray[np.float32]],
        *,
        keep: bool = True,
    ) -> NDArray[np.float32]:
        """The features of a tile, computed only if they are not known.

        Parameters
        ----------
        pixels
            The tile with its halo.
        filters
            What else decides the features; its repr is part of the key.
        compute
            Filters the tile.
        keep
            Whether newly computed features enter the cache.
        """
        digest = hashlib.sha256(repr((filters, pixels.shape)).encode())
        digest.update(np.ascontiguousarray(pixels).data)
        key = digest.digest()
        with self._lock:
            known = self._entries.get(key)
            if known is not None:
                self._entries.move_to_end(key)
                return known
        features = compute()
        with self._lock:
            self.n_computed += 1
            if keep:
                self._insert(key, features)
        return features

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def _insert(self, key: bytes, features: NDArray[np.float32]) -> None:
        if features.nbytes > self.capacity or key in self._entries:
            return
        self._entries[key] = features
        self._size += features.nbytes
        while self._size > self.capacity:
            _, oldest = self._entries.popitem(last=False)
            self._size -= oldest.nbytes
