"""The form: the panels in the order of the work, in sections, over a footer that says what is going on."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFormLayout, QFrame, QScrollArea, QVBoxLayout, QWidget

from ..footer import Footer
from ..layer_choice import LayerChoice
from ..results import is_result
from ..runner import JobRunner
from ..section import Section, words
from .activations_panel import ActivationsPanel
from .cells_panel import CellsPanel
from .export_panel import ExportPanel
from .motif_panel import MotifPanel
from .occurrence_table import OccurrenceTable
from .settings_panel import SettingsPanel
from .video_panel import VideoPanel

_WIDTH = 400


class MotifForm(QWidget):
    """The panels of the Motif detector. It does nothing by itself."""

    def __init__(self, napari_viewer: Any, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.video = VideoPanel(napari_viewer)
        self.settings = SettingsPanel(napari_viewer)
        self.motifs = MotifPanel()
        self.activations = ActivationsPanel(napari_viewer, follow_dims=False)
        self.occurrences = OccurrenceTable()
        self.cell_layer = LayerChoice(napari_viewer, _is_labels, "no cells", automatic=False)
        self.cell_layer.setToolTip("A Labels layer with a number for every cell, of the size of one frame.")
        self.cells_said = words(dim=True)
        self.cells = CellsPanel(napari_viewer)
        self.export = ExportPanel()

        self.sections = {
            "video": Section("1  Video"),
            "find": Section("2  Find motifs"),
            "motifs": Section("3  Motifs"),
            "activations": Section("4  Activations", expanded=False),
            "cells": Section("5  Cells", expanded=False),
            "export": Section("6  Export", expanded=False),
        }
        self.sections["video"].add(self.video)
        self.sections["find"].add(self.settings)
        self.sections["motifs"].add(self.motifs)
        self.sections["activations"].add(self.activations)
        self.sections["activations"].add(self.occurrences)
        cells = QFormLayout()
        cells.setContentsMargins(0, 0, 0, 0)
        cells.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        cells.addRow("Cells", self.cell_layer)
        self.sections["cells"].add(cells)
        self.sections["cells"].add(self.cells_said)
        self.sections["cells"].add(self.cells)
        self.sections["export"].add(self.export)
        self._footer = Footer(runner)
        self._lay_out()

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 2, 6, 2)
        column.setSpacing(2)
        for section in self.sections.values():
            column.addWidget(section)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._footer)

    def say(self, text: str, kind: str = "info") -> None:
        """Show a sentence in the footer; `kind` is "info", "warning" or "error"."""
        self._footer.say(text, kind)

    @property
    def said(self) -> str:
        """The sentence in the footer."""
        return self._footer.said

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.video.close_down()
        self.cell_layer.close_down()

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, 800)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 300)


def _is_labels(layer: Layer) -> bool:
    return isinstance(layer, Labels) and not is_result(layer)
