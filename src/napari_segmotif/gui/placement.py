"""Where in the world a result belongs: its data over the axes of a layer, and the layer's transform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from .layers import LayerSnapshot

# A canvas beyond this holds only the region that was computed last: a preview is not worth gigabytes.
_LARGEST_CANVAS = 512 * 2**20


@dataclass(frozen=True)
class Placement:
    """Data ready to be put into a layer.

    Attributes
    ----------
    data
        An array over the axes of the layer, or points (N, ndim).
    transform
        Keyword arguments that put the layer in place.
    canvas_shape
        Shape of the whole layer where the data are only a part of it, else None.
    region
        Where in the canvas the data belong; None without a canvas.
    """

    data: Any
    transform: Mapping[str, Any]
    canvas_shape: tuple[int, ...] | None = None
    region: tuple[slice, ...] | None = None


def place_pixels(data: Any, source: LayerSnapshot, region: tuple[slice, ...] | None = None) -> Placement:
    """Place an array over `source.output_axes`, or over a region of them.

    Raises
    ------
    InputError
        If the array does not have the shape of the output or of the region.
    """
    expected = source.output_shape if region is None else _region_shape(source, region)
    if tuple(data.shape) != expected:
        raise InputError(
            f"a result for layer '{source.name}' must have the shape {expected} (axes {source.output_axes}); "
            f"the layer may have changed: start again (got shape {tuple(data.shape)})"
        )
    shape = with_channel_axis(source, source.output_shape, 1)
    index: tuple[Any, ...] = with_channel_axis(source, (slice(None),) * data.ndim, None)
    transform = dict(source.transform)
    if region is None:
        return Placement(data[index], transform)
    region = with_channel_axis(source, region, slice(0, 1))
    if np.prod(shape, dtype=float) * data.dtype.itemsize <= _LARGEST_CANVAS:
        return Placement(data[index], transform, shape, region)
    transform["translate"] = shifted(transform, [float(part.start or 0) for part in region])
    return Placement(data[index], transform)


def place_points(points: Any, source: LayerSnapshot) -> Placement:
    """Place points (N, len(source.output_axes)), in pixels."""
    coordinates = np.asarray(points, dtype=float).reshape(-1, len(source.output_axes))
    if source.result_axes != source.output_axes:
        coordinates = np.insert(coordinates, source.result_axes.index("C"), 0.0, axis=1)
    return Placement(coordinates, dict(source.transform))


def place_stack(stack: Any, source: LayerSnapshot, region: tuple[slice, ...] | None, label: str) -> Placement:
    """Place a stack (K, *output or *region) with an axis of its own, called `label`, in front."""
    placed = place_pixels(stack[0], source, region)
    index: tuple[Any, ...] = with_channel_axis(source, (slice(None),) * (stack.ndim - 1), None)
    data = stack[(slice(None), *index)]
    transform = _with_leading_axis(placed.transform, label)
    if placed.canvas_shape is None or placed.region is None:
        return replace(placed, data=data, transform=transform)
    region = (slice(0, len(stack)), *placed.region)
    return Placement(data, transform, (len(stack), *placed.canvas_shape), region)


def with_channel_axis(source: LayerSnapshot, per_axis: tuple[Any, ...], filler: Any) -> tuple[Any, ...]:
    """Values per output axis, with `filler` for the channel axis where layers made from `source` keep one."""
    values = list(per_axis)
    if source.result_axes != source.output_axes:
        values.insert(source.result_axes.index("C"), filler)
    return tuple(values)


def _region_shape(source: LayerSnapshot, region: tuple[slice, ...]) -> tuple[int, ...]:
    parts = zip(region, source.output_shape, strict=True)
    return tuple(len(range(*part.indices(size))) for part, size in parts)


def shifted(transform: Mapping[str, Any], start: Sequence[float]) -> Any:
    """The translation of a layer whose first pixel is pixel `start` of the whole.

    Parameters
    ----------
    transform
        Keyword arguments that put the whole in place.
    start
        One number per axis of the transform, in pixels.
    """
    from napari.utils.transforms import Affine

    whole = Affine(**{key: transform[key] for key in ("scale", "translate", "rotate", "shear")})
    return np.asarray(whole(np.asarray(start, dtype=float)))


def _with_leading_axis(transform: Mapping[str, Any], label: str) -> dict[str, Any]:
    def grown(matrix: Any) -> Any:
        larger = np.eye(len(matrix) + 1)
        larger[1:, 1:] = matrix
        return larger

    return {
        "scale": np.concatenate([[1.0], transform["scale"]]),
        "translate": np.concatenate([[0.0], transform["translate"]]),
        **{key: grown(transform[key]) for key in ("rotate", "shear", "affine")},
        "units": ("pixel", *transform["units"]),
        "axis_labels": (label, *transform["axis_labels"]),
    }
