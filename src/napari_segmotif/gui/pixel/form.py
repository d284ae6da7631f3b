"""The form: the panels in the order of the work, in sections, over a footer that says what is going on."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..job_status import JobStatus
from ..runner import JobRunner
from .check_panel import ImportancePanel, NextPanel, ValidationPanel
from .class_table import ClassTable
from .data_panel import DataPanel
from .feature_grid import FeatureGrid
from .model_panel import ModelPanel
from .objects_panel import ObjectsPanel
from .section import Section, row, words
from .train_panel import TrainPanel

_WIDTH = 400
_BUSY_AFTER_MS = 300  # what is done sooner than this shows no bar
_COLORS = {"info": "", "warning": "color: #d08a00;", "error": "color: #e05252;"}


class PixelForm(QWidget):
    """The panels of the Pixel classifier. It does nothing by itself."""

    def __init__(self, napari_viewer: Any, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        self._footer = _Footer(runner)

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

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, 800)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 300)


class _Footer(QFrame):
    """One place for two things: what was said last, or, while something long runs, how far it is."""

    def __init__(self, runner: JobRunner) -> None:
        super().__init__()
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._progress = JobStatus(runner)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._said)
        self._stack.addWidget(self._progress)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.addWidget(self._stack)
        # Three lines, always: a footer that changes its height makes the form above it jump.
        self._stack.setFixedHeight(3 * self._said.fontMetrics().lineSpacing() + 6)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.timeout.connect(lambda: self._stack.setCurrentWidget(self._progress))
        runner.busy_changed.connect(self._on_busy)

    @property
    def said(self) -> str:
        return self._said.text()

    def say(self, text: str, kind: str) -> None:
        self._said.setText(text)
        self._said.setStyleSheet(_COLORS[kind])
        self._said.setToolTip(text)

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self._wait.start(_BUSY_AFTER_MS)
        else:
            self._wait.stop()
            self._stack.setCurrentWidget(self._said)
