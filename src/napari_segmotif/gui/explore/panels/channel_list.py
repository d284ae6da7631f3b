"""The images of the viewer that show the objects of a labels layer, with a check box each."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from ...results import is_result
from ...section import words
from ..inputs import problem_of

_NAME_LENGTH = 40


class ChannelList(QWidget):
    """Which images are measured.

    Parameters
    ----------
    napari_viewer
        Whose image layers are offered.

    Signals
    -------
    changed
        Another image is checked, or another one can be.
    """

    changed = Signal()

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers = napari_viewer.layers
        self._labels: Labels | None = None
        self._axes = ""
        self._boxes: list[tuple[Image, QCheckBox]] = []
        self._said: dict[str, bool] = {}  # what the user said of a layer, by its id
        self._none = words("no image: only sizes and shapes can be measured", dim=True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self._column.addWidget(self._none)
        for emitter in self._emitters():
            emitter.connect(self.refresh)

    @property
    def images(self) -> tuple[Image, ...]:
        """The images that are checked and fit, in the order of the viewer's layers."""
        return tuple(image for image, box in self._boxes if box.isEnabled() and box.isChecked())

    def set_labels(self, labels: Labels | None, axes: str) -> None:
        """Offer the images that show these objects."""
        self._labels, self._axes = labels, axes
        self.refresh()

    def check(self, image: Image, checked: bool = True) -> None:
        """Check an image, or take the check away."""
        for layer, box in self._boxes:
            if layer is image:
                box.setChecked(checked)

    def refresh(self, _event: Any = None) -> None:
        """Look at the viewer's layers again: some may have come, gone, or been moved."""
        self._clear()
        images = [layer for layer in self._layers if isinstance(layer, Image)]
        for image in images:
            box = QCheckBox(_short(image.name))
            problem = "" if self._labels is None else problem_of(image, self._labels, self._axes)
            box.setEnabled(not problem and self._labels is not None)
            about = f"<p>Not now: {problem}.</p>" if problem else "<p>Measure the brightness in it.</p>"
            box.setToolTip(f"<p><b>{image.name}</b></p>{about}")
            box.setChecked(not problem and self._said.get(str(image.unique_id), _is_data(image)))
            box.toggled.connect(lambda checked, image=image: self._on_toggled(image, checked))
            image.events.name.connect(self.refresh)
            self._column.addWidget(box)
            self._boxes.append((image, box))
        self._none.setVisible(not images)
        self.changed.emit()

    def close_down(self) -> None:
        """Stop following the viewer."""
        for emitter in self._emitters():
            emitter.disconnect(self.refresh)
        for image, _ in self._boxes:
            image.events.name.disconnect(self.refresh)
        self._boxes, self._labels = [], None

    def _on_toggled(self, image: Image, checked: bool) -> None:
        self._said[str(image.unique_id)] = checked
        self.changed.emit()

    def _clear(self) -> None:
        for image, box in self._boxes:
            image.events.name.disconnect(self.refresh)
            box.hide()
            box.deleteLater()
        self._boxes = []

    def _emitters(self) -> tuple[Any, ...]:
        events = self._layers.events
        return (events.inserted, events.removed, events.reordered)


def _is_data(image: Layer) -> bool:
    """Whether an image is looked at and was not computed by us: that is what is most often wanted."""
    return bool(image.visible) and not is_result(image)


def _short(name: str) -> str:
    """Shorten a name in its middle: both ends tell layers apart."""
    half = _NAME_LENGTH // 2 - 1
    text = name if len(name) <= _NAME_LENGTH else f"{name[:half]}…{name[-half:]}"
    return text.replace("&", "&&")
