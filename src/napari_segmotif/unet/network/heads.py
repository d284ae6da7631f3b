"""What the network says of every pixel, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Heads:
    """The order of the network's output maps.

    Attributes
    ----------
    classes
        Class labels as painted, ascending.
    objects
        Whether objects are told apart: an inner boundary and offsets to the object's centre are predicted.
    dimensions
        D: 2 or 3.
    background
        Label of the class that is not foreground; None for the lowest.
    """

    classes: tuple[int, ...]
    objects: bool
    dimensions: int
    background: int | None = None

    @property
    def n_classes(self) -> int:
        """K, the background included."""
        return len(self.classes)

    @property
    def background_index(self) -> int:
        """Which of the classes is the background."""
        return 0 if self.background is None else self.classes.index(self.background)

    @property
    def n_maps(self) -> int:
        """How many maps there are: K, and with objects 1 + D more."""
        return self.n_classes + (1 + self.dimensions if self.objects else 0)

    @property
    def class_maps(self) -> slice:
        """Where the probabilities of the classes are."""
        return slice(0, self.n_classes)

    @property
    def boundary_map(self) -> int:
        """Which map is the probability of an inner boundary; only with objects."""
        return self.n_classes

    @property
    def offset_maps(self) -> slice:
        """Where the offsets to the centre are, in pixels along each axis; empty without objects."""
        return slice(self.n_classes + 1, self.n_maps) if self.objects else slice(0, 0)

    def foreground(self, maps: NDArray[Any]) -> F32:
        """Probability of not being background, (*spatial), of maps (n_maps, *spatial)."""
        foreground: F32 = np.float32(1) - maps[self.background_index].astype(np.float32, copy=False)
        return foreground
