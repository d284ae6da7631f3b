"""Keep a classifier: save, load, apply it to other layers, copy the work as Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...section import enable, row, words

_SUFFIX = ".segmotif"
_FILTER = f"segmotif model (*{_SUFFIX})"


class ModelPanel(QWidget):
    """Save, load, apply, copy.

    Signals
    -------
    save_wanted, load_wanted
        Carry the path that the user picked.
    apply_wanted, copy_wanted
        The user asked for it.
    """

    save_wanted = Signal(object)
    load_wanted = Signal(object)
    apply_wanted = Signal()
    copy_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._save = QPushButton("Save…")
        self._load = QPushButton("Load…")
        self._apply = QPushButton("Apply to layers…")
        self._copy = QPushButton("Copy as Python")
        self._text = words(dim=True)
        self._text.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self._save, self._load, self._apply))
        layout.addLayout(row(self._copy))
        layout.addWidget(self._text)
        enable(self._load, "", "Open a trained classifier (.segmotif).")
        self._save.clicked.connect(self._ask_save)
        self._load.clicked.connect(self._ask_load)
        self._apply.clicked.connect(lambda _checked=False: self.apply_wanted.emit())
        self._copy.clicked.connect(lambda _checked=False: self.copy_wanted.emit())

    def set_available(self, reason: str) -> None:
        """Enable what needs a trained classifier, or disable it and say why."""
        enable(
            self._save,
            reason,
            "Keep the classifier in a file: features, forest, class names and colours. A recipe, with which "
            "`segmotif run` does the same to other files, is written beside it.",
        )
        enable(self._apply, reason, "Predict other image layers with this classifier.")
        enable(self._copy, reason, "Copy a script that does the same: train, predict, write the result.")

    def show_text(self, text: str) -> None:
        """Say where the classifier was kept or where it came from."""
        self._text.setText(text)
        self._text.setVisible(bool(text))

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the classifier", "classifier.segmotif", _FILTER)
        if path:
            self.save_wanted.emit(Path(path if path.endswith(_SUFFIX) else path + _SUFFIX))

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a classifier", "", _FILTER)
        if path:
            self.load_wanted.emit(Path(path))


class LayerDialog(QDialog):
    """Tick the layers that a classifier is applied to."""

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Apply to layers")
        self._list = QListWidget()
        for name in names:
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
            self._list.addItem(item)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(
            words("Segment these images with the classifier. They need the same channels and pixel size.")
        )
        layout.addWidget(self._list)
        layout.addWidget(buttons)

    @property
    def ticked(self) -> tuple[int, ...]:
        """The positions of the ticked names."""
        items = [self._list.item(i) for i in range(self._list.count())]
        return tuple(i for i, item in enumerate(items) if item.checkState() == Qt.CheckState.Checked)
