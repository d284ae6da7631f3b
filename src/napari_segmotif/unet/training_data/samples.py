"""From images and label layers to samples: the planes, or volumes, that the network is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource
from ...common.progress import CancelToken, Job, Progress
from ...errors import AxesError, InputError
from ..parameters import Annotation
from .annotation import LabelSurvey, as_labels, check_label_array
from .intensity import read_scaled, sample_region

SPACING_TOLERANCE = 0.1
"""Pixel sizes of training images may differ by this share before the user is told."""


@dataclass(frozen=True)
class Sample:
    """One thing that the network sees at once: a plane of an image, or a volume.

    Attributes
    ----------
    image
        (C, *s) float32, scaled to about 0..1 by its own range; *s is (Y, X) or (Z, Y, X).
    labels
        (*s) int32. 0 = background of instances, class 0 of semantic labels, or not annotated in scribbles;
        −1 = ignored.
    image_index
        Which of the images it is of.
    frame
        Index along T; 0 without time.
    plane
        Index along Z for a plane of a stack, else None.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    image_index: int
    frame: int
    plane: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return self.labels.shape


@dataclass(frozen=True)
class SampleSet:
    """All samples of a training, and what they have in common.

    Attributes
    ----------
    samples
        In the order of images, frames and planes.
    annotation
        What the labels are.
    classes
        Class labels, ascending; the first is the background. (0, 1) for instances.
    n_channels
        Of every image.
    axes
        Of the first image.
    spacing
        Pixel size of the first image along the axes of a sample, or None.
    messages
        What the user should know about this annotation, in plain words.
    """

    samples: tuple[Sample, ...]
    annotation: Annotation
    classes: tuple[int, ...]
    n_channels: int
    axes: str
    spacing: tuple[float, ...] | None
    messages: tuple[str, ...] = ()


def collect_samples(
    images: Any,
    labels: Any,
    annotation: Annotation,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    dimensions: int = 2,
    *,
    cancel: CancelToken | None = None,
) -> Job[SampleSet]:
    """Read, check and scale what a network is to be trained on.

    Parameters
    ----------
    images
        One image, or a list: any axes of "TCZYX", ImageSources, NumPy, dask, zarr. Sizes may differ.
    labels
        As many label images, in the shape of their image without channels; whole numbers.
    annotation
        What the labels are: "instances", "semantic" or "scribbles".
    axes
        Of every image that is not an ImageSource; None to infer.
    spacing
        Pixel size along the spatial axes of these images.
    dimensions
        2: every plane is a sample; 3: every volume is.

    Yields
    ------
    Progress
        After each frame or plane.

    Returns
    -------
    SampleSet

    Raises
    ------
    InputError, AxesError, AnnotationError
        Where images and labels cannot be trained on; says what to do.
    """
    cancel = cancel or CancelToken()
    sources, painted = paired(images, labels, axes, spacing)
    messages = _check_sources(sources, dimensions)
    for number, (source, label) in enumerate(zip(sources, painted, strict=True)):
        check_label_array(label, source.output_shape, number if len(sources) > 1 else None)
    places = [(i, *place) for i, source in enumerate(sources) for place in _places(source, dimensions)]
    survey = LabelSurvey(annotation)
    samples = []
    for done, (index, frame, plane) in enumerate(places, start=1):
        cancel.raise_if_cancelled()
        values = as_labels(_read_labels(painted[index], sources[index], frame, plane), annotation)
        if survey.add(values):
            image = read_scaled(sources[index], frame, plane)
            samples.append(Sample(image, values, index, frame, plane))
        yield Progress(done, len(places), f"reading image {done} of {len(places)}")
    classes = survey.classes()
    first = sources[0]
    return SampleSet(
        tuple(samples),
        annotation,
        classes,
        first.n_channels,
        first.axes,
        None if first.spacing is None else first.spacing[-dimensions:],
        (*messages, *survey.messages()),
    )


def paired(
    images: Any, labels: Any, axes: str | None = None, spacing: Sequence[float] | None = None
) -> tuple[list[ImageSource], list[Any]]:
    """Images and labels as lists of equal length, whatever was handed in."""
    if not isinstance(images, (list, tuple)):
        images, labels = [images], [labels]
    n_labels = len(labels) if isinstance(labels, (list, tuple)) else 1
    if not isinstance(labels, (list, tuple)) or len(images) != n_labels or not images:
        raise InputError(
            "every image needs one label layer: give as many label layers as images, at least one "
            f"(got {len(images)} images, {n_labels} label layers)"
        )
    arrays = [a if hasattr(a, "shape") and hasattr(a, "dtype") else np.asarray(a) for a in labels]
    return [
        ImageSource.of(image, axes, spacing, annotation_shape=array.shape)
        for image, array in zip(images, arrays, strict=True)
    ], arrays


def _check_sources(sources: Sequence[ImageSource], dimensions: int) -> list[str]:
    """Raise where images cannot be trained on together; return what the user should know."""
    channels = [source.n_channels for source in sources]
    if len(set(channels)) > 1:
        odd = next(i for i, n in enumerate(channels) if n != channels[0])
        raise InputError(
            "all images need the same channels: choose the same channels of each, or check the axes "
            f"(got {channels[0]} channel(s) in image 1 and {channels[odd]} in image {odd + 1})"
        )
    if dimensions == 3:
        for number, source in enumerate(sources, start=1):
            if "Z" not in source.axes:
                raise AxesError(
                    "training in 3D needs images with a Z axis: choose 2 dimensions, or say which axis is Z "
                    f"(got axes {source.axes!r} in image {number})"
                )
    messages = []
    dtypes = sorted({str(np.dtype(source.array.dtype)) for source in sources})
    if len(dtypes) > 1:
        messages.append(
            f"The images hold different types of numbers ({', '.join(dtypes)}). "
            "Each is scaled by its own range, so that this does no harm."
        )
    return messages + _spacing_message(sources, dimensions)


def _spacing_message(sources: Sequence[ImageSource], dimensions: int) -> list[str]:
    known = {s.spacing[-dimensions:] for s in sources if s.spacing is not None}
    if len(known) < 2:
        return []
    logs = np.log(np.array(sorted(known)))
    if np.ptp(logs, axis=0).max() <= np.log1p(SPACING_TOLERANCE):
        return []
    return [
        "The pixel sizes of the images differ, so that the same object is larger in some than in others: "
        "resample the images to one pixel size if the result is not good enough."
    ]


def _places(source: ImageSource, dimensions: int) -> Iterator[tuple[int, int | None]]:
    """Frame and plane of every sample of an image."""
    planes: Sequence[int | None] = [None]
    if dimensions == 2 and "Z" in source.axes:
        planes = range(source.spatial_shape[0])
    for frame in range(source.n_frames):
        for plane in planes:
            yield frame, plane


def _read_labels(labels: Any, source: ImageSource, frame: int, plane: int | None) -> NDArray[Any]:
    index = sample_region(source, plane)
    values = np.asarray(labels[(frame, *index)] if "T" in source.axes else labels[index])
    return values if plane is None else values[0]
