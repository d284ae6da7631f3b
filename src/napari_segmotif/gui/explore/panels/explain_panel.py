"""What makes a group of objects different: bars, and how each feature pulls each object."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...plots import BarPlot
from ...section import enable, row
from ..findings import REST, SELECTED
from .panel import Choice, Panel, Sentence


class ExplainPanel(Panel):
    """Choose two groups of objects and ask what tells them apart.

    Signals
    -------
    explain_clicked
        The user asks.
    choice_changed
        Another group is chosen.
    """

    explain_clicked = Signal()
    choice_changed = Signal()

    def __init__(self, bars: BarPlot, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.group = Choice(tip="The objects in question.")
        self.other = Choice(tip="What they are compared with.")
        self.explain = QPushButton("What is different?")
        self.verdict = Sentence(dim=False)
        self.bars = bars
        self.bars.hide()
        self.details = Sentence()
        self._plot_place = QVBoxLayout()
        self.add_fields(("Objects", self.group), ("against", self.other))
        self.add(row(self.explain), self.verdict, self.bars, self._plot_place, self.details)
        self.offer([], [])
        self.explain.clicked.connect(lambda _checked=False: self.explain_clicked.emit())
        for choice in (self.group, self.other):
            choice.currentIndexChanged.connect(lambda _index=0: self.choice_changed.emit())

    def add_plot(self, plot: QWidget) -> None:
        """Put the plot of single objects below the bars."""
        self._plot_place.addWidget(plot)

    def offer(self, groups: Sequence[tuple[str, str, str]], icons: Sequence[QIcon]) -> None:
        """Offer clusters and classes, as (key, title, about), beside the selection and the rest."""
        selected = (SELECTED, "the selected objects", "Selected in the plot, the image or the table.")
        rest = (REST, "all others", "Every object that is not in question.")
        self.group.offer([selected, *groups], [QIcon(), *icons])
        self.other.offer([rest, *groups, selected], [QIcon(), *icons, QIcon()])

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        enable(
            self.explain,
            reason,
            "Find the features that tell the two apart. Features that say the same are taken together.",
        )
