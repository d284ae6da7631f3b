"""The buttons of training, where it stands in words, its curves, and whether a preview is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from ....unet.learning.reports import EpochReport
from ...curve_plot import CurvePlot
from ...section import Section, enable, row, words
from ..words import epoch_in_words, main_score, score
from .curves import loss_curves, score_curves

_SCORES = (
    "<p>AP: the share of true and found objects that match, a mean over overlaps (IoU) of .5 to .9.</p>"
    "<p>Dice: how well true and found foreground overlap.</p>"
    "<p>Both are of images, or parts, that are not trained on; 1 is perfect.</p>"
)


class TrainingPanel(QWidget):
    """Train, and watch it learn.

    Signals
    -------
    train_clicked, stop_clicked, resume_clicked, tune_clicked, go_clicked
        What the user asked for.
    preview_toggled
        Whether previews are shown.
    """

    train_clicked = Signal()
    stop_clicked = Signal()
    resume_clicked = Signal()
    tune_clicked = Signal()
    go_clicked = Signal()
    preview_toggled = Signal(bool)

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reports: list[EpochReport] = []
        self._train, self._stop = QPushButton("Train"), QPushButton("Stop")
        self._resume, self._tune = QPushButton("Resume"), QPushButton("Train further")
        self._said = words()
        self._said.setToolTip(_SCORES)
        self._said.hide()
        self._losses, self._scores = CurvePlot(self, napari_viewer), CurvePlot(self, napari_viewer)
        self._losses.set_labels("epoch", "loss")
        self._scores.set_labels("epoch", "validation score")
        self.curves = Section("Curves", expanded=False)
        self.curves.add(self._scores)
        self.curves.add(self._losses)
        self.curves.hide()
        self._preview = QCheckBox("Preview each epoch")
        self._preview.setChecked(True)
        self._preview.setToolTip(
            "<p>Show what the network makes of a part of a validation image, in a layer of its own.</p>"
        )
        self._go = QPushButton("Go to it")
        self._go.setEnabled(False)
        self._go.setToolTip("Move the view to the preview.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self._train, self._stop, self._resume, self._tune))
        layout.addLayout(row(self._preview, self._go))
        layout.addWidget(self._said)
        layout.addWidget(self.curves)
        for button, signal in (
            (self._train, self.train_clicked),
            (self._stop, self.stop_clicked),
            (self._resume, self.resume_clicked),
            (self._tune, self.tune_clicked),
            (self._go, self.go_clicked),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
        self._preview.toggled.connect(self.preview_toggled)

    @property
    def reports(self) -> tuple[EpochReport, ...]:
        """The epochs that are shown."""
        return tuple(self._reports)

    @property
    def said(self) -> str:
        """Where training stands, in words."""
        return self._said.text()

    def set_available(self, *, no_training: str, no_stop: str, no_resume: str, no_tuning: str) -> None:
        """Enable the buttons, or disable them and say why."""
        enable(self._train, no_training, "Train a new network on these images.")
        self.set_stoppable(no_stop)
        enable(self._resume, no_resume, "Go on where training was stopped.")
        enable(
            self._tune,
            no_training or no_tuning,
            "Go on from the present network instead of a new one: with more images, or after loading it.",
        )

    def set_stoppable(self, no_stop: str) -> None:
        """Enable Stop, or disable it and say why."""
        enable(self._stop, no_stop, "Finish now, and keep the best network so far.")

    def start(self, reports: Sequence[EpochReport] = ()) -> None:
        """Make ready for a training; `reports` are of the epochs that it goes on from."""
        self.show_history(reports)
        if not reports:
            self._say("Preparing …")
        self.curves.set_expanded(True)

    def show_report(self, report: EpochReport) -> None:
        """Show where training stands after an epoch."""
        self._reports = [*(r for r in self._reports if r.epoch < report.epoch), report]
        self._show()
        self._say(epoch_in_words(self._reports))

    def show_history(self, reports: Sequence[EpochReport]) -> None:
        """Show the curves of a training that ran before; none clears them."""
        self._reports = list(reports)
        self._show()
        self._say("")

    def end(self, text: str) -> None:
        """Say how training ended."""
        self._say(text)

    def set_preview(self, shown: bool) -> None:
        """Say whether there is a preview to go to."""
        self._go.setEnabled(shown)

    def _show(self) -> None:
        self._losses.set_curves(loss_curves(self._reports))
        scores = score_curves(self._reports)
        self._scores.set_curves(scores)
        self._scores.setVisible(bool(scores))
        self.curves.setVisible(len(self._reports) > 0)
        kept = [report for report in self._reports if report.is_best]
        if kept:
            best = kept[-1]
            name, value = main_score(best)
            self.curves.set_summary(f"best {name} {score(value)} in epoch {best.epoch}")

    def _say(self, text: str) -> None:
        self._said.setText(text)
        self._said.setVisible(bool(text))
