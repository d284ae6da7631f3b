"""Keep a network, give it away, take one in, copy the work."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from ....common.words import sentence
from ....errors import MissingExtraError
from ...section import enable, row, words

_SUFFIX = ".segmotif"
_MODELS = f"segmotif model (*{_SUFFIX})"
_PACKAGES = "bioimage.io package (*.zip)"
_NEEDED = {
    "bioimageio": ("onnx", "onnxscript", "onnxruntime", "bioimageio.core"),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
}


class KeepPanel(QWidget):
    """Save, load, export, import, copy.

    Signals
    -------
    save_wanted, load_wanted, import_wanted
        Carry the path that the user picked.
    export_wanted
        Carries "bioimageio" or "onnx", and the path.
    script_wanted, recipe_wanted
        The user wants to have it on the clipboard.
    """

    save_wanted = Signal(object)
    load_wanted = Signal(object)
    import_wanted = Signal(object)
    export_wanted = Signal(str, object)
    script_wanted = Signal()
    recipe_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.save, self.load = QPushButton("Save…"), QPushButton("Load…")
        self.to_bioimageio, self.to_onnx = (
            QPushButton("Export for bioimage.io…"),
            QPushButton("Export as ONNX…"),
        )
        self.take_in = QPushButton("Import from bioimage.io…")
        self.script, self.recipe = QPushButton("Copy as Python"), QPushButton("Copy recipe")
        self._missing = {kind: missing_for(kind) for kind in _NEEDED}
        self._why = words(next(filter(None, self._missing.values()), ""), dim=True)
        self._why.setVisible(bool(self._why.text()))
        self._text = words(dim=True)
        self._text.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self.save, self.load))
        layout.addLayout(row(self.to_bioimageio, self.to_onnx))
        layout.addLayout(row(self.take_in))
        layout.addLayout(row(self.script, self.recipe))
        layout.addWidget(self._why)
        layout.addWidget(self._text)
        self.save.clicked.connect(lambda _checked=False: self._ask_save())
        self.load.clicked.connect(lambda _checked=False: self._ask_load())
        self.take_in.clicked.connect(lambda _checked=False: self._ask_import())
        self.to_bioimageio.clicked.connect(lambda _checked=False: self._ask_export("bioimageio"))
        self.to_onnx.clicked.connect(lambda _checked=False: self._ask_export("onnx"))
        self.script.clicked.connect(lambda _checked=False: self.script_wanted.emit())
        self.recipe.clicked.connect(lambda _checked=False: self.recipe_wanted.emit())
        self.set_available("train or load a network first.", no_loading="")

    def set_available(self, reason: str, *, no_loading: str) -> None:
        """Enable what needs a network, and what brings one, or disable them and say why."""
        enable(
            self.save,
            reason,
            "Keep the network in a file. A recipe, with which `segmotif run` does the same to other files, "
            "is written beside it.",
        )
        enable(self.load, no_loading, "Open a network that was saved (.segmotif).")
        enable(self.take_in, no_loading, "Open a U-Net out of a bioimage.io package (.zip).")
        enable(
            self.to_bioimageio,
            self._missing["bioimageio"] or reason,
            "Write a package for ilastik, deepImageJ and the bioimage.io model zoo.",
        )
        enable(
            self.to_onnx,
            self._missing["onnx"] or reason,
            "Write the network alone, as ONNX.",
        )
        enable(self.script, reason, "Copy a Python script that does the same.")
        enable(self.recipe, reason, "Copy what was done, as JSON: `segmotif run` repeats it on other files.")

    def show_text(self, text: str) -> None:
        """Say where the network was kept or where it came from."""
        self._text.setText(text)
        self._text.setVisible(bool(text))

    # ---- dialogs

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the network", f"unet{_SUFFIX}", _MODELS)
        if path:
            self.save_wanted.emit(with_suffix(path, _SUFFIX))

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a network", "", _MODELS)
        if path:
            self.load_wanted.emit(Path(path))

    def _ask_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a network", "", _PACKAGES)
        if path:
            self.import_wanted.emit(Path(path))

    def _ask_export(self, kind: str) -> None:
        suffix, what = (".zip", _PACKAGES) if kind == "bioimageio" else (".onnx", "ONNX (*.onnx)")
        path, _ = QFileDialog.getSaveFileName(self, "Export the network", f"unet{suffix}", what)
        if path:
            self.export_wanted.emit(kind, with_suffix(path, suffix))


def with_suffix(path: str, suffix: str) -> Path:
    """Return the path, with its suffix where the user left that out."""
    return Path(path if path.lower().endswith(suffix) else path + suffix)


def missing_for(kind: str) -> str:
    """Say what must be installed for an export; "" where all is there."""
    from ....unet.exchange.export_onnx import require_packages

    try:
        require_packages(*_NEEDED[kind])
    except MissingExtraError as error:
        return sentence(str(error))
    return ""
