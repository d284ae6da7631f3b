"""What a U-Net is worth on images with known labels: objects and pixels, image by image and all together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..common.axes import ImageSource
from ..common.metrics import ClassificationScores, confusion_matrix
from ..common.object_metrics import ObjectScores, match_objects
from ..common.progress import CancelToken, Job
from ..errors import InputError
from .pairs import Pair, open_pairs
from .tasks import each_file_iter

if TYPE_CHECKING:
    from ..unet.segmenter import UNetSegmenter

_MOST_SHOWN = 5


@dataclass(frozen=True)
class ImageScores:
    """How well the labels of an image were found, or the `error` that prevented it.

    Attributes
    ----------
    image
        The file.
    objects
        Objects found and missed; None where the model learned no objects.
    confusion
        (K, K) pixels of each class that were taken for each class, of what is annotated.
    error
        What went wrong, or None.
    """

    image: Path
    objects: ObjectScores | None
    confusion: NDArray[np.int64]
    error: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """Scores of several images.

    Attributes
    ----------
    classes
        The K class labels.
    background
        Which of them, by its place, is the background.
    images
        Scores of each, failed ones included.
    """

    classes: tuple[int, ...]
    background: int
    images: tuple[ImageScores, ...]

    @property
    def objects(self) -> ObjectScores | None:
        """All objects of all images together; None where the model learned no objects."""
        found = [scores.objects for scores in self.images if scores.objects is not None]
        return sum(found, start=ObjectScores.empty()) if found else None

    @property
    def mean_of_images(self) -> tuple[float, ...]:
        """Average precision by threshold, averaged over the images in which it is defined; else empty."""
        if self.objects is None:
            return ()
        table = np.array([s.objects.average_precision for s in self.images if s.objects is not None])
        defined = ~np.isnan(table).all(axis=0)
        return tuple(
            float(np.nanmean(column)) if known else float("nan")
            for column, known in zip(table.T, defined, strict=True)
        )

    @property
    def pixels(self) -> ClassificationScores:
        """All pixels of all images together."""
        total = np.sum([scores.confusion for scores in self.images], axis=0)
        return ClassificationScores.from_confusion(total, self.classes)

    def dice(self, scores: ImageScores | None = None) -> float:
        """Mean Dice of the classes but the background, of one image or of all; NaN where undefined."""
        pixels = self.pixels
        if scores is not None:
            pixels = ClassificationScores.from_confusion(scores.confusion, self.classes)
        of_classes = np.delete(pixels.f1, self.background)
        defined = of_classes[~np.isnan(of_classes)]
        return float(defined.mean()) if defined.size else float("nan")


def evaluate_iter(
    segmenter: UNetSegmenter,
    pairs: Sequence[Pair],
    *,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    augment: bool = False,
    cancel: CancelToken | None = None,
) -> Job[Evaluation]:
    """Predict images and compare with their labels, as a job.

    Parameters
    ----------
    segmenter
        The trained model. The labels are of the kind that it was trained on.
    pairs
        Images and their labels.
    axes, spacing
        Of all images; None takes what the files say.
    augment
        Take the mean over mirrored images.

    Returns
    -------
    Evaluation
        Planes are compared by themselves where the network sees planes; frames always are.
    """
    classes = tuple(int(label) for label in segmenter.classes_)
    nothing = np.zeros((len(classes), len(classes)), np.int64)
    scores = yield from each_file_iter(
        [(pair.image.name, pair) for pair in pairs],
        lambda pair: _evaluate_one(segmenter, classes, pair, axes, spacing, augment, cancel),
        there=lambda pair: None,
        failed=lambda pair, error: ImageScores(pair.image, None, nothing, error),
        no_memory="the memory does not suffice: crop the image",
    )
    return Evaluation(classes, segmenter.model_.heads.background_index, tuple(scores))


def _evaluate_one(
    segmenter: UNetSegmenter,
    classes: tuple[int, ...],
    pair: Pair,
    axes: str | None,
    spacing: Sequence[float] | None,
    augment: bool,
    cancel: CancelToken | None,
) -> Job[ImageScores]:
    learned_objects = segmenter.annotation_ == "instances"
    with open_pairs([pair], axes, spacing) as opened:
        source, truth = opened.images[0], np.asarray(opened.annotations[0][...])
        if not learned_objects:
            _check_classes(truth, segmenter)
        predicted = yield from segmenter.predict_iter(
            source,
            outputs=("labels", "instances") if learned_objects else ("labels",),
            augment=augment,
            cancel=cancel,
        )
    if not learned_objects:
        annotated = np.where(truth == 0, -1, truth) if segmenter.annotation_ == "scribbles" else truth
        return ImageScores(pair.image, None, confusion_matrix(annotated, predicted.labels, classes))
    objects = ObjectScores.empty()
    for part in _samples(source, segmenter.parameters.dimensions):
        objects += match_objects(truth[part], predicted.instances[part])
    confusion = confusion_matrix((truth > 0).astype(np.uint8), predicted.labels, classes)
    return ImageScores(pair.image, objects, confusion)


def _check_classes(truth: NDArray[Any], segmenter: UNetSegmenter) -> None:
    """Refuse classes that were never learned: left out, they would make the scores look better."""
    ignored = [0] if segmenter.annotation_ == "scribbles" else []
    names = dict(segmenter.class_names_)
    known = [int(label) for label in segmenter.classes_]
    unknown = sorted(set(np.unique(truth).tolist()) - {*known, *ignored})
    if unknown:
        called = {
            label: "" if names.get(label) in (None, f"class {label}") else f" {names[label]}"
            for label in known
        }
        classes = ", ".join(f"{label}{name}" for label, name in called.items())
        more = ", …" if len(unknown) > _MOST_SHOWN else ""
        raise InputError(
            "the labels have classes that the network does not know: number them as for the training, "
            f"{classes} (got {', '.join(map(str, unknown[:_MOST_SHOWN]))}{more})"
        )


def _samples(source: ImageSource, dimensions: int) -> Iterator[tuple[Any, ...]]:
    """Where the planes, or volumes, that the network sees at once are in the labels."""
    return np.ndindex(source.output_shape[:-dimensions])
