"""Selecting objects in the image by drawing around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from ...layers import unwrapped
from .image_clicks import click_mode
from .lookup_kernels import Lookup, count_inside
from .lookup_layer import transform_of

_NAME = "lasso"
_COLOR = "#fff04d"
_LINE = 2.0  # pixels of the screen


class ImageLasso(QObject):
    """A lasso for one selection: a layer to draw on comes, and goes when the line is closed.

    Parameters
    ----------
    napari_viewer
        Where to draw.

    Attributes
    ----------
    drawn
        Signal(object, str): corners (V, ndim) in the world, and "replace", "add" (Shift was held when the
        line began) or "subtract" (Ctrl).
    active_changed
        Signal(bool): whether the user is to draw now.
    """

    drawn = Signal(object, str)
    active_changed = Signal(bool)

    def __init__(self, napari_viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = unwrapped(napari_viewer)
        self._layer: Shapes | None = None
        self._active_before: Any = None
        self._mode = "replace"
        self._path: list[NDArray[np.float64]] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._finish)

    @property
    def active(self) -> bool:
        """Whether the user is to draw now."""
        return self._layer is not None

    @property
    def layer(self) -> Shapes | None:
        """The layer that is drawn on."""
        return self._layer

    def start(self, labels: Labels) -> None:
        """Let the user draw a line around objects of a labels layer."""
        if self.active:
            return
        viewer = self._viewer
        self._active_before, self._mode = viewer.layers.selection.active, "replace"
        # In the place of the labels, and over the same axes: sliders and their steps stay as they are.
        layer = Shapes(
            ndim=labels.ndim,
            name=_NAME,
            edge_color=_COLOR,
            face_color=f"{_COLOR}22",
            edge_width=self._line_width(labels),
            **transform_of(labels),
        )
        layer.mouse_drag_callbacks.insert(0, self._on_press)
        layer.bind_key("Escape", self._on_escape, overwrite=True)
        layer.events.data.connect(self._on_data)
        self._layer = layer
        viewer.layers.append(layer)
        viewer.layers.selection.active = layer
        layer.mode = "add_polygon_lasso"
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)
        self.active_changed.emit(True)

    def stop(self) -> None:
        """Put the lasso away."""
        layer, self._layer = self._layer, None
        if layer is None:
            return
        self._timer.stop()
        viewer = self._viewer
        viewer.layers.events.removed.disconnect(self._on_removed)
        viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)
        layer.events.data.disconnect(self._on_data)
        if layer in viewer.layers:
            viewer.layers.remove(layer)
        if self._active_before in viewer.layers:
            viewer.layers.selection.active = self._active_before
        self._active_before = None
        self.active_changed.emit(False)

    def _line_width(self, labels: Labels) -> float:
        pixel = float(np.min(np.abs(np.asarray(labels.scale)[-2:])))
        return max(_LINE / (self._viewer.scene.camera.zoom * pixel), 1e-3)

    def _on_press(self, layer: Shapes, event: Any) -> Iterator[None]:
        # napari thins the line out, and may lose its last corner: what was drawn is noted here.
        if not layer._is_creating:  # napari says only so whether the line has begun
            self._mode = click_mode(event)
        self._path = [np.array(event.position, dtype=float)]
        yield
        while event.type == "mouse_move":
            self._path.append(np.array(event.position, dtype=float))
            yield

    def _on_data(self, event: Any) -> None:
        if str(getattr(event.action, "value", event.action)) == "added":
            self._timer.start(0)  # napari is still in the middle of it

    def _on_removed(self, event: Any) -> None:
        if event.value is self._layer:
            self.stop()

    def _on_ndisplay(self, event: Any) -> None:
        self.stop()

    def _on_escape(self, layer: Shapes) -> None:
        # Not while napari handles the key: the layer that it was pressed in goes.
        QTimer.singleShot(0, self.stop)

    def _finish(self) -> None:
        layer = self._layer
        if layer is None:
            return
        corners = np.array(self._path)
        if len(corners) < 3 and layer.nshapes:  # drawn without holding the button
            corners = np.array([layer.data_to_world(corner) for corner in layer.data[-1]])
        mode = self._mode
        self.stop()
        if len(corners) >= 3:
            self.drawn.emit(corners, mode)


def rows_inside(labels: NDArray[Any], vertices: NDArray[np.float64], numbers: Lookup, n: int) -> NDArray[Any]:
    """Return which objects lie in a polygon by more than half of their pixels in this plane.

    Parameters
    ----------
    labels
        (Y, X), the plane that is shown.
    vertices
        (V, 2) rows and columns, in pixels.
    numbers
        Row + 1 of each label.
    n
        Number of rows.

    Returns
    -------
    (k,) int64 array
        Rows, ascending.
    """
    if len(vertices) < 3:
        return np.zeros(0, np.int64)
    inside, everywhere = count_inside(labels, np.asarray(vertices, dtype=np.float64), numbers, n)
    return np.flatnonzero(2 * inside > everywhere) - 1
