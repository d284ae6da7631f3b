"""The first step: which objects in which images, what is measured, and what was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.layers import Labels, Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...axes_text import axes_in_words
from ...layer_choice import LayerChoice
from ...section import enable, row, words
from ..inputs import LabelledImage, labels_axes, problem_of
from ..words import GROUPS
from .channel_list import ChannelList
from .panel import Panel, Sentence

TABLES = "Tables (*.csv *.parquet *.h5ad)"
_DEFAULT = ("shape", "intensity", "neighbourhood", "position")
_NEED_IMAGE = ("intensity", "texture")
_NO_LABELS = "open or make a Labels layer first: the objects to measure"


class ObjectsPanel(Panel):
    """Choose labels, channels and features, and measure.

    Parameters
    ----------
    napari_viewer
        Whose layers are offered.
    accepts
        Which layers are offered as labels.

    Signals
    -------
    changed
        Something else is chosen.
    measure_clicked, plot_clicked
        The user wants to have it measured; to see plot and table again.
    open_wanted
        Carries the path of a table to open.
    """

    changed = Signal()
    measure_clicked = Signal()
    plot_clicked = Signal()
    open_wanted = Signal(object)

    def __init__(
        self, napari_viewer: Any, accepts: Callable[[Layer], bool], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._axes_of: dict[str, str] = {}  # labels layer's id -> what the user chose
        self._more: list[LabelledImage] = []
        self.labels = LayerChoice(napari_viewer, accepts, "open a Labels layer first")
        self.labels.setToolTip("<p>The objects: every one has a number of its own, 0 is background.</p>")
        self._axes = QComboBox()
        self._axes.setToolTip(
            "<p>A Z stack has objects in space. In a time series the objects of each frame are measured "
            "apart.</p>"
        )
        self.channels = ChannelList(napari_viewer)
        self._add = QPushButton("Add this image")
        self._list = QVBoxLayout()
        self._list.setSpacing(1)
        self.groups = {group: QCheckBox(title) for group, (title, _) in GROUPS.items()}
        self.measure, self.open = QPushButton("Measure"), QPushButton("Open table…")
        self.plot = QPushButton("Show plot")
        self._said = Sentence()
        self._stale = Sentence(warning=True)
        self._form = self.add_fields(("Labels", self.labels), ("Axes", self._axes))
        self.add(words("Brightness is measured in", dim=True), self.channels)
        self.add(row(self._add), self._list)
        self.add(words("Measure", dim=True), self._group_boxes())
        self.add(row(self.measure, self.open, self.plot), self._said, self._stale)
        self._connect()
        self._on_labels(self.labels.layer)

    def _group_boxes(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(1)
        for number, (group, box) in enumerate(self.groups.items()):
            box.setChecked(group in _DEFAULT)
            box.setToolTip(f"<p>{GROUPS[group][1]}</p>")
            grid.addWidget(box, number // 2, number % 2)
        return grid

    def _connect(self) -> None:
        self.labels.chosen.connect(self._on_labels)
        self._axes.currentIndexChanged.connect(self._on_axes)
        self.channels.changed.connect(self._on_changed)
        for box in self.groups.values():
            box.toggled.connect(lambda _checked: self._on_changed())
        self._add.clicked.connect(lambda _checked=False: self.add_image())
        self.measure.clicked.connect(lambda _checked=False: self.measure_clicked.emit())
        self.plot.clicked.connect(lambda _checked=False: self.plot_clicked.emit())
        self.open.clicked.connect(lambda _checked=False: self._ask_open())
        self._viewer.layers.events.removed.connect(self._on_removed)

    # ---- what is chosen

    @property
    def axes(self) -> str:
        """Axes of the chosen labels, "" where there are none."""
        return self._axes.currentData() or ""

    def set_axes(self, axes: str) -> None:
        """Choose the axes of the labels."""
        self._axes.setCurrentIndex(self._axes.findData(axes))

    def axes_for(self, layer: Labels) -> str:
        """Axes of any labels layer: what the user chose for it, else the likeliest."""
        offered = labels_axes(layer)
        wanted = self._axes_of.get(str(layer.unique_id), "")
        return wanted if wanted in offered else offered[0] if offered else ""

    @property
    def current(self) -> LabelledImage | None:
        """The labels that are chosen, with their channels."""
        layer = self.labels.layer
        if not isinstance(layer, Labels) or not self.axes:
            return None
        return LabelledImage(layer, self.axes, self.channels.images)

    @property
    def images(self) -> tuple[LabelledImage, ...]:
        """Everything that is measured into one table."""
        current = self.current
        more = [one for one in self._more if current is None or one.labels is not current.labels]
        return (*more, current) if current is not None else tuple(more)

    @property
    def properties(self) -> tuple[str, ...]:
        """The groups of features that are checked and can be measured."""
        return tuple(group for group, box in self.groups.items() if box.isChecked() and box.isEnabled())

    def problem(self) -> str:
        """Why nothing can be measured, in words; "" where it can."""
        if not self.images:
            layer = self.labels.layer
            return f"{_NO_LABELS}." if layer is None else "these labels have more axes than T, Z, Y and X."
        if not self.properties:
            return "check at least one group of features."
        return ""

    def add_image(self) -> None:
        """Keep what is chosen, so that another image is measured into the same table."""
        current = self.current
        if current is not None:
            self._more = [one for one in self._more if one.labels is not current.labels] + [current]
            self._on_changed()

    def remove_image(self, image: LabelledImage) -> None:
        """Take an image out of the list; its layers stay."""
        self._more = [one for one in self._more if one is not image]
        self._on_changed()

    # ---- what is shown

    def set_available(self, no_measuring: str, no_opening: str, no_plot: str) -> None:
        """Enable the buttons, or disable them and say why."""
        n = len(self.images)
        what = "its objects" if n < 2 else f"the objects of {n} images"
        enable(self.measure, no_measuring, f"Measure {what}; the table opens at the bottom.")
        enable(self.open, no_opening, "Open a table that was saved (CSV, Parquet, AnnData).")
        enable(self.plot, no_plot, "Open the plot and the table at the bottom again.")
        again = "it is in the list already." if self._listed(self.labels.layer) else ""
        no_layer = "" if self.current is not None else f"{_NO_LABELS}."
        enable(
            self._add,
            no_layer or again,
            "Keep these labels and channels, then choose others: all are measured into one table.",
        )

    def say(self, text: str) -> None:
        """Say what was measured."""
        self._said.say(text)

    def say_stale(self, reason: str) -> None:
        """Say why the table no longer fits the image."""
        again = "" if "measure again" in reason.lower() else " Measure again."
        self._stale.say(f"{reason}{again}" if reason else "")

    def close_down(self) -> None:
        """Stop following the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.labels.close_down()
        self.channels.close_down()
        self._more = []

    def _on_labels(self, layer: Layer | None) -> None:
        offered: Sequence[str] = labels_axes(layer) if isinstance(layer, Labels) else ()
        with QSignalBlocker(self._axes):
            self._axes.clear()
            for axes in offered:
                self._axes.addItem(axes_in_words(axes).capitalize(), axes)
            wanted = self.axes_for(layer) if isinstance(layer, Labels) else ""
            self._axes.setCurrentIndex(self._axes.findData(wanted))
        self._form.setRowVisible(self._axes, len(offered) > 1)
        self.channels.set_labels(layer if isinstance(layer, Labels) else None, self.axes)

    def _on_axes(self, _index: int) -> None:
        layer = self.labels.layer
        if isinstance(layer, Labels):
            self._axes_of[str(layer.unique_id)] = self.axes
            self.channels.set_labels(layer, self.axes)

    def _on_removed(self, event: Any) -> None:
        left = [one for one in self._more if all(event.value is not layer for layer in one.layers)]
        if len(left) != len(self._more):
            self._more = left
            self._on_changed()

    def _on_changed(self) -> None:
        pictured = any(one.images for one in self.images)
        for group in _NEED_IMAGE:
            enable(
                self.groups[group],
                "" if pictured else "no image is checked that shows the objects.",
                GROUPS[group][1],
            )
        self._show_list()
        self.changed.emit()

    def _listed(self, layer: Layer | None) -> bool:
        return any(one.labels is layer for one in self._more)

    def _show_list(self) -> None:
        while (item := self._list.takeAt(0)) is not None:
            holder = item.widget()
            holder.hide()
            holder.deleteLater()
        for image in self._more:
            holder = QWidget()
            names = ", ".join(one.name for one in image.images) or "no channel"
            text = QLabel(f"{'this image' if image.labels is self.labels.layer else 'also'}: "
                          f"{image.labels.name} ({names})")  # fmt: skip
            text.setWordWrap(True)
            remove = QToolButton()
            remove.setText("✕")
            remove.setToolTip("Do not measure it; its layers stay.")
            remove.clicked.connect(lambda _checked=False, image=image: self.remove_image(image))
            holder.setLayout(row(text, remove, stretch=0))
            self._list.addWidget(holder)

    def _ask_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a table", "", TABLES)
        if path:
            self.open_wanted.emit(Path(path))


def misfits(images: Sequence[LabelledImage]) -> str:
    """Say which channel no longer fits its labels: layers can be moved after they were chosen."""
    for one in images:
        for image in one.images:
            problem = problem_of(image, one.labels, one.axes)
            if problem:
                return f"'{image.name}' no longer shows the objects of '{one.labels.name}': {problem}"
    return ""
