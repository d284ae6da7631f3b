"""Counting what is annotated, to see whether a part of it is enough to learn from, or to judge by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..parameters import Annotation
from .label_counts import count_labels


@dataclass(frozen=True)
class Tally:
    """How much there is of every class.

    Attributes
    ----------
    counts
        In the order of the classes, the background first: pixels; of instances, whether there is anything,
        and the number of objects.
    """

    counts: tuple[int, ...]

    @classmethod
    def total(cls, tallies: Iterable[Tally], classes: Sequence[int]) -> Tally:
        """Of several together."""
        return sum(tallies, cls((0,) * len(classes)))

    def __add__(self, other: Tally) -> Tally:
        return Tally(tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))

    @property
    def complete(self) -> bool:
        """Whether there is something of every class."""
        return all(self.counts)

    @property
    def foreground(self) -> int:
        """How much there is to judge by."""
        return sum(self.counts[1:])


def tally(labels: NDArray[np.int32], annotation: Annotation, classes: Sequence[int]) -> Tally:
    """Count what is annotated in the labels of a sample; −1 does not count."""
    values, counts = count_labels(labels)
    if annotation == "instances":
        # an object can fill an image: background is then elsewhere, and is not missed here
        return Tally((int(bool((values >= 0).any())), int(np.count_nonzero(values > 0))))
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    return Tally(tuple(found.get(label, 0) for label in classes))
