"""Features that say the same: find them, see which stands for which, work with one of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from ...section import enable, row
from ..words import feature_in_words
from .panel import Choice, Panel, Sentence

_METHODS = {
    "spearman": ("In their order (Spearman)", "Both rise and fall together, along a line or a curve."),
    "pearson": ("In their values (Pearson)", "One is the other times a number, about."),
}
_ROW, _MOST_ROWS = 20, 9


class FeaturePanel(Panel):
    """Choose how alike features must be to stand for each other.

    Signals
    -------
    find_clicked
        The user wants to see which features say the same.
    use_toggled
        Whether only one of each group is worked with.
    """

    find_clicked = Signal()
    use_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method = Choice(_METHODS, "In which way features must go together.")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(0.5, 0.999)
        self.threshold.setDecimals(2)
        self.threshold.setSingleStep(0.05)
        self.threshold.setValue(0.9)
        self.threshold.setToolTip(
            "<p>Features with a correlation from here on, up or down, say the same.</p>"
        )
        self.find = QPushButton("Find features that say the same")
        self.use = QCheckBox("Work with one of each group only")
        self._said = Sentence()
        self._plot_place = QHBoxLayout()
        self.groups = QTreeWidget()
        self.groups.setHeaderLabels(["Feature", "stands for"])
        self.groups.setRootIsDecorated(False)
        self.groups.setToolTip("<p>Which feature is worked with, and which others it stands for.</p>")
        self.groups.hide()
        self.add_fields(("Alike", self.method), ("From", self.threshold))
        self.add(row(self.find), self._said, self.use, self._plot_place, self.groups)
        self.find.clicked.connect(lambda _checked=False: self.find_clicked.emit())
        self.use.toggled.connect(self.use_toggled)

    def add_plot(self, plot: QWidget) -> None:
        """Put the plot of all correlations below the sentence."""
        self._plot_place.addWidget(plot, 1)

    def set_available(self, no_finding: str, no_use: str) -> None:
        """Enable the controls, or disable them and say why."""
        enable(self.find, no_finding, "Compare all features with each other.")
        enable(
            self.use,
            no_use,
            "Maps, clusters, explanations and classes then use one feature of each group; the table keeps "
            "all.",
        )

    def show_groups(
        self, stands_for: Mapping[str, Sequence[str]], text: str, channels: Sequence[str] = ()
    ) -> None:
        """Show which feature stands for which others; those that stand for themselves are left out."""
        self.groups.clear()
        for kept, others in stands_for.items():
            if others:
                said = [feature_in_words(name, channels) for name in others]
                item = QTreeWidgetItem([feature_in_words(kept, channels), ", ".join(said)])
                item.setToolTip(0, kept)
                item.setToolTip(1, "<p>" + "<br>".join(said) + "</p>")
                self.groups.addTopLevelItem(item)
        n = self.groups.topLevelItemCount()
        self.groups.setVisible(n > 0)
        self.groups.resizeColumnToContents(0)
        self.groups.setFixedHeight(_ROW * min(n, _MOST_ROWS) + 32)
        self._said.say(text)
