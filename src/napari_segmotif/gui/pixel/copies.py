"""Copies of annotations that stand aside while another one is painted on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Labels
from numpy.typing import NDArray

from ..layers import LayerSnapshot, snapshot_labels


class Copies:
    """Keeps a copy of each annotation until it is painted on: a stroke copies only its own layer."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Labels, NDArray[Any]] = WeakKeyDictionary()

    def of(self, layer: Labels, image: LayerSnapshot) -> NDArray[Any]:
        """Return the annotation of an image as it is now; not to be written into (main thread)."""
        kept = self._kept.get(layer)
        if kept is None or kept.shape != image.output_shape:
            self._let_go(layer)
            self._kept[layer] = kept = snapshot_labels(layer, image).array
            for emitter in _emitters(layer):
                emitter.connect(self._forget)
        return kept

    def clear(self) -> None:
        """Forget all copies and listen to no layer any more."""
        for layer in list(self._kept):
            self._let_go(layer)

    def _forget(self, event: Any) -> None:
        self._let_go(event.source)

    def _let_go(self, layer: Labels) -> None:
        if self._kept.pop(layer, None) is not None:
            for emitter in _emitters(layer):
                emitter.disconnect(self._forget)


def _emitters(layer: Labels) -> Iterator[Any]:
    """What tells that the data may be others: strokes, undo (which emits only `set_data`), new data."""
    events = layer.events
    yield from (events.paint, events.labels_update, events.set_data, events.data)
