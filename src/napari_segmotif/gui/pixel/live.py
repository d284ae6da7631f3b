"""Listening to the annotation and the view: the user changed something, or looks elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

#: After a stroke the answer should come at once; while a stroke goes on, or the camera moves, it can wait.
STROKE_MS = 30
DRAWING_MS = 300
VIEW_MS = 200
#: Up to this size an annotation is compared with what it was; beyond, every event counts as a change.
_COMPARED_BYTES = 32 * 2**20


class LiveListener(QObject):
    """Follows one annotation layer, and the viewer's camera and sliders.

    Painting, erasing and filling emit `paint` in napari; undo and redo emit only `set_data`, which sliders
    and colours emit as well. So for `set_data` the content is compared with what it was.

    Signals
    -------
    annotation_changed
        Something was painted, erased, filled, undone or redone, and now it is quiet.
    view_changed
        The camera or a slider moved, and now it rests.
    selection_changed
        Another label was selected to paint with, or the layer's colours changed.
    """

    annotation_changed = Signal()
    view_changed = Signal()
    selection_changed = Signal()

    def __init__(self, napari_viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._layer: Labels | None = None
        self._before: np.ndarray | None = None
        self._changed = self._timer(self._announce_change)
        self._moved = self._timer(self.view_changed.emit)
        self._connected = [napari_viewer.scene.camera.events, napari_viewer.dims.events.current_step]
        self._connected += [napari_viewer.dims.events.ndisplay, napari_viewer.dims.events.order]
        for emitter in self._connected:
            emitter.connect(self._on_view)

    def _timer(self, slot: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(slot)
        return timer

    def listen_to(self, layer: Labels | None) -> None:
        """Follow this annotation layer instead of the one before."""
        if layer is self._layer:
            return
        self._let_go()
        self._layer = layer
        if layer is None:
            return
        self._remember()
        layer.events.paint.connect(self._on_stroke)
        layer.events.labels_update.connect(self._on_drawing)
        layer.events.set_data.connect(self._on_set_data)
        layer.events.data.connect(self._on_stroke)
        layer.events.selected_label.connect(self._on_selected)

    @property
    def pending(self) -> bool:
        """Whether something was noticed that is not announced yet."""
        return self._changed.isActive() or self._moved.isActive()

    def touch(self) -> None:
        """Act as if something had been painted: features or classes were changed."""
        self._changed.start(STROKE_MS)

    def look(self) -> None:
        """Act as if the view had moved: other outputs were ticked."""
        self._moved.start(STROKE_MS)

    def close_down(self) -> None:
        """Stop listening, for good."""
        self._let_go()
        self._changed.stop()
        self._moved.stop()
        for emitter in self._connected:
            emitter.disconnect(self._on_view)
        self._connected = []

    # ---- events

    def _on_stroke(self, event: object = None) -> None:
        self._changed.start(STROKE_MS)

    def _on_drawing(self, event: object = None) -> None:
        # A drag goes on; its end comes sooner than this unless the user rests with the button down.
        self._changed.start(DRAWING_MS)

    def _on_set_data(self, event: object = None) -> None:
        if self._layer is not None and not self._changed.isActive() and self._differs():
            self._changed.start(STROKE_MS)

    def _on_selected(self, event: object = None) -> None:
        self.selection_changed.emit()

    def _on_view(self, event: object = None) -> None:
        self._moved.start(VIEW_MS)

    def _announce_change(self) -> None:
        self._remember()
        self.annotation_changed.emit()

    # ---- content

    def _differs(self) -> bool:
        assert self._layer is not None
        data = self._layer.data
        if self._before is None or self._before.shape != data.shape:
            return True
        return not np.array_equal(self._before, data)

    def _remember(self) -> None:
        data = None if self._layer is None else self._layer.data
        if isinstance(data, np.ndarray) and data.nbytes <= _COMPARED_BYTES:
            self._before = data.copy()
        else:
            self._before = None

    def _let_go(self) -> None:
        layer, self._layer, self._before = self._layer, None, None
        if layer is None:
            return
        layer.events.paint.disconnect(self._on_stroke)
        layer.events.labels_update.disconnect(self._on_drawing)
        layer.events.set_data.disconnect(self._on_set_data)
        layer.events.data.disconnect(self._on_stroke)
        layer.events.selected_label.disconnect(self._on_selected)
