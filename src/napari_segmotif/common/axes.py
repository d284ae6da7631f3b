"""What the axes of an array mean, and one way to read any image: whole or piece by piece, lazily or not.

Axes are named by the letters T (time), C (channel), Z, Y and X. Time comes before the spatial axes, the
spatial axes keep the order Z, Y, X, and the channel axis may stand anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AxesError, InputError

SPATIAL = "ZYX"
COLOR_NAMES = ("red", "green", "blue", "alpha")
"""Names of the channels of an RGB or RGBA image."""
_RGB_SAMPLES = (3, 4)


def resolve_axes(
    shape: Sequence[int],
    axes: str | None = None,
    *,
    annotation_shape: Sequence[int] | None = None,
) -> str:
    """Return the axes letters of an array, checked if they are given and inferred if not.

    Parameters
    ----------
    shape
        Shape of the array.
    axes
        Letters of "TCZYX", one per dimension, or None to infer them.
    annotation_shape
        Shape of an annotation of the same image, which has no channel axis: it tells which axis of the
        image is the channel axis.

    Returns
    -------
    str
        Without other hints 2-D is "YX"; 3-D is "YXC" where the last axis has 3 or 4 entries (RGB),
        else "ZYX"; 4-D is "ZYXC" where the last axis has 3 or 4 entries.

    Raises
    ------
    AxesError
        If the letters do not fit the shape, or the axes cannot be inferred safely.
    """
    shape = tuple(int(n) for n in shape)
    if axes is not None:
        return _checked(axes.upper(), shape)
    if annotation_shape is not None:
        hinted = _from_annotation(shape, tuple(int(n) for n in annotation_shape))
        if hinted is not None:
            return hinted
    rgb_like = len(shape) > 2 and shape[-1] in _RGB_SAMPLES and min(shape[:-1]) > 1
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3:
        return "YXC" if rgb_like else "ZYX"
    if len(shape) == 4 and rgb_like:
        return "ZYXC"
    raise AxesError(
        "the meaning of the image's axes is not clear: pass axes, for instance axes='TYX' or axes='CZYX' "
        f"(got shape {shape} and no axes)"
    )


def _checked(axes: str, shape: tuple[int, ...]) -> str:
    if len(axes) != len(shape):
        raise AxesError(f"axes must have one letter per dimension (got axes {axes!r} for shape {shape})")
    if len(set(axes)) != len(axes) or not set(axes) <= set("TCZYX"):
        raise AxesError(f"axes must be different letters out of 'TCZYX' (got {axes!r})")
    if not {"Y", "X"} <= set(axes):
        raise AxesError(f"axes must contain both Y and X (got {axes!r})")
    without_channel = axes.replace("C", "")
    if without_channel != "".join(letter for letter in "TZYX" if letter in without_channel):
        raise AxesError(
            "axes must keep the order T, Z, Y, X (the channel C may stand anywhere): transpose the image "
            f"(got {axes!r})"
        )
    return axes


def _from_annotation(shape: tuple[int, ...], annotated: tuple[int, ...]) -> str | None:
    """The axes that an annotation without channels implies, or None where it implies nothing."""
    if annotated == shape and len(shape) in (2, 3):
        return "ZYX"[-len(shape) :]
    if len(annotated) in (2, 3):
        spatial = "ZYX"[-len(annotated) :]
        if shape[:-1] == annotated:
            return spatial + "C"
        if shape[1:] == annotated:
            return "C" + spatial
    return None


def output_axes(axes: str) -> str:
    """The axes of what is computed per pixel: those of the image without its channels."""
    return axes.replace("C", "")


@dataclass(frozen=True)
class ImageSource:
    """An image that is read frame by frame and region by region.

    Attributes
    ----------
    array
        NumPy, dask, zarr or HDF5: anything with `shape`, `dtype` and slicing.
    axes
        Letters of "TCZYX", one per dimension.
    spacing
        Physical size of a pixel along each spatial axis in the order they have in `axes`, or None.
    """

    array: Any
    axes: str
    spacing: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _checked(self.axes, tuple(self.array.shape))
        kind = np.dtype(self.array.dtype).kind
        if kind not in "buif":
            raise InputError(f"the image must hold integer or real numbers (got dtype {self.array.dtype})")
        if 0 in self.array.shape:
            raise InputError(f"the image is empty (got shape {tuple(self.array.shape)})")
        if self.spacing is not None:
            if len(self.spacing) != len(self.spatial_axes):
                raise InputError(
                    f"spacing needs one number per spatial axis {self.spatial_axes} (got {self.spacing})"
                )
            if not all(np.isfinite(s) and s > 0 for s in self.spacing):
                raise InputError(f"spacing must be positive along every axis (got {self.spacing})")

    @classmethod
    def of(
        cls,
        image: Any,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        annotation_shape: Sequence[int] | None = None,
    ) -> ImageSource:
        """Wrap an array; an ImageSource is passed through as it is."""
        if isinstance(image, ImageSource):
            return image
        if not (hasattr(image, "shape") and hasattr(image, "dtype")):
            image = np.asarray(image)
        letters = resolve_axes(image.shape, axes, annotation_shape=annotation_shape)
        return cls(image, letters, None if spacing is None else tuple(float(s) for s in spacing))

    @property
    def spatial_axes(self) -> str:
        """The letters "YX" or "ZYX"."""
        return "".join(letter for letter in self.axes if letter in SPATIAL)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Number of pixels along each spatial axis."""
        return tuple(int(self.array.shape[self.axes.index(letter)]) for letter in self.spatial_axes)

    @property
    def n_frames(self) -> int:
        """Number of time points; 1 for an image without time."""
        return int(self.array.shape[self.axes.index("T")]) if "T" in self.axes else 1

    @property
    def n_channels(self) -> int:
        """Number of channels; 1 for an image without a channel axis."""
        return int(self.array.shape[self.axes.index("C")]) if "C" in self.axes else 1

    @property
    def output_axes(self) -> str:
        """Axes of a label image of this image: no channels."""
        return output_axes(self.axes)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of a label image of this image."""
        return tuple(int(self.array.shape[self.axes.index(letter)]) for letter in self.output_axes)

    @property
    def spacing_or_ones(self) -> tuple[float, ...]:
        """The spacing, or 1 along every spatial axis where it is not known."""
        return self.spacing if self.spacing is not None else (1.0,) * len(self.spatial_axes)

    def read(self, frame: int, region: Sequence[slice]) -> NDArray[np.float32]:
        """Read a spatial region of one frame.

        Parameters
        ----------
        frame
            Index along T; 0 for an image without time.
        region
            One slice per spatial axis.

        Returns
        -------
        ndarray (C, *spatial), float32
            Integers beyond 2**24 and float64 are rounded to float32.

        Raises
        ------
        InputError
            If the region holds NaN or infinity.
        """
        slices = dict(zip(self.spatial_axes, region, strict=True))
        index = tuple(frame if letter == "T" else slices.get(letter, slice(None)) for letter in self.axes)
        block = np.asarray(self.array[index])
        remaining = self.axes.replace("T", "")
        block = np.moveaxis(block, remaining.index("C"), 0) if "C" in remaining else block[np.newaxis]
        return _finite_float32(block)


def _finite_float32(block: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(block, dtype=np.float32)
    if block.dtype.kind == "f" and not np.isfinite(values).all():
        n_nan, n_inf = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        raise InputError(
            "the image holds values that are not finite: replace them first, for instance with "
            f"numpy.nan_to_num (got {n_nan} NaN and {n_inf} infinite values in the part that was read)"
        )
    return values
