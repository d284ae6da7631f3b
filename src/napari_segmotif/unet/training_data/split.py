"""What is held out for validation: whole images where there are several, else a stretch of the only one.

A network that is judged on pixels beside those it learned from is judged on its memory: no frame or plane of
an image is ever on the other side, and between two parts of one image lies a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...errors import AnnotationError
from .samples import Sample, SampleSet
from .split_region import cut_region
from .split_tally import Tally, tally

_TRIES = 200  # shuffles of the images that are looked at for one with every class on both sides


@dataclass(frozen=True)
class Split:
    """Samples to train on and samples to judge by.

    Attributes
    ----------
    train, validation
        Never empty, each with something annotated.
    by
        "image": other images; "region": other parts of the same images, where the labels of one side are −1
        on the other.
    message
        What was done, in plain words.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    by: Literal["image", "region"]
    message: str


def split_samples(samples: SampleSet, share: float, random_state: int) -> Split:
    """Hold out a share of the images, or of the area of a single one.

    Parameters
    ----------
    samples
        At least one, annotated.
    share
        Of the images, or of the area, in (0, 1); at least one image is held out, and one is left.
    random_state
        Seed of the choice.

    Returns
    -------
    Split

    Raises
    ------
    AnnotationError
        If too little is annotated to have something on both sides; says what to do.
    """
    rng = np.random.default_rng(random_state)
    images = sorted({sample.image_index for sample in samples.samples})
    if len(images) > 1:
        held_out = _choose_images(samples, images, share, rng)
        if held_out is not None:
            train = tuple(s for s in samples.samples if s.image_index not in held_out)
            validation = tuple(s for s in samples.samples if s.image_index in held_out)
            message = f"{len(held_out)} of {len(images)} images are held out for validation."
            return Split(train, validation, "image", message)
    return _by_region(samples, share, rng)


def _choose_images(
    samples: SampleSet, images: Sequence[int], share: float, rng: np.random.Generator
) -> set[int] | None:
    """Images to hold out so that both sides can be used; None where there is no such choice."""
    tallies: dict[int, list[Tally]] = {index: [] for index in images}
    for sample in samples.samples:
        tallies[sample.image_index].append(tally(sample.labels, samples.annotation, samples.classes))
    by_image = {index: Tally.total(of_image, samples.classes) for index, of_image in tallies.items()}
    n_held = min(len(images) - 1, max(1, round(share * len(images))))
    usable: set[int] | None = None
    for _ in range(_TRIES):
        order = rng.permutation(len(images))
        held = {images[i] for i in order[:n_held]}
        train = Tally.total((by_image[i] for i in images if i not in held), samples.classes)
        validation = Tally.total((by_image[i] for i in held), samples.classes)
        if train.complete and validation.complete:
            return held
        if train.complete and validation.foreground and usable is None:
            usable = held
    return usable


def _by_region(samples: SampleSet, share: float, rng: np.random.Generator) -> Split:
    cut = cut_region(samples, share, rng)
    if cut is None:
        n = sum(tally(s.labels, samples.annotation, samples.classes).foreground for s in samples.samples)
        unit = "object(s)" if samples.annotation == "instances" else "annotated pixel(s)"
        raise AnnotationError(
            "too little is annotated to keep a part of it for validation: annotate more, in different "
            f"places, or annotate another image, or give images for validation (got {n} {unit})"
        )
    train = [replace(sample, labels=cut.train_labels(sample)) for sample in samples.samples]
    validation = [replace(sample, labels=cut.validation_labels(sample)) for sample in samples.samples]
    least = 1 if samples.annotation == "scribbles" else 0
    return Split(
        tuple(sample for sample in train if (sample.labels >= least).any()),
        tuple(sample for sample in validation if (sample.labels >= least).any()),
        "region",
        cut.message,
    )
