"""Write what was found to a folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ...section import enable, row, words

_NO_NWB = 'pynwb is not installed: pip install "napari-segmotif[nwb]".'


class ExportPanel(QWidget):
    """Choose a folder, and what is written to it.

    Signals
    -------
    export_wanted
        The user asked for it; carries the folder as a Path, and whether NWB is wanted too.
    """

    export_wanted = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reason = "find motifs first."
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("folder to write to")
        self.folder.setToolTip("The folder is made if there is none.")
        self.choose = QPushButton("Choose…")
        self._always = [_always(text) for text in ("motifs (TIFF)", "activations and occurrences (CSV)")]
        self.nwb = QCheckBox("all of it as NWB")
        reason = "" if importlib.util.find_spec("pynwb") else _NO_NWB
        enable(self.nwb, reason, "One file in the format of Neurodata Without Borders.")
        self._why = words(_NO_NWB, dim=True)
        self._why.setVisible(bool(reason))
        self.export = QPushButton("Export")
        self._text = words(dim=True)
        self._text.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self.folder, self.choose, stretch=0))
        for widget in (*self._always, self.nwb, self._why):
            layout.addWidget(widget)
        layout.addLayout(row(self.export))
        layout.addWidget(self._text)
        self.choose.clicked.connect(lambda _checked=False: self._ask())
        self.folder.textChanged.connect(lambda _: self._update())
        self.export.clicked.connect(lambda _checked=False: self._emit())
        self._update()

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        self._reason = reason
        self._update()

    def set_folder(self, folder: str | Path) -> None:
        """Offer a folder."""
        self.folder.setText(str(folder))
        self.folder.setCursorPosition(0)

    def show_text(self, text: str) -> None:
        """Say what was written."""
        self._text.setText(text)
        self._text.setVisible(bool(text))

    def _ask(self) -> None:
        start = self.folder.text().strip() or str(Path.home())
        chosen: Any = QFileDialog.getExistingDirectory(self, "Folder to write to", start)
        if chosen:
            self.set_folder(chosen)

    def _update(self) -> None:
        reason = self._reason or ("" if self.folder.text().strip() else "choose a folder first.")
        enable(self.export, reason, "Write motifs, activations and occurrences.")

    def _emit(self) -> None:
        folder = Path(self.folder.text().strip()).expanduser()
        self.export_wanted.emit(folder, self.nwb.isEnabled() and self.nwb.isChecked())


def _always(text: str) -> QCheckBox:
    """A ticked box for what is written in any case."""
    box = QCheckBox(text)
    box.setChecked(True)
    box.setEnabled(False)
    box.setToolTip("Always written.")
    return box
