"""The number keys give the current object a class, for as long as the user picks examples."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from ...layers import unwrapped

KEYS = tuple(range(10))


class PickingKeys(QObject):
    """Takes the keys 0 … 9 of a viewer while it is enabled.

    napari asks the active layer first, which has tools on these keys, and then the viewer. So the keys are
    bound on both; whatever was bound there comes back afterwards.

    Parameters
    ----------
    napari_viewer
        The viewer whose canvas has the keyboard.

    Attributes
    ----------
    pressed
        Signal(int): 1 … 9, and 0 for none.
    """

    pressed = Signal(int)

    def __init__(self, napari_viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = unwrapped(napari_viewer)
        self._enabled = False
        self._before: WeakKeyDictionary[Layer, dict[Any, Any]] = WeakKeyDictionary()
        self._viewer_before: dict[Any, Any] = {}

    @property
    def enabled(self) -> bool:
        """Whether the keys are taken."""
        return self._enabled

    def enable(self) -> None:
        """Take the keys."""
        if self._enabled:
            return
        self._enabled = True
        self._viewer_before = dict(self._viewer.keymap)
        self._bind(self._viewer)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        self._on_active()

    def disable(self) -> None:
        """Give the keys back."""
        if not self._enabled:
            return
        self._enabled = False
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        self._viewer.keymap = self._viewer_before
        self._release()

    def _on_active(self, event: Any = None) -> None:
        self._release()
        layer = self._viewer.layers.selection.active
        if layer is not None:
            self._before[layer] = dict(layer.keymap)
            self._bind(layer)

    def _release(self) -> None:
        for layer, keymap in list(self._before.items()):
            layer.keymap = keymap
        self._before.clear()

    def _bind(self, target: Any) -> None:
        for key in KEYS:
            target.bind_key(str(key), self._action(key), overwrite=True)

    def _action(self, key: int) -> Any:
        def press(target: Any) -> None:
            self.pressed.emit(key)

        return press
