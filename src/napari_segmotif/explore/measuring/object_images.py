"""Label and intensity images as they are given, checked and read frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.axes import resolve_axes
from ...errors import AxesError, InputError

_LABEL_AXES = {2: "YX", 3: "ZYX", 4: "TZYX"}


@dataclass(frozen=True)
class ObjectImages:
    """Labels, and the channels that are measured on them.

    Attributes
    ----------
    labels
        Anything with `shape`, `dtype` and slicing.
    axes
        Of the labels: letters of "TZYX".
    channels
        One (array, axes, index along C or None) for each channel.
    spacing
        (D,) float64 size of a pixel.
    """

    labels: Any
    axes: str
    channels: tuple[tuple[Any, str, int | None], ...]
    spacing: NDArray[np.float64]

    @property
    def dimensions(self) -> int:
        """Spatial dimensions, 2 or 3."""
        return len(self.axes.replace("T", ""))

    @property
    def n_frames(self) -> int:
        """Number of time points; 1 without time."""
        return int(self.labels.shape[0]) if "T" in self.axes else 1

    def read_labels(self, frame: int) -> NDArray[Any]:
        """Labels of a frame, (Y, X) or (Z, Y, X), whole numbers."""
        return whole_labels(np.asarray(self.labels[frame] if "T" in self.axes else self.labels[...]))

    def read_channel(self, frame: int, channel: int) -> NDArray[Any]:
        """One channel of a frame, in the labels' shape and the image's type."""
        array, axes, place = self.channels[channel]
        index = tuple(frame if a == "T" else place if a == "C" else slice(None) for a in axes)
        return np.asarray(array[index])


def object_images(
    labels: Any,
    intensity: Any = None,
    spacing: float | Sequence[float] | None = None,
    axes: str | None = None,
    intensity_axes: str | None = None,
) -> ObjectImages:
    """Check what is to be measured. Parameters are those of `measure_objects`.

    Raises
    ------
    InputError
        If the labels are no labels, or the images do not fit together.
    """
    labels = _array(labels)
    axes = _label_axes(labels, axes)
    channels: tuple[tuple[Any, str, int | None], ...] = ()
    for image in _images(intensity):
        channels += _channels(image, intensity_axes, labels, axes)
    return ObjectImages(labels, axes, channels, checked_spacing(spacing, axes.replace("T", "")))


def whole_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as whole numbers; those of another type that hold nothing else are converted.

    Raises
    ------
    InputError
        If some are not finite, no whole numbers, or too large.
    """
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise InputError(
                "labels must be whole numbers: set what is not finite to 0, the background, for instance "
                f"with numpy.nan_to_num (got {int((~np.isfinite(labels)).sum())} NaN or infinite pixels)"
            )
        whole = np.rint(labels)
        if not np.array_equal(whole, labels):
            odd = labels[whole != labels].flat[0]
            raise InputError(
                "labels must be whole numbers, one for each object: a probability map or a smoothed image is "
                f"turned into objects with make_objects (got {odd:g} in labels of {labels.dtype})"
            )
        if labels.size and np.abs(whole).max() >= 2**53:
            raise InputError(f"labels of real numbers must stay below 2**53 (got {np.abs(whole).max():g})")
        return np.asarray(whole, np.int64)
    if labels.dtype == np.uint64 and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise InputError(f"labels must stay below 2**63: relabel the image (got {labels.max()})")
    return labels


def checked_spacing(spacing: float | Sequence[float] | None, spatial_axes: str) -> NDArray[np.float64]:
    """Size of a pixel along each axis; ones where it is not known.

    Raises
    ------
    InputError
        If there is not one positive number for each axis, or one for all.
    """
    try:
        sizes = np.asarray(1.0 if spacing is None else spacing, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"spacing needs one number per axis of {spatial_axes} (got {spacing!r})") from None
    if sizes.ndim == 0:
        sizes = np.full(len(spatial_axes), float(sizes))
    if sizes.shape != (len(spatial_axes),) or not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise InputError(f"spacing needs one positive number per axis of {spatial_axes} (got {spacing!r})")
    return sizes


def _array(image: Any) -> Any:
    return image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)


def _images(intensity: Any) -> list[Any]:
    if intensity is None:
        return []
    if isinstance(intensity, (list, tuple)) and any(np.ndim(image) > 1 for image in intensity):
        return [_array(image) for image in intensity]
    return [_array(intensity)]


def _label_axes(labels: Any, axes: str | None) -> str:
    kind = np.dtype(labels.dtype).kind
    if kind == "b":
        raise InputError(
            "a mask says where objects are, not which pixels are one object: turn it into labels first, with "
            "make_objects or scipy.ndimage.label (got labels of bool)"
        )
    if kind not in "uif":
        raise InputError(f"labels must be whole numbers, one for each object (got labels of {labels.dtype})")
    shape = tuple(int(n) for n in labels.shape)
    if axes is None:
        if len(shape) not in _LABEL_AXES:
            raise AxesError(f"labels must be (Y, X), (Z, Y, X) or (T, Z, Y, X) (got shape {shape})")
        axes = _LABEL_AXES[len(shape)]
    letters = resolve_axes(shape, axes)
    if "C" in letters:
        raise AxesError(f"labels have no channels: give one label image (got axes {letters!r})")
    if 0 in shape:
        raise InputError(f"the label image is empty (got shape {shape})")
    return letters


def _channels(
    image: Any, given: str | None, labels: Any, axes: str
) -> tuple[tuple[Any, str, int | None], ...]:
    """The channels of one intensity image; without axes, C is what the labels do not have, first the last."""
    if np.dtype(image.dtype).kind not in "buif":
        raise InputError(f"the intensity image must hold real numbers (got dtype {image.dtype})")
    shape, wanted = tuple(int(n) for n in image.shape), tuple(int(n) for n in labels.shape)
    if given is not None:
        # Of a list of channels, each may come without the axis that they have together.
        letters = resolve_axes(shape, given if len(given) == len(shape) else given.upper().replace("C", ""))
    elif shape == wanted:
        letters = axes
    else:
        places = [i for i in range(len(shape)) if shape[:i] + shape[i + 1 :] == wanted]
        if not places:
            raise InputError(_misfit(shape, wanted, None, axes))
        place = places[-1] if places[-1] == len(wanted) else places[0]
        letters = axes[:place] + "C" + axes[place:]
    without = tuple(n for n, letter in zip(shape, letters, strict=True) if letter != "C")
    if without != wanted or letters.replace("C", "") != axes:
        raise InputError(_misfit(shape, wanted, letters, axes))
    n = shape[letters.index("C")] if "C" in letters else 0
    if "C" in letters and n == 0:
        raise InputError(f"the intensity image has no channels (got shape {shape})")
    return tuple((image, letters, i) for i in range(n)) or ((image, letters, None),)


def _misfit(shape: tuple[int, ...], wanted: tuple[int, ...], letters: str | None, axes: str) -> str:
    if len(shape) < len(wanted):
        return (
            f"labels of {len(wanted)} axes need an intensity image with the same axes: choose the whole "
            f"stack, not a plane of it (got labels {wanted}, intensity {shape})"
        )
    without = () if letters is None else tuple(n for n, a in zip(shape, letters, strict=True) if a != "C")
    if without == wanted:  # only their meaning differs
        return (
            "labels and intensity image must have the same axes, apart from channels C: say what the axes of "
            f"both are (got labels {wanted} with axes {axes}, intensity {shape} with axes {letters})"
        )
    return (
        "labels and intensity image must have the same shape, apart from channels: measure on the image that "
        f"was segmented (got labels {wanted}, intensity {shape})"
    )
