"""What the user wants, frozen: images, strokes, features, classes, forest. No Qt, no napari."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource
from ...pixel.filtering.features import PixelFeatures
from ...pixel.parameters import ForestParameters
from ...pixel.strokes import count_strokes
from ..classes.entries import ClassEntry, names_of
from .painted import Counts, check_counts
from .sparse import copied


@dataclass(frozen=True)
class Pair:
    """An image and what is painted on it: `annotation` has the axes of the image without channels.

    Where it is the very array that painting goes on in, `painted_on` says so: a job copies it first.
    """

    image: ImageSource
    annotation: NDArray[Any]
    channel_names: tuple[str, ...] = ()
    painted_on: bool = False

    def frozen(self) -> Pair:
        """Return the pair with an annotation of its own."""
        if not self.painted_on:
            return self
        return replace(self, annotation=copied(self.annotation), painted_on=False)


@dataclass(frozen=True)
class Intent:
    """Everything that decides what a classifier will be, and which of the pairs is in view."""

    pairs: tuple[Pair, ...]
    features: PixelFeatures | None
    entries: tuple[ClassEntry, ...]
    forest: ForestParameters = ForestParameters()
    view: int = 0

    @property
    def in_view(self) -> Pair:
        """The pair that the user looks at."""
        return self.pairs[self.view]

    def frozen(self) -> Intent:
        """Return the intent with copies of annotations that painting goes on in."""
        return replace(self, pairs=tuple(p.frozen() for p in self.pairs))

    def state(self) -> tuple[Any, ...]:
        """Return what the training depends on; equal states need no new training.

        An image on which nothing is painted is not part of it: nothing is learned from it.
        """
        pairs = tuple(
            (
                _Same(p.image.array),
                p.image.axes,
                p.image.spacing,
                zlib.crc32(np.ascontiguousarray(p.annotation).data),
            )
            for p in self.pairs
            if p.annotation.any()
        )
        return (pairs, self.features, self.forest)


@dataclass(frozen=True)
class Counted:
    """Pixels and strokes of each class on the annotation in view, and the labels on all of them."""

    in_view: Counts
    labels: tuple[int, ...]


class _Same:
    """Equal to that of the very same object, as long as it lives: an `id` may be another's by then."""

    def __init__(self, thing: Any) -> None:
        self._thing: Callable[[], Any]
        try:
            self._thing = weakref.ref(thing)
        except TypeError:  # some arrays allow no weak references
            self._thing = lambda: thing

    def __eq__(self, other: object) -> bool:
        mine = self._thing()
        return mine is not None and isinstance(other, _Same) and mine is other._thing()

    __hash__ = None  # type: ignore[assignment]


def count(intent: Intent) -> Counted:
    """Count what is painted.

    Raises
    ------
    AnnotationError
        Where an annotation holds objects instead of classes, or negative labels.
    """
    in_view: Counts = {}
    labels: set[int] = set()
    for index, pair in enumerate(intent.pairs):
        axes = pair.image.output_axes
        counts = count_strokes(pair.annotation, axes.index("T") if "T" in axes else None)
        check_counts(counts)
        labels.update(counts)
        if index == intent.view:
            in_view = counts
    return Counted(in_view, tuple(sorted(labels)))


def cannot_train(counted: Counted, entries: Sequence[ClassEntry]) -> str:
    """Say what is still to be painted, or "" where there is enough to train on."""
    if not counted.labels:
        return "paint a few strokes of each class."
    if len(counted.labels) == 1:
        label = counted.labels[0]
        name = names_of(entries).get(label, f"Class {label}")
        return f"only “{name}” is painted so far: paint strokes of a second class."
    return ""
