"""Clicks on objects in the image, whatever layer is active, as long as they mean no tool of napari."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from ...layers import unwrapped
from .attachment import Attached

_STILL = 5  # pixels of the screen: more is dragging, not clicking
_HARMLESS_MODES = ("pan_zoom", "pick")


class ImageClicks(QObject):
    """Listens to the mouse of a viewer.

    Parameters
    ----------
    napari_viewer
        The viewer.
    candidates
        The labels layers whose objects can be clicked on now, the topmost first.

    Attributes
    ----------
    hit
        Signal(Attached, int, int, str): layer, frame and label of the object that was clicked on, and
        "replace", "add" (Shift) or "subtract" (Ctrl).
    """

    hit = Signal(object, int, object, str)

    def __init__(
        self, napari_viewer: Any, candidates: Callable[[], list[Attached]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = unwrapped(napari_viewer)
        self._candidates = candidates
        self._viewer.mouse_drag_callbacks.append(self._on_mouse)

    def close(self) -> None:
        """Listen no more."""
        if self._on_mouse in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_mouse)

    def _on_mouse(self, viewer: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or not self._is_free():
            return
        start, mode = np.array(event.pos, dtype=float), click_mode(event)
        found = self._object_at(event)
        if found is None:
            return
        yield
        while event.type == "mouse_move":
            if np.abs(np.array(event.pos, dtype=float) - start).max() > _STILL:
                return  # it is the image that is moved
            yield
        self.hit.emit(*found, mode)

    def _is_free(self) -> bool:
        layer = self._viewer.layers.selection.active
        return layer is None or str(layer.mode) in _HARMLESS_MODES

    def _object_at(self, event: Any) -> tuple[Attached, int, int] | None:
        for one in self._candidates():
            found = one.object_at(event)
            if found is not None:
                return one, *found
        return None


def click_mode(event: Any) -> str:
    """What the keys held at a click ask for: "add" with Shift, "subtract" with Ctrl, else "replace"."""
    held = {str(getattr(key, "name", key)) for key in event.modifiers}
    return "add" if "Shift" in held else "subtract" if "Control" in held else "replace"
