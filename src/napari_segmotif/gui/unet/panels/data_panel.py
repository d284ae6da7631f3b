"""The first step of the form: which images and labels to train on, and what the labels are."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from ....errors import AnnotationError
from ....unet.parameters import Annotation
from ...classes.entries import from_metadata
from ...data_panel import DataPanel, PairOfLayers, annotation_shape, fits
from ...layers import LayerSnapshot, snapshot_image
from ...results import is_result
from ...section import words
from ..examples import Examples, LabelsOfLayer, LayerExamples, LayerPair, entries_of
from ..preview import is_preview
from ..words import ANNOTATIONS
from ..work import Described
from .folders_panel import FoldersPanel

#: More than this is copied where the job runs: copying it on the main thread would be felt.
_COPIED_HERE_BYTES = 32 * 2**20


class TrainingDataPanel(QWidget):
    """Choose what to train on.

    Signals
    -------
    changed
        Other images or labels are chosen.
    kind_changed
        The labels are of another kind.
    """

    changed = Signal()
    kind_changed = Signal()

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen_kind: dict[str, Annotation] = {}  # what the user said, by labels
        self._described: Described | None = None
        self._where = QComboBox()
        self._where.addItems(["Layers of this viewer", "Folders of files"])
        self._where.setToolTip("Train on layers, or on all images of a folder that have labels in another.")
        self.layers = DataPanel(napari_viewer, accepts=_is_training_label, check=check_labels)
        self.layers.annotation.setToolTip(
            "<p>The Labels layer to learn from: objects, classes, or strokes. "
            "The result of the pixel classifier is one, too.</p>"
        )
        self.folders = FoldersPanel()
        self._kind = QComboBox()
        for kind, (title, meaning) in ANNOTATIONS.items():
            self._kind.addItem(title, kind)
            self._kind.setItemData(self._kind.count() - 1, meaning, 3)  # Qt.ItemDataRole.ToolTipRole
        self._kind_said = words(dim=True)
        self._lay_out()
        self._where.currentIndexChanged.connect(self._on_where)
        self._kind.currentIndexChanged.connect(self._on_kind)
        self.layers.changed.connect(self._on_data)
        self.folders.changed.connect(self._on_data)
        self._on_where()

    def _lay_out(self) -> None:
        top, bottom = QFormLayout(), QFormLayout()
        for form in (top, bottom):
            form.setContentsMargins(0, 0, 0, 0)
            form.setSpacing(5)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("From", self._where)
        bottom.addRow("Labels are", self._kind)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(top)
        layout.addWidget(self.layers)
        layout.addWidget(self.folders)
        layout.addLayout(bottom)
        layout.addWidget(self._kind_said)

    # ---- what is chosen

    @property
    def from_folders(self) -> bool:
        """Whether files are trained on, and not layers."""
        return self._where.currentIndex() == 1

    def set_from_folders(self, files: bool) -> None:
        """Train on files, or on layers."""
        self._where.setCurrentIndex(1 if files else 0)

    @property
    def annotation(self) -> Annotation:
        """What the labels are."""
        return self._kind.currentData()

    def set_annotation(self, annotation: Annotation) -> None:
        """Say what the labels are, as the user does."""
        self._kind.setCurrentIndex(self._kind.findData(annotation))

    @property
    def chosen_annotation(self) -> Annotation | None:
        """What the user says these labels are; None where nothing was said."""
        return self._chosen_kind.get(self.key)

    @property
    def key(self) -> str:
        """What the kind of the labels is remembered by; "" where there are none."""
        if self.from_folders:
            return str(self.folders.folders) if self.folders.examples is not None else ""
        pairs = self.layers.pairs
        return str(pairs[0].annotation.unique_id) if pairs else ""

    def problem(self) -> str:
        """Why nothing can be trained, in words; "" where it can."""
        if self.from_folders:
            return self.folders.problem()
        if self.layers.pairs:
            return self.layers.problem()
        return self.layers.problem() or "choose labels that fit the image."

    def examples(self) -> Examples:
        """Return a frozen copy of what is chosen (main thread).

        Raises
        ------
        AnnotationError
            Where no image and labels that fit each other are chosen.
        """
        problem = self.problem()
        if problem:
            raise AnnotationError(f"{problem.rstrip('.')} (got no labels to train on)")
        if self.from_folders:
            assert self.folders.examples is not None  # else there is a problem
            return self.folders.examples
        pairs, room = [], _COPIED_HERE_BYTES
        for pair in self.layers.pairs:
            taken = _pair(pair, room)
            room -= 0 if taken.labels.painted_on else getattr(taken.labels.array, "nbytes", 0)
            pairs.append(taken)
        entries = entries_of([from_metadata(p.annotation.metadata) for p in self.layers.pairs])
        return LayerExamples(tuple(pairs), entries)

    def snapshots(self) -> tuple[LayerSnapshot, ...]:
        """Return the images of `examples`, with their places in the viewer; none for files."""
        if self.from_folders:
            return ()
        return tuple(snapshot_image(pair.image, pair.axes) for pair in self.layers.pairs)

    def training_layers(self) -> list[Layer]:
        """Return the layers that a training depends on."""
        if self.from_folders:
            return []
        return [layer for pair in self.layers.pairs for layer in (pair.image, pair.annotation)]

    # ---- what is shown

    def show_described(self, described: Described) -> None:
        """Say what the labels seem to be; what the user chose for them stays."""
        self._described = described
        kind = self._chosen_kind.get(self.key, described.annotation)
        before = self.annotation
        with QSignalBlocker(self._kind):
            self._kind.setCurrentIndex(self._kind.findData(kind))
        self._say()
        if self.annotation != before:
            self.kind_changed.emit()

    def forget_description(self) -> None:
        """Say nothing of the labels until they are described again."""
        self._described = None
        self._say()

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.layers.close_down()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Put the controls of all rows under each other; how wide labels are is known only now."""
        labels = [
            label
            for form in self.findChildren(QFormLayout)
            for row in range(form.rowCount())
            if (item := form.itemAt(row, QFormLayout.ItemRole.LabelRole)) and (label := item.widget())
        ]
        width = max((label.sizeHint().width() for label in labels), default=0)
        for label in labels:
            label.setMinimumWidth(width)
        super().showEvent(event)

    def _say(self) -> None:
        text = "" if self._described is None else self._described.texts.get(self.annotation, "")
        self._kind_said.setText(text)
        self._kind_said.setVisible(bool(text))
        self._kind.setToolTip(f"<p>{ANNOTATIONS[self.annotation][1]}</p>")

    def _on_where(self, _index: int = 0) -> None:
        self.layers.setVisible(not self.from_folders)
        self.folders.setVisible(self.from_folders)
        self._on_data()

    def _on_kind(self, _index: int) -> None:
        if self.key:
            self._chosen_kind[self.key] = self.annotation
        self._say()
        self.kind_changed.emit()

    def _on_data(self) -> None:
        self.forget_description()
        self.changed.emit()


def check_labels(layer: Labels, source: LayerSnapshot) -> None:
    """Refuse a layer that cannot be the labels of an image.

    Raises
    ------
    AnnotationError
        For a multiscale layer, or one of another shape.
    """
    if layer.multiscale:
        raise AnnotationError(
            "training labels cannot be multiscale: choose a layer with one level (got a multiscale layer)."
        )
    if not fits(layer, source):
        raise AnnotationError(
            f"labels must have the shape of the image without channels, {annotation_shape(source)} "
            f"({source.result_axes}): choose other labels, or other axes (got {tuple(layer.data.shape)})."
        )


def _pair(pair: PairOfLayers, room: int) -> LayerPair:
    """Take a pair of layers; its labels are copied where they fit into so many bytes."""
    image = snapshot_image(pair.image, pair.axes)
    data = pair.annotation.data
    painted_on = isinstance(data, np.ndarray) and data.nbytes > room
    array = data if painted_on or not isinstance(data, np.ndarray) else data.copy()
    labels = LabelsOfLayer(array, image.output_shape, painted_on)
    return LayerPair(image.name, image.to_source(), labels, image.rgb)


def _is_training_label(layer: Layer) -> bool:
    """Every Labels layer but our previews; the results of the pixel classifier are welcome."""
    return isinstance(layer, Labels) and not (is_result(layer) and is_preview(layer))
