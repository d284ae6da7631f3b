"""Moving along the time of a video, and playing a motif."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from ..layers import LayerSnapshot, find_layer, unwrapped

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

_FASTEST = 25.0  # frames per second that are drawn, and seen, one by one


def go_to_frame(viewer: Viewer, source: LayerSnapshot, frame: int) -> None:
    """Move the time slider to a frame of a video (T, Y, X); nothing happens where its layer is gone."""
    layer = find_layer(viewer, source)
    if layer is not None:
        _go_to(unwrapped(viewer), layer, min(max(frame, 0), source.shape[0] - 1))


def current_frame(viewer: Viewer, source: LayerSnapshot) -> int | None:
    """Return the frame of a video that the time slider stands at; None where its layer is gone."""
    layer = find_layer(viewer, source)
    if layer is None:
        return None
    return round(float(layer.world_to_data(np.array(unwrapped(viewer).dims.point, dtype=float))[0]))


def _go_to(viewer: Viewer, layer: Layer, frame: int) -> None:
    position = np.asarray(layer.world_to_data(np.array(viewer.dims.point, dtype=float)), dtype=float)
    position[0] = frame
    world = np.asarray(layer.data_to_world(position), dtype=float)
    viewer.dims.set_point(viewer.dims.ndim - layer.ndim, float(world[0]))


class MotifPlayer(QObject):
    """Plays a motif over and over, alone on the canvas; then everything is as it was.

    Parameters
    ----------
    napari_viewer
        Where to play.
    parent
        Qt parent.
    """

    stopped = Signal()

    def __init__(self, napari_viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = unwrapped(napari_viewer)
        self._layer: Layer | None = None
        self._frame = 0
        self._before: list[tuple[Layer, bool]] = []
        self._point: tuple[float, ...] = ()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._step)

    @property
    def layer(self) -> Layer | None:
        """The layer that plays."""
        return self._layer

    def play(self, layer: Layer, frame_rate: float) -> None:
        """Play a layer (F, Y, X), in real time where the screen can follow."""
        self.stop()
        if layer not in self._viewer.layers:
            return
        self._before = [(one, one.visible) for one in self._viewer.layers]
        self._point = tuple(self._viewer.dims.point)
        for one in self._viewer.layers:
            one.visible = one is layer
        self._layer, self._frame = layer, 0
        _go_to(self._viewer, layer, 0)
        self._timer.start(round(1000 / min(frame_rate, _FASTEST)))

    def stop(self) -> None:
        """Stop, and show again what was shown before."""
        if self._layer is None:
            return
        self._timer.stop()
        self._layer = None
        before, self._before = self._before, []
        for layer, visible in before:
            layer.visible = visible
        if len(self._point) == self._viewer.dims.ndim:
            self._viewer.dims.point = self._point
        self.stopped.emit()

    def close_down(self) -> None:
        """Stop for good, without drawing."""
        self._timer.stop()
        self._layer, self._before, self._viewer = None, [], None

    def _step(self) -> None:
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            self.stop()
            return
        self._frame = (self._frame + 1) % layer.data.shape[0]
        _go_to(self._viewer, layer, self._frame)
