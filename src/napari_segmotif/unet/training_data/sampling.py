"""Training patches: where they are taken from, and how they are varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import AnnotationError
from ..network.configuration import Configuration
from ..parameters import Annotation, UNetParameters
from .augmentation import Geometry, draw_geometry, take_patch, vary_intensity
from .label_counts import count_labels, object_boxes
from .samples import Sample
from .warp import OUTSIDE

_MOST_PLACES = 200_000  # remembered pixels per class and sample
_TRIES = 8  # to hit a pixel that is not ignored
_GOLDEN = 0.6180339887498949
_ON_STROKES = 0.95  # of the patches from scribbles: without paint there is nothing to learn from

Places = NDArray[np.int64]


@dataclass(frozen=True)
class _Targets:
    """Where patches of a sample may be put.

    Attributes
    ----------
    low, high
        (D,) box of what is not ignored.
    objects
        (n, D, 2) first and last pixel of every object, along each axis.
    places
        For every foreground class, or class of strokes: raveled positions of its pixels.
    """

    low: Places
    high: Places
    objects: Places
    places: tuple[Places, ...]


class PatchSampler:
    """Draws batches of varied patches; step k of a seed is always the same batch.

    Parameters
    ----------
    samples
        What is trained on.
    configuration
        Patch and batch size, and what the labels are.
    parameters
        Augmentation, and the share of patches on foreground.
    seed
        Of everything that is drawn.

    Raises
    ------
    AnnotationError
        If nothing in the samples is annotated.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        configuration: Configuration,
        parameters: UNetParameters,
        seed: int,
    ) -> None:
        self._samples = tuple(samples)
        self._patch = configuration.patch
        self._batch_size = configuration.batch_size
        self._parameters = parameters
        self._seed = seed
        annotation = configuration.annotation
        self._share = _ON_STROKES if annotation == "scribbles" else parameters.foreground_share
        self._targets = [_targets(sample.labels, annotation, seed) for sample in self._samples]
        if not self._samples or all(target is None for target in self._targets):
            raise AnnotationError("there is nothing to train on: annotate something (got no label)")
        self._cumulated = self._weights()
        self._offset = float(np.random.default_rng(seed).random())

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The patches of a step.

        Returns
        -------
        images, labels
            (B, C, *patch) float32, and (B, *patch) int32 with −1 where a pixel is to be ignored.
        """
        size = self._batch_size
        images = np.empty((size, self._samples[0].image.shape[0], *self._patch), np.float32)
        labels = np.empty((size, *self._patch), np.int32)
        for position in range(size):
            images[position], labels[position] = self._draw(step * size + position)
        return images, labels

    def _weights(self) -> NDArray[np.float64]:
        """Cumulated chance of every sample: by the root of how many patches it holds.

        A large image should neither outnumber all others, nor have each of its objects seen much less.
        """
        area = float(np.prod(self._patch))
        weights = np.array(
            [
                0.0 if target is None else max(1.0, float(np.prod(target.high - target.low)) / area) ** 0.5
                for target in self._targets
            ]
        )
        cumulated: NDArray[np.float64] = np.cumsum(weights) / weights.sum()
        return cumulated

    def _draw(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        rng = np.random.default_rng((self._seed, number))
        # Golden-ratio steps visit the samples evenly, so that no image waits long for its turn.
        point = (self._offset + number * _GOLDEN) % 1.0
        index = int(np.searchsorted(self._cumulated, point, side="right"))
        index = min(index, len(self._samples) - 1)
        sample, target = self._samples[index], self._targets[index]
        assert target is not None
        geometry: Geometry = draw_geometry(self._parameters, self._patch, rng)
        centre = self._centre(sample.labels, target, rng)
        image, labels = take_patch(sample.image, sample.labels, centre.tolist(), self._patch, geometry)
        return vary_intensity(image, self._parameters, rng), labels

    def _centre(self, labels: NDArray[np.int32], target: _Targets, rng: np.random.Generator) -> Places:
        """The pixel of a sample that comes to a patch's centre."""
        patch = np.array(self._patch)
        if rng.random() < self._share and (len(target.objects) or target.places):
            pixel = self._on_foreground(labels.shape, target, rng)
            pixel = pixel + np.rint(rng.uniform(-0.3, 0.3, len(patch)) * patch).astype(np.int64)
        else:
            for _ in range(_TRIES):
                pixel = rng.integers(target.low, target.high)
                if labels[tuple(pixel)] != OUTSIDE:
                    break
        # The window stays within what is annotated, as far as it is large enough.
        lowest, highest = target.low + patch // 2, target.high - (patch - patch // 2)
        middle = rng.integers(np.minimum(lowest, highest), np.maximum(lowest, highest) + 1)
        inside = np.clip(pixel, lowest, np.maximum(lowest, highest))
        centre: Places = np.where(highest >= lowest, inside, middle)
        return centre

    @staticmethod
    def _on_foreground(shape: tuple[int, ...], target: _Targets, rng: np.random.Generator) -> Places:
        if len(target.objects):
            box = target.objects[rng.integers(len(target.objects))]
            pixel: Places = rng.integers(box[:, 0], box[:, 1])
            return pixel
        places = target.places[rng.integers(len(target.places))]
        return np.array(np.unravel_index(places[rng.integers(len(places))], shape), np.int64)


def _targets(labels: NDArray[np.int32], annotation: Annotation, seed: int) -> _Targets | None:
    """Where patches of a sample may be put; None where all of it is ignored."""
    box = _box(labels > (0 if annotation == "scribbles" else -1))
    if box is None:
        return None
    low, high = box
    objects = np.empty((0, labels.ndim, 2), np.int64)
    places: list[Places] = []
    if annotation == "instances":
        objects = object_boxes(labels)
    else:
        classes = [int(c) for c in count_labels(labels)[0] if c > 0]
        rng = np.random.default_rng(seed)
        for label in classes:
            where = np.flatnonzero(labels == label)
            if len(where) > _MOST_PLACES:
                where = where[rng.integers(len(where), size=_MOST_PLACES)]
            places.append(where)
    if annotation == "scribbles":
        low, high = np.zeros_like(low), np.array(labels.shape, np.int64)
    return _Targets(low, high, objects, tuple(places))


def _box(mask: NDArray[np.bool_]) -> tuple[Places, Places] | None:
    """First and last + 1 pixel along each axis of a mask."""
    if not mask.any():
        return None
    ends = []
    for axis in range(mask.ndim):
        along = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        ends.append((int(along[0]), int(along[-1]) + 1))
    both = np.array(ends, np.int64)
    return both[:, 0], both[:, 1]
