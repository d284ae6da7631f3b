"""The form: the panels in the order of the work, in sections, over a footer that says what is going on."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QPushButton, QWidget

from ..job_status import JobStatus
from ..runner import JobRunner
from ..section import Section
from ..sectioned_form import SectionedForm
from .panels.data_panel import TrainingDataPanel
from .panels.settings_panel import SettingsPanel
from .panels.training_panel import TrainingPanel
from .panels.use_panels import UsePanels


class UNetForm(SectionedForm):
    """The panels of the U-Net segmenter. It does nothing by itself."""

    def __init__(self, napari_viewer: Any, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner, parent)
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
        self.lay_out(self.sections.values())

    def press_stop(self) -> None:
        """Press the footer's button, so that both say the same: the next press drops what there is."""
        status = self._footer.findChild(JobStatus)
        button = None if status is None else status.findChild(QPushButton)
        if button is not None:
            button.click()

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.data.close_down()
