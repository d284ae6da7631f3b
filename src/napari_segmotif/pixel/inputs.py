"""What is handed to a classifier, brought into one form and checked against what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ..common.axes import SPATIAL, ImageSource
from ..errors import InputError, ModelMismatchError
from .filtering.features import PixelFeatures

if TYPE_CHECKING:
    from .classifier import PixelClassifier

SPACING_TOLERANCE = 0.1
"""An image may differ in pixel size from the training images by this share."""


class Names(TypedDict, total=False):
    """What users call their classes and channels.

    Attributes
    ----------
    class_names
        Label → name.
    class_colors
        Label → "#rrggbb".
    channel_names
        One per channel; they appear in the names of the features.
    """

    class_names: Mapping[int, str]
    class_colors: Mapping[int, str]
    channel_names: Sequence[str]


def as_lists(
    images: Any, annotations: Any, axes: str | None, spacing: Sequence[float] | None
) -> tuple[list[ImageSource], list[Any]]:
    """Sources and annotations as lists of equal length, whatever was handed in."""
    if not isinstance(images, (list, tuple)):
        images, annotations = [images], [annotations]
    if not isinstance(annotations, (list, tuple)) or len(images) != len(annotations) or not images:
        n = len(annotations) if isinstance(annotations, (list, tuple)) else 1
        raise InputError(f"every image needs one annotation (got {len(images)} images, {n} annotations)")
    painted = [a if hasattr(a, "shape") and hasattr(a, "dtype") else np.asarray(a) for a in annotations]
    return [
        ImageSource.of(image, axes, spacing, annotation_shape=annotation.shape)
        for image, annotation in zip(images, painted, strict=True)
    ], painted


def check_alike(
    source: ImageSource,
    n_channels: int,
    spatial_axes: str,
    spacing: tuple[float, ...] | None,
    features: PixelFeatures,
) -> None:
    """Raise ModelMismatchError where an image cannot be looked at with the filters of the training."""
    if source.n_channels != n_channels:
        raise ModelMismatchError(
            f"the classifier looks at images of {n_channels} channel(s): choose the same channels, or check "
            f"the axes (got {source.n_channels} channel(s), axes {source.axes!r})"
        )
    if features.dimensions == 3 and source.spatial_axes != spatial_axes:
        raise ModelMismatchError(
            f"the classifier was trained with 3-D filters on {spatial_axes} images: take an image with the "
            f"same axes, or train with dimensions=2 (got axes {source.axes!r})"
        )
    if features.sigma_unit == "physical" or spacing is None or source.spacing is None:
        return
    n = features.filter_dimensions(len(spatial_axes))
    ratios = np.array(source.spacing[-n:]) / np.array(spacing[-n:])
    if np.abs(np.log(ratios)).max() > np.log1p(SPACING_TOLERANCE):
        raise ModelMismatchError(
            f"the classifier was trained at a pixel size of {spacing}: resample the image to it, or train "
            f"with sigma_unit='physical' (got pixel size {source.spacing})"
        )


def prepare(
    image: Any, axes: str | None, spacing: Sequence[float] | None, classifier: PixelClassifier
) -> ImageSource:
    """An image to predict, read as the classifier's training images were; axes are theirs where not said."""
    trained_axes, trained_spacing = classifier.axes_, classifier.spacing_
    if axes is None and not isinstance(image, ImageSource):
        image = image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)
        axes = trained_axes if image.ndim == len(trained_axes) else None
    source = ImageSource.of(image, axes, spacing)
    spatial = "".join(letter for letter in trained_axes if letter in SPATIAL)
    check_alike(source, classifier.n_channels_, spatial, trained_spacing, classifier.features)
    if classifier.features.sigma_unit == "pixel" and source.spatial_axes == spatial:
        # The very filters of the training: pixel sizes that differ by a rounding change nothing.
        return ImageSource(source.array, source.axes, trained_spacing)
    return source
