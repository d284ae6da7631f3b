"""The form: the panels in the order of the work, in sections, over a footer that says what is going on."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import (
    QPushButton,
    QSpinBox,
    QWidget,
)

from ..data_panel import DataPanel
from ..runner import JobRunner
from ..section import Section, row, words
from ..sectioned_form import SectionedForm
from .panels.check_panel import ImportancePanel, NextPanel, ValidationPanel
from .panels.class_table import ClassTable
from .panels.feature_grid import FeatureGrid
from .panels.model_panel import ModelPanel
from .panels.objects_panel import ObjectsPanel
from .panels.train_panel import TrainPanel


class PixelForm(SectionedForm):
    """The panels of the Pixel classifier. It does nothing by itself."""

    def __init__(self, napari_viewer: Any, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner, parent)
        self.data = DataPanel(napari_viewer)
        self.table = ClassTable()
        self.grid = FeatureGrid()
        self.train = TrainPanel()
        self.validation = ValidationPanel(napari_viewer)
        self.importance = ImportancePanel(napari_viewer)
        self.next = NextPanel()
        self.objects = ObjectsPanel()
        self.model = ModelPanel()
        self.select = QPushButton("Select the best")
        self.n_best = QSpinBox()
        self.n_best.setRange(2, 200)
        self.n_best.setValue(15)
        self.n_best.setSuffix(" features")
        self.correlations = words()
        self.correlations.hide()

        self.sections = {
            "data": Section("1  Data"),
            "classes": Section("2  Classes"),
            "features": Section("3  Features", expanded=False),
            "train": Section("4  Train"),
            "check": Section("5  Check", expanded=False),
            "objects": Section("6  Objects", expanded=False),
            "model": Section("7  Model", expanded=False),
        }
        self.sections["data"].add(self.data)
        self.sections["classes"].add(self.table)
        self.sections["features"].add(self.grid)
        self.sections["features"].add(row(self.select, self.n_best))
        self.sections["features"].add(self.correlations)
        self.sections["train"].add(self.train)
        for panel in (self.next, self.validation, self.importance):
            self.sections["check"].add(panel)
        self.sections["objects"].add(self.objects)
        self.sections["model"].add(self.model)
        self.lay_out(self.sections.values())
