"""How good a network is on held-out samples: on crops after every epoch, on all of them at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...common.metrics import ClassificationScores, confusion_matrix
from ...common.object_metrics import IOU_THRESHOLDS, ObjectScores, match_objects
from ...common.progress import CancelToken, Job, Progress
from ...common.tiling import read_mirrored, tile_grid
from ..network.heads import Heads
from ..objects.decoding import Decoder
from ..training_data.samples import Sample
from ..training_data.targets import IGNORED

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Crop:
    """A patch of a validation sample, not varied.

    Attributes
    ----------
    sample
        Where it is from.
    region
        One slice per axis of the sample; smaller than a patch where the sample is.
    image, labels
        (C, *patch) float32 and (*patch) int32: mirrored beyond the sample, with labels −1 there.
    """

    sample: Sample
    region: tuple[slice, ...]
    image: F32
    labels: I32


def choose_crops(
    samples: Sequence[Sample], patch: Sequence[int], n_most: int, *, sparse: bool = False
) -> list[Crop]:
    """Spread at most `n_most` patches, with something annotated in each, evenly over samples.

    The same for the same samples: no chance in it. With `sparse`, 0 means: not annotated.
    """
    per_sample = [_regions(sample, patch, 1 if sparse else 0) for sample in samples]
    chosen: list[tuple[Sample, tuple[slice, ...]]] = []
    depth = 0
    while len(chosen) < n_most and any(len(regions) > depth for regions in per_sample):
        row = [(s, r[depth]) for s, r in zip(samples, per_sample, strict=True) if len(r) > depth]
        free = n_most - len(chosen)
        if len(row) > free:  # evenly, rather than the first ones
            row = [row[i] for i in np.linspace(0, len(row) - 1, free).round().astype(int)]
        chosen += row
        depth += 1
    return [_crop(sample, region, patch) for sample, region in chosen]


def _regions(sample: Sample, patch: Sequence[int], least: int) -> list[tuple[slice, ...]]:
    """Patches of a grid over a sample, those with most that is annotated and not background first."""
    shape = sample.labels.shape
    regions = [
        tuple(
            slice(min(part.start, max(0, n - size)), min(part.start, max(0, n - size)) + min(n, size))
            for part, n, size in zip(tile.inner, shape, patch, strict=True)
        )
        for tile in tile_grid(shape, patch)
    ]
    annotated = [region for region in regions if (sample.labels[region] >= least).any()]
    return sorted(annotated, key=lambda region: -int((sample.labels[region] > 0).sum()))


def _crop(sample: Sample, region: tuple[slice, ...], patch: Sequence[int]) -> Crop:
    start = [part.start for part in region]
    stop = [first + size for first, size in zip(start, patch, strict=True)]
    image = read_mirrored(lambda r: sample.image[(slice(None), *r)], sample.labels.shape, start, stop)
    labels = np.full(tuple(patch), IGNORED, np.int32)
    labels[tuple(slice(0, part.stop - part.start) for part in region)] = sample.labels[region]
    return Crop(sample, region, np.ascontiguousarray(image), labels)


class PixelCount:
    """Adds up how often each class was taken for each class, over many images.

    Parameters
    ----------
    heads
        With the classes.
    sparse
        Whether 0 means: not annotated.
    """

    def __init__(self, heads: Heads, *, sparse: bool) -> None:
        self._heads = heads
        self._sparse = sparse
        self.confusion = np.zeros((heads.n_classes, heads.n_classes), np.int64)

    def add(self, truth: I32, maps: F32) -> None:
        """Count the pixels of an image that are annotated; truth (*spatial), maps (n_maps, *spatial)."""
        known = truth != IGNORED
        if self._sparse:
            known &= truth != 0
        classes = np.asarray(self._heads.classes, np.int32)
        predicted = classes[maps[self._heads.class_maps].argmax(axis=0)]
        wanted = np.minimum(truth, 1) if self._heads.objects else truth
        self.confusion += confusion_matrix(wanted[known], predicted[known], classes.tolist())

    @property
    def scores(self) -> ClassificationScores:
        """Precision, recall, Jaccard, … of every class."""
        return ClassificationScores.from_confusion(self.confusion, self._heads.classes)

    @property
    def dice(self) -> float:
        """Mean Dice (F1) of the classes other than the background; NaN where none occurs."""
        of_classes = np.delete(self.scores.f1, self._heads.background_index)
        defined = of_classes[~np.isnan(of_classes)]
        return float(defined.mean()) if defined.size else float("nan")


@dataclass(frozen=True)
class ValidationTable:
    """What a network is worth on held-out samples.

    Attributes
    ----------
    objects
        Average precision, precision and recall of objects at several IoU thresholds, all objects of all
        samples together; None where no objects are learned.
    objects_per_sample
        The same of every sample.
    pixels
        Precision, recall, Jaccard, … of the classes, pixel by pixel, of what is annotated.
    dice
        Of the foreground; the mean of several classes.
    by
        "image" or "region": what was held out.
    n_samples
        Planes, or volumes, that were held out.
    background
        Index of the class that is not foreground.
    """

    objects: ObjectScores | None
    objects_per_sample: tuple[ObjectScores, ...]
    pixels: ClassificationScores
    dice: float
    by: str
    n_samples: int
    background: int = 0

    @property
    def mean_average_precision(self) -> float:
        """Mean over the IoU thresholds of .5, .6, .7, .8 and .9; NaN without objects."""
        return float("nan") if self.objects is None else self.objects.mean_average_precision

    def to_text(self, class_names: dict[int, str] | None = None) -> str:
        """A plain table for a terminal."""
        lines = [self.pixels.to_text(class_names)]
        if self.objects is not None:
            lines.append("")
            lines.append("objects at IoU   " + "  ".join(f"{t:>6.1f}" for t in self.objects.thresholds))
            for name in ("average_precision", "precision", "recall"):
                values = getattr(self.objects, name)
                label = name.replace("_", " ").ljust(17)
                lines.append(label + "  ".join("     –" if v != v else f"{v:6.3f}" for v in values))
        return "\n".join(lines)


def tabulate(
    samples: Sequence[Sample],
    maps: Sequence[F32],
    heads: Heads,
    decoder: Decoder,
    spacing: tuple[float, ...] | None,
    *,
    sparse: bool,
    by: str,
    cancel: CancelToken | None = None,
) -> Job[ValidationTable]:
    """Compare what a network says of whole samples with their labels, as a job.

    Parameters
    ----------
    samples, maps
        Samples, and the maps (n_maps, *spatial) of each.
    heads
        What the maps are.
    decoder, spacing
        How objects are made of them.
    sparse
        Whether the label 0 means: not annotated.
    by
        "image" or "region": what was held out.
    cancel
        Looked at after every sample.
    """
    count = PixelCount(heads, sparse=sparse)
    found = []
    for number, (sample, said) in enumerate(zip(samples, maps, strict=True), start=1):
        if cancel is not None:
            cancel.raise_if_cancelled()
        count.add(sample.labels, said)
        if heads.objects:
            found.append(object_scores(sample.labels, said, heads, decoder, spacing))
        yield Progress(number, len(samples), f"counting objects: image {number} of {len(samples)}")
    total = sum(found[1:], start=found[0]) if found else None
    return ValidationTable(
        total, tuple(found), count.scores, count.dice, by, len(samples), heads.background_index
    )


def usual_decoder(heads: Heads) -> Decoder:
    """How objects are made before the way was chosen on validation samples."""
    return Decoder(method="seeds" if heads.objects else "components")


def object_scores(
    truth: I32, maps: F32, heads: Heads, decoder: Decoder, spacing: tuple[float, ...] | None = None
) -> ObjectScores:
    """Compare the objects of maps (n_maps, *spatial) with true ones; where labels are −1, nothing counts."""
    return match_objects(truth, decoder(maps, heads, spacing), IOU_THRESHOLDS)
