"""From a class to single objects: threshold, minimum size, holes, touching objects."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ....batch.recipe import ObjectParameters
from ...classes.entries import ClassEntry
from ...section import enable, row, words
from ...swatch import swatch_icon


class ObjectsPanel(QWidget):
    """Make objects.

    Signals
    -------
    wanted
        The user asked for objects; carries ObjectParameters, or None where no class is chosen.
    """

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._class = QComboBox()
        self._class.setToolTip("The class whose pixels become objects.")
        self._threshold = QDoubleSpinBox()
        self._threshold.setRange(0.05, 0.95)
        self._threshold.setSingleStep(0.05)
        self._threshold.setValue(0.5)
        self._threshold.setToolTip("A pixel belongs to an object where the class is at least this probable.")
        self._minimum = QSpinBox()
        self._minimum.setRange(0, 1_000_000)
        self._minimum.setValue(20)
        self._minimum.setSuffix(" px")
        self._minimum.setToolTip("Smaller objects are dropped: area in pixels, or volume in voxels.")
        self._fill = QCheckBox("fill holes")
        self._fill.setChecked(True)
        self._split = QCheckBox("split touching objects")
        self._split.setChecked(True)
        self._split.setToolTip(
            "Cut round objects apart where they touch (watershed on the distance to the rim)."
        )
        self._make = QPushButton("Make objects")
        self._text = words(dim=True)
        self._text.hide()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Class", self._class)
        form.addRow("Threshold", self._threshold)
        form.addRow("Minimum size", self._minimum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(form)
        layout.addLayout(row(self._fill, self._split))
        layout.addLayout(row(self._make))
        layout.addWidget(self._text)
        self._make.clicked.connect(lambda _checked=False: self.wanted.emit(self.parameters))

    @property
    def parameters(self) -> ObjectParameters | None:
        """What is set, or None where no class is chosen."""
        label = self._class.currentData()
        if label is None:
            return None
        return ObjectParameters(
            class_id=int(label),
            threshold=round(self._threshold.value(), self._threshold.decimals()),
            minimum_size=self._minimum.value(),
            fill_holes=self._fill.isChecked(),
            split_touching=self._split.isChecked(),
        )

    def set_parameters(self, parameters: ObjectParameters) -> None:
        """Show these parameters."""
        self._class.setCurrentIndex(self._class.findData(parameters.class_id))
        self._threshold.setValue(parameters.threshold)
        self._minimum.setValue(parameters.minimum_size)
        self._fill.setChecked(parameters.fill_holes)
        self._split.setChecked(parameters.split_touching)

    def set_classes(self, entries: Sequence[ClassEntry]) -> None:
        """Offer these classes, keeping the chosen one."""
        keep = self._class.currentData()
        with QSignalBlocker(self._class):
            self._class.clear()
            for entry in entries:
                self._class.addItem(swatch_icon(entry.color), entry.name, entry.label)
            self._class.setCurrentIndex(max(self._class.findData(keep), 0) if entries else -1)

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        enable(self._make, reason, "Predict the whole image and give every object a number of its own.")

    def show_text(self, text: str) -> None:
        """Say how many objects came out."""
        self._text.setText(text)
        self._text.setVisible(bool(text))
