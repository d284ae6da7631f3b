"""Results go into layers of our own, which later results update in place. Other layers are never touched.

A layer is ours while this module made it and nobody painted on it: what a user corrected by hand is the
user's, and the next result gets a new layer. Duplicates and layers of other viewers are never taken for ours,
since ours are known by identity and not by name or metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from ..errors import InputError
from .layers import LayerSnapshot, find_layer, unwrapped
from .placement import Placement, place_pixels, place_points, place_stack, with_channel_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer
    from napari.layers import Labels, Layer
    from napari.utils.colormaps import DirectLabelColormap

Kind = Literal["labels", "image", "points"]

_LARGEST_ANNOTATION = 8 * 2**30


@dataclass(frozen=True)
class _Ours:
    kind: str
    name: str
    source_id: str
    canvas: Any = field(default=None, compare=False)  # the array that only we write into, if there is one


_OURS: WeakKeyDictionary[Layer, _Ours] = WeakKeyDictionary()


def show_result(
    viewer: Viewer,
    kind: Kind,
    data: Any,
    source: LayerSnapshot,
    *,
    name: str,
    recipe: Mapping[str, Any],
    region: tuple[slice, ...] | None = None,
    colors: Mapping[int, str] | None = None,
    **layer_kwargs: Any,
) -> Layer:
    """Show a result: in a new layer above its source, or in the layer that showed its predecessor.

    Main thread only.

    Parameters
    ----------
    viewer
        Where to show it.
    kind
        "labels", "image" or "points".
    data
        Labels and images: an array over `source.output_axes`. Points: (N, len(source.output_axes)) in pixels.
    source
        Snapshot of the image that the result was made from; its transform and units are taken over.
    name
        Name of the layer. The same kind, name and source are the same layer.
    recipe
        What made the result; it is kept in `layer.metadata["segmotif"]`.
    region
        Which part of the output the data cover, where it is not all of it.
    colors
        Labels only: colour "#rrggbb" of each class. None means napari's cyclic colours, for instances.
    **layer_kwargs
        More arguments for the layer, used when it is made.

    Returns
    -------
    napari.layers.Layer
    """
    placed = place_points(data, source) if kind == "points" else place_pixels(data, source, region)
    return _put(viewer, kind, placed, source, name, recipe, colors, layer_kwargs)


def show_probabilities(
    viewer: Viewer,
    probabilities: Any,
    source: LayerSnapshot,
    *,
    name: str,
    recipe: Mapping[str, Any],
    class_names: Sequence[str],
    class_colors: Sequence[str] | None = None,
    region: tuple[slice, ...] | None = None,
    per_class: bool = True,
) -> list[Layer]:
    """Show class probabilities, one layer per class or all in one stack.

    Parameters
    ----------
    probabilities
        (K, *output_shape or *region), in [0, 1].
    class_names, class_colors
        One per class, in the order of the first axis.
    per_class
        True: a layer "name: class" for each, from black to the class's colour, added onto each other. False:
        one layer whose first axis is the class.

    See `show_result` for the other parameters.

    Raises
    ------
    InputError
        If there is not one name for each class.
    """
    if len(class_names) != len(probabilities):
        raise InputError(
            f"probabilities of {len(probabilities)} classes need as many names (got {list(class_names)})"
        )
    common: dict[str, Any] = {"contrast_limits": (0.0, 1.0), "blending": "additive"}
    if not per_class:
        placed = place_stack(probabilities, source, region, "class")
        return [_put(viewer, "image", placed, source, name, recipe, None, common)]
    shades = class_colors or ["#ffffff"] * len(class_names)
    return [
        show_result(
            viewer, "image", probability, source, name=f"{name}: {class_name}", recipe=recipe, region=region,
            colormap=_ramp(class_name, shade), **common,
        )
        for probability, class_name, shade in zip(probabilities, class_names, shades, strict=True)
    ]  # fmt: skip


def add_result(
    viewer: Viewer, layer: Layer, source: LayerSnapshot, *, key: str, recipe: Mapping[str, Any]
) -> Layer:
    """Add a layer whose data have a shape of their own; it takes the place of its predecessor.

    Main thread only. A layer that the user renamed is the user's from then on, and stays.

    Parameters
    ----------
    layer
        A layer that is in no viewer yet, in place already.
    source
        Snapshot of the image that it was made from: the layer goes above it.
    key
        What the layer is; the same key and source are the same result, whatever its name says.
    recipe
        What made the result; it is kept in `layer.metadata["segmotif"]`.
    """
    viewer = unwrapped(viewer)
    remove_results(viewer, source.layer_id, lambda other: other == key)
    layer.metadata["segmotif"] = dict(recipe)
    _OURS[layer] = _Ours(key, layer.name, source.layer_id)
    _insert_above(viewer, layer, find_layer(viewer, source))
    return layer


def remove_results(viewer: Viewer, source_id: str, wanted: Callable[[str], bool]) -> None:
    """Remove the layers that `add_result` made for a source, but for those that the user renamed.

    Parameters
    ----------
    source_id
        napari's id of the source's layer.
    wanted
        Says of a key whether its layer goes.
    """
    viewer = unwrapped(viewer)
    for layer in list(viewer.layers):
        ours = _OURS.get(layer)
        if ours is None or ours.source_id != source_id or not wanted(ours.kind):
            continue
        if layer.name == ours.name or layer.name.startswith(f"{ours.name} ["):  # napari numbers namesakes
            viewer.layers.remove(layer)
        else:
            _OURS.pop(layer)


def result_layer(viewer: Viewer, kind: Kind, source: LayerSnapshot, name: str) -> Layer | None:
    """The layer that `show_result` would update, if there is one."""
    wanted = _Ours(kind, name, source.layer_id)
    return next((layer for layer in unwrapped(viewer).layers if _OURS.get(layer) == wanted), None)


def is_result(layer: Layer) -> bool:
    """Whether a layer is one of ours: made by this module and not painted on since."""
    return unwrapped(layer) in _OURS


def add_annotation(
    viewer: Viewer,
    source: LayerSnapshot,
    *,
    name: str = "annotation",
    colors: Mapping[int, str] | None = None,
    brush_size: int = 10,
) -> Labels:
    """Add an empty layer to paint on, on top, selected, in paint mode with class 1.

    It is the user's layer from the start: nothing of ours ever writes into it.

    Parameters
    ----------
    source
        Snapshot of the image to annotate; shape, transform and units are taken over.
    colors
        Colour "#rrggbb" of each class; labels without one keep napari's colours.
    brush_size
        Diameter of the brush in pixels.

    Raises
    ------
    InputError
        If the image is too large to be annotated in memory.
    """
    from napari.layers import Labels

    if np.prod(source.output_shape, dtype=float) > _LARGEST_ANNOTATION:
        raise InputError(
            f"'{source.name}' is too large to be annotated in memory: crop the part to paint on into a layer "
            f"of its own (got shape {source.output_shape})"
        )
    # napari paints into the array itself; on a dask array every stroke would make the graph longer. Zeros
    # take no memory until they are painted on.
    canvas = np.zeros(with_channel_axis(source, source.output_shape, 1), dtype=np.uint8)
    layer = Labels(canvas, name=name, opacity=0.8, **source.transform)
    if colors is not None:
        layer.colormap = label_colormap(colors)
    viewer = unwrapped(viewer)
    viewer.layers.append(layer)
    layer.brush_size = brush_size
    layer.selected_label = 1
    layer.mode = "paint"
    viewer.layers.selection.active = layer
    return layer


def label_colormap(colors: Mapping[int, str]) -> DirectLabelColormap:
    """Colours of classes; 0 and classes without a colour are transparent."""
    from napari.utils.colormaps import DirectLabelColormap

    table: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    table.update({int(label): color for label, color in colors.items()})
    return DirectLabelColormap(color_dict=table)


def _put(
    viewer: Viewer,
    kind: Kind,
    placed: Placement,
    source: LayerSnapshot,
    name: str,
    recipe: Mapping[str, Any],
    colors: Mapping[int, str] | None,
    layer_kwargs: Mapping[str, Any],
) -> Layer:
    viewer = unwrapped(viewer)
    layer = result_layer(viewer, kind, source, name)
    if layer is not None and layer.ndim != len(placed.transform["scale"]):
        viewer.layers.remove(layer)  # napari cannot change the number of axes of a layer
        layer = None
    if layer is None:
        canvas = _canvas_for(placed, None)
        layer = _new_layer(kind, placed.data if canvas is None else canvas, name, placed, layer_kwargs)
        _OURS[layer] = _Ours(kind, name, source.layer_id, canvas)
        _set_colors(layer, colors)
        _insert_above(viewer, layer, find_layer(viewer, source))
    else:
        _update(layer, placed)
        _set_colors(layer, colors)
    layer.metadata["segmotif"] = dict(recipe)
    return layer


def _update(layer: Layer, placed: Placement) -> None:
    ours = _OURS[layer]
    canvas = _canvas_for(placed, layer)
    if canvas is not None and canvas is ours.canvas:
        layer.refresh(extent=False)
        return
    _OURS[layer] = replace(ours, canvas=canvas)
    layer.data = placed.data if canvas is None else canvas
    for key in ("scale", "translate"):
        if not np.array_equal(getattr(layer, key), placed.transform[key]):
            setattr(layer, key, placed.transform[key])


def _canvas_for(placed: Placement, layer: Layer | None) -> Any:
    """The canvas with the new part painted on, or None where the data are the whole layer.

    A canvas of ours is painted on in place. What came as a whole result may belong to somebody else too, and
    is copied first.
    """
    if placed.canvas_shape is None:
        return None
    dtype = placed.data.dtype
    canvas = None if layer is None else _OURS[layer].canvas
    if canvas is None or canvas.shape != placed.canvas_shape or canvas.dtype != dtype:
        old = None if layer is None else layer.data
        fits = isinstance(old, np.ndarray) and (old.shape, old.dtype) == (placed.canvas_shape, dtype)
        canvas = old.copy() if fits and isinstance(old, np.ndarray) else np.zeros(placed.canvas_shape, dtype)
    canvas[placed.region] = placed.data
    return canvas


def _new_layer(kind: Kind, data: Any, name: str, placed: Placement, layer_kwargs: Mapping[str, Any]) -> Layer:
    from napari.layers import Image, Labels, Points

    if kind == "points":
        return Points(data, name=name, **placed.transform, **layer_kwargs)
    if kind == "image":
        return Image(data, name=name, rgb=False, **placed.transform, **layer_kwargs)
    layer = Labels(data, name=name, **placed.transform, **layer_kwargs)
    # A stroke, a fill or data_setitem by hand: from now on the layer is the user's.
    layer.events.paint.connect(_disown)
    return layer


def _disown(event: Any) -> None:
    _OURS.pop(event.source, None)


def _set_colors(layer: Layer, colors: Mapping[int, str] | None) -> None:
    if colors is not None:
        layer.colormap = label_colormap(colors)


def _ramp(name: str, color: str) -> Any:
    from napari.utils.colormaps import Colormap

    return Colormap(["black", color], name=f"black to {color}")


def _insert_above(viewer: Viewer, layer: Layer, source: Layer | None) -> None:
    """Insert without taking the selection, and with it the brush, away from the user."""
    with _selection_kept(viewer):
        if source is None:
            viewer.layers.append(layer)
        else:
            viewer.layers.insert(viewer.layers.index(source) + 1, layer)


@contextmanager
def _selection_kept(viewer: Viewer) -> Iterator[None]:
    selection = viewer.layers.selection
    selected, active = set(selection), selection.active
    yield
    if active is not None:
        selection.active = active
    elif selected:
        viewer.layers.selection = selected
