"""Cutting images into a part to train on and a part to judge by, with a gap between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import Annotation
from .label_counts import count_labels, counts_along, ignore_labels, object_boxes
from .samples import Sample, SampleSet
from .split_tally import Tally

_GAP_SHARE, _MOST_GAP = 0.03, 16  # of the length of the axis, and in pixels
_STARTS = 17  # places that are tried along every axis
_WIDER = (1.0, 1.5, 2.0, 0.6)  # times the share that is asked for, in the order in which they are tried
_MOST_SHARE = 0.6
_IN_THE_MIDDLE = 0.05  # what a stretch that costs two gaps is worse by
_INCOMPLETE = 1.0  # and one without all classes to judge by
_AXES = {-1: "columns (X)", -2: "rows (Y)"}

I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Cut:
    """A stretch along one axis that is held out, at the same place in all samples.

    Attributes
    ----------
    axis
        Along which it is cut, counted from the end: −1 is X, −2 is Y.
    start, stop
        The stretch, as shares of the axis's length.
    annotation
        What the labels are.
    """

    axis: int
    start: float
    stop: float
    annotation: Annotation

    @property
    def message(self) -> str:
        """What is held out, in plain words."""
        return (
            f"{self.stop - self.start:.0%} of the image is held out for validation: the {_AXES[self.axis]} "
            f"from {self.start:.0%} to {self.stop:.0%}. A second annotated image would be a better judge."
        )

    def held_out(self, n: int) -> tuple[int, int]:
        """First and last + 1 position of the stretch in an axis of n pixels."""
        return round(self.start * n), round(self.stop * n)

    def trained_on(self, n: int) -> list[tuple[int, int]]:
        """The same of what lies before and after the stretch, further away than a gap."""
        gap = min(_MOST_GAP, max(1, round(_GAP_SHARE * n)))
        first, last = self.held_out(n)
        return [(0, max(0, first - gap)), (min(n, last + gap), n)]

    def train_labels(self, sample: Sample) -> I32:
        """(*s) labels to train on: −1 in the stretch, in the gap, and on objects that reach there."""
        return self._only(sample.labels, self.trained_on(sample.labels.shape[self.axis]))

    def validation_labels(self, sample: Sample) -> I32:
        """(*s) labels to judge by: −1 out of the stretch, and on objects that reach out of it."""
        return self._only(sample.labels, [self.held_out(sample.labels.shape[self.axis])])

    def _only(self, labels: I32, parts: Sequence[tuple[int, int]]) -> I32:
        out = np.full_like(labels, -1)
        for part in parts:
            out[self._at(*part)] = labels[self._at(*part)]
        if self.annotation == "instances":
            ends = [0, *(end for part in parts for end in part), labels.shape[self.axis]]
            others = [labels[self._at(a, b)] for a, b in zip(ends[::2], ends[1::2], strict=True)]
            beyond = np.concatenate([count_labels(other)[0] for other in others])
            for part in parts:
                ignore_labels(out[self._at(*part)], beyond[beyond > 0])
        return out

    def _at(self, first: int, last: int) -> tuple[Any, ...]:
        """The index of a stretch along the axis."""
        return (..., slice(first, last)) if self.axis == -1 else (..., slice(first, last), slice(None))


def cut_region(samples: SampleSet, share: float, rng: np.random.Generator) -> Cut | None:
    """The stretch whose share of the annotation comes closest to `share`, with every class on both sides.

    Where there is none, one that leaves every class to learn from and some foreground to judge by; None where
    there is none of these either.
    """
    along_axes = [_profiles(sample.labels, samples) for sample in samples.samples]
    profiles = {axis: [profile[axis] for profile in along_axes] for axis in _AXES}
    best: tuple[float, Cut] | None = None
    for wider in _WIDER:
        for cut in _candidates(samples, min(_MOST_SHARE, share * wider)):
            cost = _cost(cut, profiles[cut.axis], samples.classes, share)
            if cost is not None:
                cost += 1e-3 * float(rng.random())  # equals are drawn by lot
                best = min(best or (np.inf, cut), (cost, cut), key=lambda each: each[0])
        if best is not None and best[0] < _INCOMPLETE:
            break
    return None if best is None else best[1]


def _candidates(samples: SampleSet, share: float) -> Iterator[Cut]:
    for axis in _AXES:
        for start in np.linspace(0, 1 - share, _STARTS).tolist():
            yield Cut(axis, start, start + share, samples.annotation)


def _cost(cut: Cut, profiles: Sequence[_Profile], classes: Sequence[int], share: float) -> float | None:
    """How far a cut is from what is wanted; None where a side would be of no use."""
    train = Tally.total((p.tally(cut.trained_on(p.length)) for p in profiles), classes)
    validation = Tally.total((p.tally([cut.held_out(p.length)]) for p in profiles), classes)
    if not train.complete or not validation.foreground:
        return None
    judged = validation.foreground / (validation.foreground + train.foreground)
    in_middle = _IN_THE_MIDDLE * (cut.start > 0 and cut.stop < 1)
    return abs(judged - share) + in_middle + (0.0 if validation.complete else _INCOMPLETE)


@dataclass(frozen=True)
class _Profile:
    """What is annotated along one axis of a sample, to judge a cut without looking at pixels again.

    Attributes
    ----------
    length
        Of the axis.
    pixels
        (K, length + 1) how many pixels of every class lie before each position; None for instances.
    extents
        (n, 2) first and last + 1 position of every object; None for the others.
    """

    length: int
    pixels: NDArray[np.int64] | None
    extents: NDArray[np.int64] | None

    def tally(self, parts: Sequence[tuple[int, int]]) -> Tally:
        """What lies wholly in one of some stretches."""
        parts = [(a, b) for a, b in ((max(0, a), min(self.length, b)) for a, b in parts) if a < b]
        if self.extents is not None:
            first, last = self.extents[:, 0], self.extents[:, 1]
            n = sum(int(np.count_nonzero((first >= a) & (last <= b))) for a, b in parts)
            return Tally((int(bool(parts)), n))
        assert self.pixels is not None
        counts = sum(
            (self.pixels[:, b] - self.pixels[:, a] for a, b in parts), np.zeros(len(self.pixels), int)
        )
        return Tally(tuple(counts.tolist()))


def _profiles(labels: I32, samples: SampleSet) -> dict[int, _Profile]:
    """Of a sample, along every axis that can be cut."""
    if samples.annotation == "instances":
        boxes = object_boxes(labels)
        return {axis: _Profile(labels.shape[axis], None, boxes[:, axis]) for axis in _AXES}
    counts = counts_along(labels, samples.classes)
    before = {axis: np.pad(np.cumsum(counts[axis], axis=1), ((0, 0), (1, 0))) for axis in _AXES}
    return {axis: _Profile(labels.shape[axis], before[axis], None) for axis in _AXES}
