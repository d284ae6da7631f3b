"""Why there: which pixels speak for a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from ...section import enable, row, words
from ...swatch import swatch_icon

_METHODS = {
    "gradcam": (
        "Grad-CAM (at once)",
        "Where the deepest features speak for the class: quick and coarse.",
    ),
    "occlusion": (
        "Covering parts (slow)",
        "How much less sure the network is of the class when a part of the image is covered.",
    ),
}


class ExplainPanel(QWidget):
    """Ask why a class was found.

    Signals
    -------
    explain_clicked
        The user asked for it; carries the class's label, and "gradcam" or "occlusion".
    """

    explain_clicked = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reason = "train or load a network first."
        self.classes = QComboBox()
        self.classes.setToolTip("<p>Which pixels speak for this class?</p>")
        self.method = QComboBox()
        for method, (title, tip) in _METHODS.items():
            self.method.addItem(title, method)
            self.method.setItemData(self.method.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.method.setToolTip(f"<p>{'</p><p>'.join(tip for _, tip in _METHODS.values())}</p>")
        self.explain = QPushButton("Explain the current view")
        self._text = words(dim=True)
        self._text.hide()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Class", self.classes)
        form.addRow("Method", self.method)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(form)
        layout.addLayout(row(self.explain))
        layout.addWidget(self._text)
        self.explain.clicked.connect(lambda _checked=False: self._emit())
        self._update()

    @property
    def class_id(self) -> int | None:
        """The chosen class, or None where there is none."""
        label = self.classes.currentData()
        return None if label is None else int(label)

    @property
    def chosen_method(self) -> str:
        """The method, "gradcam" or "occlusion"."""
        return str(self.method.currentData())

    def set_classes(self, labels: Sequence[int], names: Mapping[int, str], colors: Mapping[int, str]) -> None:
        """Offer these classes; the chosen one is kept, else it is the first."""
        kept = self.class_id
        with QSignalBlocker(self.classes):
            self.classes.clear()
            for label in labels:
                name = names.get(label, f"class {label}")
                if label in colors:
                    self.classes.addItem(swatch_icon(colors[label]), name, label)
                else:
                    self.classes.addItem(name, label)
            index = self.classes.findData(kept)
            self.classes.setCurrentIndex(max(0, index))
        self._update()

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        self._reason = reason
        self._update()

    def show_text(self, text: str) -> None:
        """Say what is shown."""
        self._text.setText(text)
        self._text.setVisible(bool(text))

    def _update(self) -> None:
        reason = self._reason or ("" if self.classes.count() else "train or load a network first.")
        enable(self.explain, reason, "Show which pixels on the screen speak for the class.")

    def _emit(self) -> None:
        if self.class_id is not None:
            self.explain_clicked.emit(self.class_id, self.chosen_method)
