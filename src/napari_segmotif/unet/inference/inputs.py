"""An image that a trained U-Net is to segment, checked against those it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...common.axes import ImageSource
from ...errors import ModelMismatchError
from ..trained import TrainedUNet

_ALIKE = 1.25  # augmentation zooms by about as much


def source_for(
    model: TrainedUNet, image: Any, axes: str | None, spacing: Sequence[float] | None
) -> ImageSource:
    """The image, read as those of the training were; axes are theirs where not said.

    Raises
    ------
    ModelMismatchError
        If it has other channels, or is no volume where the network wants volumes.
    """
    if axes is None and not isinstance(image, ImageSource):
        image = image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)
        axes = model.axes if image.ndim == len(model.axes) else None
    source = ImageSource.of(image, axes, spacing)
    if source.n_channels != model.n_channels:
        raise ModelMismatchError(
            f"the network looks at images of {model.n_channels} channel(s): choose the same channels, or "
            f"check the axes (got {source.n_channels} channel(s), axes {source.axes!r})"
        )
    if model.heads.dimensions == 3 and source.spatial_axes != "ZYX":
        raise ModelMismatchError(
            "the network was trained on volumes: take an image with axes ZYX, or train with dimensions=2 "
            f"(got axes {source.axes!r})"
        )
    return source


def pixel_size_messages(model: TrainedUNet, source: ImageSource) -> list[str]:
    """What to say of an image whose pixels are not of the size that the network knows."""
    known, found = model.spacing, source.spacing
    if known is None or found is None:
        return []
    found = found[-len(known) :]
    ratios = [max(a / b, b / a) for a, b in zip(found, known, strict=True)]
    if max(ratios) <= _ALIKE:
        return []
    return [
        f"the pixels of this image are {_numbers(found)} large, those of the training {_numbers(known)}: "
        "objects look larger or smaller than the network knows them; resample the image if the result is poor"
    ]


def _numbers(values: Sequence[float]) -> str:
    return " × ".join(f"{value:.4g}" for value in values)
