"""Tell the classes of the objects of another image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...layer_choice import LayerChoice
from ...section import enable, row
from ..inputs import LabelledImage, channel_options, labels_axes
from .panel import Choice, Panel, Sentence


class ApplyPanel(Panel):
    """Choose other labels, and say which image shows each channel that the classifier knows.

    Channels of two images may be called differently, and only the user knows which are the same.

    Signals
    -------
    apply_clicked, here_clicked
        The user wants the classes of the chosen objects; of those in the open table.
    changed
        Something else is chosen.
    """

    apply_clicked = Signal()
    here_clicked = Signal()
    changed = Signal()

    def __init__(
        self, napari_viewer: Any, accepts: Callable[[Layer], bool], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._names: tuple[str, ...] = ()
        self._like = ""
        self._choices: list[Choice] = []
        self._options: dict[str, tuple[Image, int | None]] = {}
        self.labels = LayerChoice(napari_viewer, accepts, "open another Labels layer", automatic=False)
        self.labels.setToolTip("<p>Objects of another image, whose classes are told.</p>")
        self._place = QVBoxLayout()
        self._place.setSpacing(5)
        self.apply = QPushButton("Tell their classes")
        self.here = QPushButton("Tell those of the open table")
        self.said = Sentence()
        self.add_fields(("Labels", self.labels))
        self.add(self._place, row(self.apply, self.here), self.said)
        self.labels.chosen.connect(lambda _layer: self._refresh())
        self.apply.clicked.connect(lambda _checked=False: self.apply_clicked.emit())
        self.here.clicked.connect(lambda _checked=False: self.here_clicked.emit())
        for emitter in self._emitters():
            emitter.connect(self._refresh)
        self._refresh()

    def set_channels(self, names: Sequence[str], like: str = "") -> None:
        """Ask for an image for each of these channels, over labels with axes like these where they can be."""
        if (tuple(names), like) != (self._names, self._like):
            self._names, self._like = tuple(names), like
            self._refresh()

    @property
    def axes(self) -> str:
        """Axes of the labels: those that were measured before, else what napari says of them."""
        layer = self.labels.layer
        offered = labels_axes(layer) if isinstance(layer, Labels) else ()
        return self._like if self._like in offered else offered[0] if offered else ""

    @property
    def chosen(self) -> tuple[LabelledImage, tuple[tuple[str, Image, int | None], ...]] | None:
        """The labels, and name, image and index of each channel; None where something is missing."""
        layer = self.labels.layer
        picks = [self._options.get(choice.key) for choice in self._choices]
        if not isinstance(layer, Labels) or not self.axes or None in picks:
            return None
        channels = [(name, *pick) for name, pick in zip(self._names, picks, strict=True) if pick is not None]
        images = tuple(dict.fromkeys(image for _, image, _ in channels))
        return LabelledImage(layer, self.axes, images), tuple(channels)

    def problem(self) -> str:
        """Why it cannot be applied, in words; "" where it can."""
        if self.labels.layer is None:
            return "choose the Labels layer of another image."
        if self.chosen is None:
            return f"no image shows these objects, and the classifier needs {', '.join(self._names)}."
        return ""

    def set_available(self, reason: str, no_table: str) -> None:
        """Enable the buttons, or disable them and say why."""
        enable(
            self.apply,
            reason,
            "Measure these objects as the others were, and tell their classes; a layer shows them.",
        )
        enable(self.here, no_table, "Tell the classes of the objects that are in the table at the bottom.")

    def close_down(self) -> None:
        """Stop following the viewer."""
        for emitter in self._emitters():
            emitter.disconnect(self._refresh)
        self.labels.close_down()
        self._options = {}

    def _refresh(self, _event: Any = None) -> None:
        while (item := self._place.takeAt(0)) is not None:
            holder = item.widget()
            holder.hide()
            holder.deleteLater()
        self._choices, self._options = [], {}
        layer = self.labels.layer
        if isinstance(layer, Labels) and self.axes:
            images = [one for one in self._viewer.layers if isinstance(one, Image)]
            self._options = channel_options(images, layer, self.axes)
            for number, name in enumerate(self._names):
                self._add_channel(number, name)
        self.changed.emit()

    def _add_channel(self, number: int, name: str) -> None:
        holder = Panel()
        choice = Choice(tip=f"Which image shows what was “{name}” where the classifier learned?")
        choice.offer([(key, key, "") for key in self._options])
        # The same name, else the same place in the row of channels.
        if not choice.choose(name) and self._options:
            choice.setCurrentIndex(min(number, len(self._options) - 1))
        choice.currentIndexChanged.connect(lambda _index: self.changed.emit())
        holder.add_fields((name if len(name) < 14 else name[:12] + "…", choice))
        self._place.addWidget(holder)
        self._choices.append(choice)

    def _emitters(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return (events.inserted, events.removed, events.reordered)
