"""The form: the panels in the order of the work, in sections, over a footer that says what is going on."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer
from qtpy.QtWidgets import QFormLayout, QWidget

from ..layer_choice import LayerChoice
from ..results import is_result
from ..runner import JobRunner
from ..section import Section, words
from ..sectioned_form import SectionedForm
from .panels.activations_panel import ActivationsPanel
from .panels.cells_panel import CellsPanel
from .panels.export_panel import ExportPanel
from .panels.motif_panel import MotifPanel
from .panels.occurrence_table import OccurrenceTable
from .panels.settings_panel import SettingsPanel
from .panels.video_panel import VideoPanel


class MotifForm(SectionedForm):
    """The panels of the Motif detector. It does nothing by itself."""

    def __init__(self, napari_viewer: Any, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner, parent)
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
        self.lay_out(self.sections.values())

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.video.close_down()
        self.cell_layer.close_down()


def _is_labels(layer: Layer) -> bool:
    return isinstance(layer, Labels) and not is_result(layer)
