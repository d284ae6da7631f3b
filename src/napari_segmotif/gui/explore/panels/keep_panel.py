"""The last step: keep the table, the plot, the layers, and the way there."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from ...section import enable, row
from .panel import Panel, Sentence

_TABLES = "CSV (*.csv);;Parquet (*.parquet);;AnnData (*.h5ad)"
_PLOTS = "PNG (*.png);;SVG (*.svg)"


class KeepPanel(Panel):
    """Save, copy, export.

    Signals
    -------
    table_wanted, plot_wanted, recipe_file_wanted
        Carry the path that the user picked.
    layer_wanted, features_wanted
        A layer of classes or clusters; the table in layer.features.
    script_wanted, recipe_wanted
        The user wants to have it on the clipboard.
    """

    table_wanted = Signal(object)
    plot_wanted = Signal(object)
    recipe_file_wanted = Signal(object)
    layer_wanted = Signal()
    features_wanted = Signal()
    script_wanted = Signal()
    recipe_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table, self.plot = QPushButton("Save table…"), QPushButton("Save plot…")
        self.layer, self.features = (
            QPushButton("Classes as a layer"),
            QPushButton("Table into layer.features"),
        )
        self.script, self.recipe = QPushButton("Copy as Python"), QPushButton("Copy recipe")
        self.recipe_file = QPushButton("Save recipe…")
        self.said = Sentence()
        self.add(
            row(self.table, self.plot),
            row(self.layer, self.features),
            row(self.script, self.recipe, self.recipe_file),
            self.said,
        )
        self.table.clicked.connect(lambda _checked=False: self._ask_table())
        self.plot.clicked.connect(lambda _checked=False: self._ask_plot())
        self.recipe_file.clicked.connect(lambda _checked=False: self._ask_recipe())
        for button, signal in (
            (self.layer, self.layer_wanted),
            (self.features, self.features_wanted),
            (self.script, self.script_wanted),
            (self.recipe, self.recipe_wanted),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())

    def set_available(self, no_saving: str, no_table: str, no_layer: str, no_recipe: str) -> None:
        """Enable what can be kept, or disable it and say why."""
        enable(
            self.table,
            no_saving,
            "Write the table with clusters, classes and maps: CSV, Parquet, or AnnData for scanpy.",
        )
        enable(self.plot, no_table, "Write the plot as it is seen, as PNG or SVG.")
        enable(
            self.layer,
            no_layer,
            "Make a Labels layer in which every object has the number of its class, or of its cluster where "
            "there are no classes. It is yours to edit and to save.",
        )
        enable(
            self.features,
            no_table,
            "Put each object's row into its labels layer, where napari and other plugins look for it.",
        )
        enable(self.script, no_recipe, "Copy a Python script that does the same.")
        enable(
            self.recipe, no_recipe, "Copy what was done, as JSON: `segmotif run` repeats it on other files."
        )
        enable(self.recipe_file, no_recipe, "Write the recipe for `segmotif run`.")

    def _ask_table(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save the table", "objects.csv", _TABLES)
        if path:
            self.table_wanted.emit(with_suffix(path, kind, (".csv", ".parquet", ".h5ad")))

    def _ask_plot(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save the plot", "objects.png", _PLOTS)
        if path:
            self.plot_wanted.emit(with_suffix(path, kind, (".png", ".svg")))

    def _ask_recipe(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the recipe", "objects.json", "Recipe (*.json)")
        if path:
            self.recipe_file_wanted.emit(Path(path if path.endswith(".json") else path + ".json"))


def with_suffix(path: str, kind: str, suffixes: tuple[str, ...]) -> Path:
    """Return a path with one of these suffixes: its own, else that of the kind chosen in the dialog."""
    if path.lower().endswith(suffixes):
        return Path(path)
    return Path(path + next((suffix for suffix in suffixes if f"*{suffix}" in kind), suffixes[0]))
