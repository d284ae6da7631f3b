"""What a job is given instead of a layer: a frozen snapshot, taken on the main thread.

A job never sees a layer, a viewer or a widget. It gets the array, what its axes mean, and the size of a
pixel; the result finds its way back through the transform that the snapshot keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.axes import SPATIAL, ImageSource, output_axes, resolve_axes
from ..errors import AnnotationError, AxesError

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels, Layer

_CANONICAL = "TCZYX"
_FILL_ORDER = "XYZTC"
_LETTER_OF_NAME = {
    "t": "T", "time": "T", "times": "T", "frame": "T", "frames": "T",
    "c": "C", "ch": "C", "channel": "C", "channels": "C",
    "z": "Z", "depth": "Z", "slice": "Z", "slices": "Z", "plane": "Z", "planes": "Z",
    "y": "Y", "row": "Y", "rows": "Y", "height": "Y",
    "x": "X", "col": "X", "cols": "X", "column": "X", "columns": "X", "width": "X",
}  # fmt: skip


@dataclass(frozen=True)
class LayerSnapshot:
    """A layer as it was at one moment, free of napari.

    Attributes
    ----------
    array
        The data; level 0 where the layer is multiscale. dask and zarr stay lazy. An image's NumPy array is
        the layer's own (not copied); an annotation's is a copy, since painting goes on.
    axes
        Letters of "TCZYX", one per axis of `array`, e.g. "YXC" for RGB.
    spacing
        Size of a pixel along each spatial axis in the order of `axes`, or None where nothing is known
        (scale 1 in pixels).
    units
        Name of the unit of each number of `spacing`, or None.
    name
        The layer's name.
    rgb
        Whether napari shows the last axis as colour.
    layer_id
        napari's unique id of the layer.
    transform
        Keyword arguments (scale, translate, rotate, shear, affine, units, axis_labels) for a layer over
        `result_axes`.
    result_axes
        Axes of layers made from this one. They are `output_axes`, except that a channel axis behind another
        axis ("TCYX") stays with length 1: napari aligns layers from the right, so without it T would be
        taken for C. Its scale lets that one plane span all channels.
    level_shapes
        Shapes of the levels of a multiscale layer, else empty.
    """

    array: Any
    axes: str
    spacing: tuple[float, ...] | None
    units: tuple[str, ...] | None
    name: str
    rgb: bool
    layer_id: str
    transform: Mapping[str, Any] = field(repr=False)
    result_axes: str
    level_shapes: tuple[tuple[int, ...], ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, in the order of `axes`."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def ndim(self) -> int:
        """Number of axes of the array, channels included."""
        return len(self.axes)

    @property
    def output_axes(self) -> str:
        """Axes of what is computed per pixel: `axes` without C."""
        return output_axes(self.axes)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what is computed per pixel, in the order of `output_axes`."""
        return tuple(n for letter, n in zip(self.axes, self.shape, strict=True) if letter != "C")

    @property
    def spatial_axes(self) -> str:
        """The spatial axes, "YX" or "ZYX"."""
        return "".join(letter for letter in self.axes if letter in SPATIAL)

    @property
    def multiscale(self) -> bool:
        """Whether the layer has several levels; `array` is the finest."""
        return bool(self.level_shapes)

    @property
    def lazy(self) -> bool:
        """Whether the array is read from elsewhere when it is sliced (dask, zarr, HDF5)."""
        return not isinstance(self.array, np.ndarray)

    def to_source(self) -> ImageSource:
        """The image as the tools take it."""
        return ImageSource.of(self.array, self.axes, self.spacing)


def unwrapped(thing: Any) -> Any:
    """A viewer or a layer itself, where napari handed a plugin its public-only proxy.

    A proxied layer is another object than the layer: it is not found in a viewer, a set or a weak dictionary.
    """
    return getattr(thing, "__wrapped__", thing)


def guess_axes(layer: Image | Labels) -> str:
    """Say what the axes of a layer's data mean.

    The rule: a trailing colour axis (rgb) is C. An axis whose label says what it is (t, time, frame; c,
    channel; z, depth, slice, plane; y, row, height; x, column, width), or whose unit is a time, is that.
    Every other axis gets the first letter not taken yet out of X, Y, Z, T, C; these letters are put in the
    order TCZYX. So without labels 2-D is "YX", 3-D "ZYX", 4-D "TZYX" and 5-D "TCZYX".

    Raises
    ------
    AxesError
        If the layer has more axes than there are letters.
    """
    rgb = bool(getattr(layer, "rgb", False))
    named = _named_axes(layer, taken="C" if rgb else "")
    free = [letter for letter in _FILL_ORDER if letter not in named and not (rgb and letter == "C")]
    n_unnamed = named.count("")
    if n_unnamed > len(free):
        raise AxesError(
            f"layer '{layer.name}' has more axes than time, channel, Z, Y and X: take a part of it first "
            f"(got {layer.ndim} axes)"
        )
    fill = iter(sorted(free[:n_unnamed], key=_CANONICAL.index))
    return "".join(letter or next(fill) for letter in named) + ("C" if rgb else "")


def _named_axes(layer: Image | Labels, taken: str) -> list[str]:
    """One letter per axis of the layer, "" where neither label nor unit says what it is."""
    letters: list[str] = []
    for label, unit in zip(layer.axis_labels, layer.units, strict=True):
        letter = _LETTER_OF_NAME.get(str(label).strip().lower(), "")
        if not letter and unit.dimensionality == {"[time]": 1}:
            letter = "T"
        letters.append("" if letter in letters or letter in taken else letter)
    return letters


def snapshot_image(layer: Image, axes: str | None = None) -> LayerSnapshot:
    """Take a snapshot of an image layer (main thread).

    Parameters
    ----------
    layer
        An image layer; multiscale, dask and zarr included.
    axes
        What the user says the axes are; None to guess them (see `guess_axes`). For colour images the
        trailing C may be left out.

    Raises
    ------
    AxesError
        If `axes` does not fit the layer.
    """
    layer = unwrapped(layer)
    levels = tuple(layer.data) if layer.multiscale else (layer.data,)
    letters = _checked_axes(layer, axes)
    return _snapshot(layer, levels[0], letters, levels if layer.multiscale else ())


def snapshot_labels(
    layer: Labels, image: LayerSnapshot | None = None, axes: str | None = None
) -> LayerSnapshot:
    """Take a snapshot of an annotation (main thread): an integer NumPy array of its own.

    Parameters
    ----------
    layer
        A labels layer.
    image
        The image that is annotated. Its `axes` are taken over, and the length-1 channel axis of an
        annotation of a "TCYX" image is dropped, so that the array has the image's `output_shape`.
    axes
        What the axes are, if there is no `image`; None to guess them.

    Raises
    ------
    AnnotationError
        If the annotation does not have the shape of the image without its channels.
    AxesError
        If `axes` does not fit the layer.
    """
    layer = unwrapped(layer)
    array = np.array(layer.data[0] if layer.multiscale else layer.data)
    if image is None:
        return _snapshot(layer, array, _checked_axes(layer, axes), ())
    if image.result_axes != image.output_axes and array.ndim == len(image.result_axes):
        array = array.take(0, axis=image.result_axes.index("C"))
    if array.shape != image.output_shape:
        raise AnnotationError(
            f"annotation '{layer.name}' does not fit image '{image.name}': it must have the shape "
            f"{image.output_shape} (axes {image.output_axes}); make one with New annotation "
            f"(got shape {array.shape})"
        )
    return LayerSnapshot(
        array, image.output_axes, image.spacing, image.units, layer.name, False, str(layer.unique_id),
        image.transform, image.result_axes,
    )  # fmt: skip


def find_layer(viewer: Viewer, snapshot: LayerSnapshot) -> Layer | None:
    """The layer that a snapshot was taken of, as long as it is in the viewer."""
    layers = unwrapped(viewer).layers
    return next((layer for layer in layers if str(layer.unique_id) == snapshot.layer_id), None)


def _checked_axes(layer: Image | Labels, axes: str | None) -> str:
    array = layer.data[0] if layer.multiscale else layer.data
    rgb = bool(getattr(layer, "rgb", False))
    letters = guess_axes(layer) if axes is None else axes.strip().upper()
    if rgb and len(letters) == layer.ndim:
        letters += "C"
    if rgb and not letters.endswith("C"):
        raise AxesError(
            f"layer '{layer.name}' shows its last axis as colour: end its axes in C (got {axes!r})"
        )
    return resolve_axes(array.shape, letters)


def _snapshot(layer: Image | Labels, array: Any, axes: str, levels: Sequence[Any]) -> LayerSnapshot:
    # The layer counts no colour axis, so its axes are those of the array less the trailing C.
    layer_axes = axes[: layer.ndim]
    spacing = _spacing(layer, layer_axes)
    n_channels = int(array.shape[axes.index("C")]) if "C" in axes else 1
    result_axes = layer_axes[1:] if layer_axes.startswith("C") else layer_axes
    return LayerSnapshot(
        array=array,
        axes=axes,
        spacing=spacing,
        units=None if spacing is None else _unit_names(layer, layer_axes),
        name=layer.name,
        rgb=bool(getattr(layer, "rgb", False)),
        layer_id=str(layer.unique_id),
        transform=MappingProxyType(_result_transform(layer, layer_axes, result_axes, n_channels)),
        result_axes=result_axes,
        level_shapes=tuple(tuple(int(n) for n in level.shape) for level in levels),
    )


def _spacing(layer: Image | Labels, layer_axes: str) -> tuple[float, ...] | None:
    """Length in the world of one step along each spatial axis; rotation and affine are accounted for."""
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))
    steps = [np.linalg.norm(np.asarray(layer.data_to_world(step)) - origin) for step in np.eye(layer.ndim)]
    spatial = [i for i, letter in enumerate(layer_axes) if letter in SPATIAL]
    spacing = tuple(float(np.round(steps[i], 12)) for i in spatial)
    known = any(str(layer.units[i]) != "pixel" for i in spatial) or any(s != 1.0 for s in spacing)
    return spacing if known else None


def _unit_names(layer: Image | Labels, layer_axes: str) -> tuple[str, ...]:
    units = zip(layer_axes, layer.units, strict=True)
    return tuple(str(unit) for letter, unit in units if letter in SPATIAL)


def _result_transform(
    layer: Image | Labels, layer_axes: str, result_axes: str, n_channels: int
) -> dict[str, Any]:
    """The layer's transform over `result_axes`: all of its axes, or all but a leading channel axis."""
    kept = [i for i, letter in enumerate(layer_axes) if letter in result_axes]
    corner = [*kept, layer.ndim]  # homogeneous matrices have one more row and column
    scale, translate = np.array(layer.scale)[kept], np.array(layer.translate)[kept]
    if "C" in result_axes:
        channel = result_axes.index("C")
        translate[channel] += scale[channel] * (n_channels - 1) / 2
        scale[channel] *= n_channels
    return {
        "scale": scale,
        "translate": translate,
        "rotate": np.array(layer.rotate)[np.ix_(kept, kept)],
        "shear": _shear_matrix(layer)[np.ix_(kept, kept)],
        "affine": np.array(layer.affine.affine_matrix)[np.ix_(corner, corner)],
        "units": tuple(str(layer.units[i]) for i in kept),
        "axis_labels": tuple(layer.axis_labels[i] for i in kept),
    }


def _shear_matrix(layer: Image | Labels) -> np.ndarray[Any, np.dtype[np.float64]]:
    """napari gives an upper triangular shear as a vector, a lower triangular one as a matrix."""
    shear = np.asarray(layer.shear, dtype=float)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(layer.ndim)
    matrix[np.triu_indices(layer.ndim, 1)] = shear
    return matrix
