"""Would more annotation help: the quality against the number of annotated images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ....common.words import count, sentence
from ...curve_plot import CurvePlot
from ...section import enable, row, words

if TYPE_CHECKING:
    from ....unet.learning.learning_curve import LearningCurve

_WHAT = (
    "Trains on one of your images, on two, on four, and so on, and judges each network on images that none "
    "of them saw. Where the curve still rises at its end, more annotated images will help. It takes as long "
    "as several trainings; the present network stays."
)


class GrowthPanel(QWidget):
    """Ask for a learning curve, and watch it grow.

    Signals
    -------
    wanted
        The user asked for it.
    """

    wanted = Signal()

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton("Find out")
        self._what = words(_WHAT, dim=True)
        self.plot = CurvePlot(napari_viewer=napari_viewer)
        self.plot.hide()
        self._verdict = words()
        self._notes = words(dim=True)
        for label in (self._verdict, self._notes):
            label.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self._what)
        layout.addLayout(row(self.button))
        for widget in (self.plot, self._verdict, self._notes):
            layout.addWidget(widget)
        self.button.clicked.connect(lambda _checked=False: self.wanted.emit())
        self.set_available("choose images and labels first.")

    @property
    def verdict(self) -> str:
        """Whether more images would help, in words."""
        return self._verdict.text()

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        enable(self.button, reason, "Train on more and more of the annotated images, and compare.")

    def show_curve(self, curve: LearningCurve) -> None:
        """Show a curve, or what there is of it so far."""
        points = [(p.n_images, p.score) for p in curve.points if math.isfinite(p.score)]
        self.plot.set_labels("annotated images", "")
        name = f"{curve.measure} on held-out images"
        self.plot.set_curves({name: ([x for x, _ in points], [y for _, y in points])})
        self.plot.setVisible(bool(points))
        self._verdict.setText(sentence(curve.verdict))
        self._verdict.setVisible(bool(curve.verdict))
        judged = f"Judged on {count(len(curve.held_out), 'image')} that no network was trained on."
        self._notes.setText(" ".join([judged, *(sentence(message) for message in curve.messages)]))
        self._notes.show()

    def clear(self) -> None:
        """Show no curve."""
        self.plot.clear()
        for widget in (self.plot, self._verdict, self._notes):
            widget.hide()
