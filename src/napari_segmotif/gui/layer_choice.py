"""A drop-down list that follows the viewer's layers: added, removed, renamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

_PADDING = 12


class LayerChoice(QComboBox):
    """Choose one of the viewer's layers.

    Parameters
    ----------
    napari_viewer
        Whose layers to follow.
    accepts
        Which of them can be chosen.
    placeholder
        What stands there while there is none.
    automatic
        Whether the topmost layer is chosen while none is.

    Signals
    -------
    chosen
        Another layer (or None) is chosen, by the user, by `choose`, or because the chosen one was removed.
    """

    chosen = Signal(object)

    def __init__(
        self,
        napari_viewer: Any,
        accepts: Callable[[Layer], bool],
        placeholder: str,
        *,
        automatic: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = napari_viewer.layers
        self._accepts = accepts
        self._automatic = automatic
        self._shown: list[Layer] = []
        self._current: Layer | None = None
        self.setPlaceholderText(placeholder)
        # Long layer names must not widen the dock.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for emitter in (
            self._layers.events.inserted,
            self._layers.events.removed,
            self._layers.events.reordered,
        ):
            emitter.connect(self._refresh)
        self._refresh()
        self.currentIndexChanged.connect(self._on_index)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw a long name with an ellipsis in its middle: both ends tell layers apart."""
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        style = self.style()
        if style is not None:
            room = style.subControlRect(
                QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
            )
            text = option.currentText or self.placeholderText()
            width = room.width() - _PADDING
            option.currentText = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, width)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    @property
    def layer(self) -> Layer | None:
        """The chosen layer."""
        return self._current

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer that can be chosen, the topmost first."""
        return tuple(self._shown)

    def choose(self, layer: Layer | None) -> None:
        """Choose a layer that is in the list, or none."""
        self._refresh()
        index = next((i for i, shown in enumerate(self._shown) if shown is layer), -1)
        self.setCurrentIndex(index)

    def close_down(self) -> None:
        """Stop following, and let go of the layers."""
        for emitter in (
            self._layers.events.inserted,
            self._layers.events.removed,
            self._layers.events.reordered,
        ):
            emitter.disconnect(self._refresh)
        self._follow_names(())
        self._shown, self._current = [], None

    def _refresh(self, event: object = None) -> None:
        shown = [layer for layer in reversed(self._layers) if self._accepts(layer)]
        self._follow_names(shown)
        with QSignalBlocker(self):
            self.clear()
            self.addItems([layer.name for layer in shown])
            for index, layer in enumerate(shown):
                self.setItemData(index, layer.name, Qt.ItemDataRole.ToolTipRole)
            fallback = 0 if shown and self._automatic else -1
            index = next((i for i, layer in enumerate(shown) if layer is self._current), fallback)
            self.setCurrentIndex(index)
        self._on_index(index)

    def _follow_names(self, shown: list[Layer] | tuple[()]) -> None:
        for layer in self._shown:
            if not any(layer is other for other in shown):
                layer.events.name.disconnect(self._refresh)
        for layer in shown:
            if not any(layer is other for other in self._shown):
                layer.events.name.connect(self._refresh)
        self._shown = list(shown)

    def _on_index(self, index: int) -> None:
        layer = self._shown[index] if 0 <= index < len(self._shown) else None
        if layer is not self._current:
            self._current = layer
            self.chosen.emit(layer)
