"""Notices when a labels layer is no longer what was measured.

napari tells of strokes, of new data and of another scale. Undo and redo, and somebody writing into the array
and refreshing, look like any other redrawing, so that the pixels themselves are compared, once all is quiet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from .lookup_kernels import fingerprint

if TYPE_CHECKING:
    from napari.layers import Labels

_QUIET = 200  # ms without redrawing, before pixels are compared
_COMPARED_WHOLE = 2**26  # pixels; of larger images only the plane that is shown is compared


class LabelWatch(QObject):
    """Watches a labels layer from the moment it is measured.

    Parameters
    ----------
    layer
        The labels layer.

    Attributes
    ----------
    edited
        Signal(reason): the labels are no longer those that were measured. Sent for every change.
    moved
        Signal(): the layer's place in the world, or the size of its pixels, changed.
    """

    edited = Signal(str)
    moved = Signal()

    def __init__(self, layer: Labels, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layer: Labels | None = layer
        self._reason = ""
        self._step = _steps(layer)
        self._history = _history(layer)
        self._prints: dict[Any, int] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._compare)
        self._connections = [
            (layer.events.paint, self._on_paint),
            (layer.events.labels_update, self._on_update),
            (layer.events.data, self._on_data),
            (layer.events.set_data, self._on_drawn),
            *((getattr(layer.events, name), self._on_moved) for name in _PLACE),
        ]
        for emitter, slot in self._connections:
            emitter.connect(slot)
        self._remember()

    @property
    def reason(self) -> str:
        """Why the labels are no longer those that were measured; "" where they are."""
        return self._reason

    def stop(self) -> None:
        """Listen no more."""
        self._timer.stop()
        for emitter, slot in self._connections:
            emitter.disconnect(slot)
        self._connections = []
        self._layer = None

    def check(self) -> None:
        """Compare the pixels now, not once things are quiet."""
        self._timer.stop()
        self._compare()

    def _on_paint(self, event: Any) -> None:
        self._edit("was painted on")

    def _on_update(self, event: Any) -> None:
        # During a stroke; what is drawn is told of when it is done.
        self._reason = self._reason or self._sentence("was painted on")

    def _on_data(self, event: Any) -> None:
        self._edit("was given other labels")

    def _on_moved(self, event: Any) -> None:
        layer = self._layer
        if layer is None:
            return
        step = _steps(layer)
        if not _same_steps(step, self._step):
            self._step = step
            self._edit("was given another pixel size")
        self.moved.emit()

    def _on_drawn(self, event: Any) -> None:
        layer = self._layer
        if layer is None:
            return
        before, self._history = self._history, _history(layer)
        # Undo and redo move one item from one list to the other.
        if sum(before) == sum(self._history) and before != self._history:
            self._edit("was painted on (undo)")
        else:
            self._timer.start(_QUIET)

    def _compare(self) -> None:
        layer = self._layer
        found = None if layer is None else _shown_print(layer)
        if found is None:
            return
        place, value = found
        if self._prints.setdefault(place, value) != value:
            self._edit("was written into")

    def _edit(self, what: str) -> None:
        layer = self._layer
        if layer is None:
            return
        self._history = _history(layer)
        self._prints.clear()
        self._timer.start(_QUIET)  # what it is now is taken as it is, when the user comes to rest
        reason = self._sentence(what)
        self._reason = self._reason or reason
        self.edited.emit(reason)

    def _remember(self) -> None:
        found = None if self._layer is None else _shown_print(self._layer)
        if found is not None:
            self._prints[found[0]] = found[1]

    def _sentence(self, what: str) -> str:
        name = "" if self._layer is None else self._layer.name
        return f"Labels layer '{name}' {what} after it was measured: measure again."


_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def _steps(layer: Labels) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Length of a pixel along each axis in the world, and its units."""
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)), dtype=float)
    steps = [np.linalg.norm(np.asarray(layer.data_to_world(one)) - origin) for one in np.eye(layer.ndim)]
    return np.array(steps), tuple(str(unit) for unit in layer.units)


def _same_steps(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return one[1] == other[1] and one[0].shape == other[0].shape and bool(np.allclose(one[0], other[0]))


def _history(layer: Labels) -> tuple[int, int]:
    """How much can be undone and redone; napari offers no public way to know."""
    return len(getattr(layer, "_undo_history", ())), len(getattr(layer, "_redo_history", ()))


def _shown_print(layer: Labels) -> tuple[Any, int] | None:
    """Fingerprint of the labels, or of the shown plane of a large image, and which plane that is.

    None for arrays that are read from elsewhere: nobody writes into them behind napari's back.
    """
    data = layer.data
    if layer.multiscale or not isinstance(data, np.ndarray):
        return None
    if data.size <= _COMPARED_WHOLE:
        return (), fingerprint(data)
    view = layer._slice.image.raw  # the plane that napari shows
    place = tuple(layer._data_slice.point) if hasattr(layer, "_data_slice") else None
    if place is None or not np.shares_memory(view, data):
        return None
    return str(place), fingerprint(view)
