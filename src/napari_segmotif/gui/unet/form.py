"""The form: the panels in the order of the work, in sections, over a footer that says what is going on."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ..footer import Footer
from ..job_status import JobStatus
from ..runner import JobRunner
from ..section import Section
from .data_panel import TrainingDataPanel
from .settings_panel import SettingsPanel
from .training_panel import TrainingPanel
from .use_panels import UsePanels

_WIDTH = 400


class UNetForm(QWidget):
    """The panels of the U-Net segmenter. It does nothing by itself."""

    def __init__(self, napari_viewer: Any, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data = TrainingDataPanel(napari_viewer)
        self.settings = SettingsPanel()
        self.training = TrainingPanel(napari_viewer)
        self.use = UsePanels(napari_viewer)

        self.sections = {
            "data": Section("1  Training data"),
            "train": Section("2  Train"),
            **self.use.sections,
        }
        self.sections["data"].add(self.data)
        self.sections["train"].add(self.settings)
        self.sections["train"].add(self.training)
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

    def press_stop(self) -> None:
        """Press the footer's button, so that both say the same: the next press drops what there is."""
        status = self._footer.findChild(JobStatus)
        button = None if status is None else status.findChild(QPushButton)
        if button is not None:
            button.click()

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.data.close_down()

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, 800)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 300)
