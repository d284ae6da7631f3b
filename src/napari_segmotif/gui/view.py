"""Where the user is looking, as slices of an image, and how to take the user somewhere else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .layers import LayerSnapshot, find_layer, unwrapped

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

_MARGIN = 1.15  # what is shown around a region that the view is moved to


def visible_region(viewer: Viewer, snapshot: LayerSnapshot) -> tuple[slice, ...] | None:
    """Say which part of an image is on the screen.

    Parameters
    ----------
    viewer
        The viewer that shows the image.
    snapshot
        Snapshot of the image.

    Returns
    -------
    tuple of slice or None
        One slice per axis of `snapshot.output_axes`: what the camera sees along displayed axes (everything,
        in 3D), and the one current plane along the others. None if the layer is not in the viewer or
        nothing of it can be seen.
    """
    viewer = unwrapped(viewer)
    layer = find_layer(viewer, snapshot)
    if layer is None:
        return None
    low, high = _seen_box(viewer, layer)
    region = {}
    for axis, letter in enumerate(snapshot.axes[: layer.ndim]):
        size = snapshot.shape[axis]
        start, stop = max(0, int(np.floor(low[axis]))), min(size, int(np.ceil(high[axis])) + 1)
        if letter != "C" and start >= stop:
            return None
        region[letter] = slice(start, stop)
    return tuple(region[letter] for letter in snapshot.output_axes)


def _seen_box(viewer: Viewer, layer: Layer) -> tuple[Any, Any]:
    """Lowest and highest data coordinate of the layer that is displayed, along each of its axes."""
    offset = viewer.dims.ndim - layer.ndim
    displayed = [axis - offset for axis in viewer.dims.displayed if axis >= offset]
    point = np.array(viewer.dims.point, dtype=float)
    current = np.round(layer.world_to_data(point))
    low, high = current.copy(), current.copy()
    if viewer.dims.ndisplay == 3:
        low[displayed], high[displayed] = -np.inf, np.inf
        low[displayed] = 0
        high[displayed] = np.array(_data_shape(layer))[displayed] - 1
        return low, high
    corners = []
    for sides in itertools.product((-0.5, 0.5), repeat=2):
        corner = point.copy()
        corner[list(viewer.dims.displayed)] = _camera_center(viewer) + np.array(sides) * _seen_size(viewer)
        corners.append(layer.world_to_data(corner))
    low[displayed] = np.min(corners, axis=0)[displayed]
    high[displayed] = np.max(corners, axis=0)[displayed]
    return low, high


def _data_shape(layer: Layer) -> tuple[int, ...]:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(data.shape[: layer.ndim])


def _camera_center(viewer: Viewer) -> Any:
    return np.array(viewer.scene.camera.center[-2:], dtype=float)


def _seen_size(viewer: Viewer) -> Any:
    """Height and width of the canvas in the world."""
    return np.array(viewer.canvas.viewbox_size(viewer.layers), dtype=float) / viewer.scene.camera.zoom


def move_view_to(
    viewer: Viewer,
    snapshot: LayerSnapshot,
    center: Sequence[float],
    size: Sequence[float] | None = None,
    *,
    only_closer: bool = False,
) -> None:
    """Show a place of an image in the middle of the canvas.

    Parameters
    ----------
    viewer
        The viewer that shows the image; nothing happens if the layer is gone.
    snapshot
        Snapshot of the image.
    center
        Pixel coordinates of the place, one per axis of `snapshot.output_axes`. Sliders move to its plane.
    size
        Extent of the place in pixels along the same axes; the camera zooms so that it fills the canvas with
        a margin. None keeps the zoom.
    only_closer
        Keep the zoom, too, where the place fills half of the canvas already, or more.
    """
    viewer = unwrapped(viewer)
    layer = find_layer(viewer, snapshot)
    if layer is None:
        return
    place = dict(zip(snapshot.output_axes, center, strict=True))
    position = np.array(layer.world_to_data(np.array(viewer.dims.point, dtype=float)), dtype=float)
    for axis, letter in enumerate(snapshot.axes[: layer.ndim]):
        position[axis] = place.get(letter, position[axis])
    offset = viewer.dims.ndim - layer.ndim
    world = np.asarray(layer.data_to_world(position), dtype=float)
    for axis in viewer.dims.not_displayed:
        if axis >= offset:
            viewer.dims.set_point(axis, world[axis - offset])
    if size is not None:
        zoom = _zoom_for(viewer, snapshot, dict(zip(snapshot.output_axes, size, strict=True)))
        if not only_closer or zoom > 2 * viewer.scene.camera.zoom:
            viewer.scene.camera.zoom = zoom
    displayed = [axis - offset for axis in viewer.dims.displayed]
    viewer.scene.camera.center = tuple(world[displayed])


def _zoom_for(viewer: Viewer, snapshot: LayerSnapshot, size: dict[str, float]) -> float:
    spacing = snapshot.spacing or (1.0,) * len(snapshot.spatial_axes)
    steps = dict(zip(snapshot.spatial_axes, spacing, strict=True))
    extents = [size[letter] * steps[letter] for letter in snapshot.spatial_axes[-2:]]
    canvas = viewer.canvas.viewbox_size(viewer.layers)
    return min(pixels / (_MARGIN * max(extent, 1e-9)) for pixels, extent in zip(canvas, extents, strict=True))
