"""Can it be trusted: held-out validation, importances, and where to paint next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ....pixel.reviewing.validation import ValidationReport
from ...classes.entries import ClassEntry, with_labels
from ...plots import BarPlot, MatrixPlot
from ...section import enable, row, words
from ...swatch import swatch_icon
from .feature_text import in_plain_names

_COLUMNS = ("Class", "Precision", "Recall", "F1", "Jaccard")
_TIPS = (
    "",
    "Of the pixels given this class, how many are right.",
    "Of the pixels painted with this class, how many were found.",
    "Precision and recall in one number (their harmonic mean).",
    "Overlap of painted and found pixels (intersection over union).",
)
IMPURITY, PERMUTATION = "impurity", "permutation"


class ValidationPanel(QWidget):
    """Judge the classifier on strokes, or images, that it was not trained on.

    Signals
    -------
    wanted
        The user asked for a validation; carries "stroke" or "image".
    """

    wanted = Signal(str)

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._validate = QPushButton("Validate")
        self._method = QComboBox()
        self._method.addItem("hold out strokes", "stroke")
        self._method.addItem("hold out whole images", "image")
        self._method.setToolTip(
            "Pixels of one stroke are nearly copies of each other, so whole strokes (or images) are held "
            "out, never pixels."
        )
        self._summary = words()
        self._table = QTableWidget(0, len(_COLUMNS))
        self._table.setHorizontalHeaderLabels(list(_COLUMNS))
        for column, tip in enumerate(_TIPS):
            self._table.horizontalHeaderItem(column).setToolTip(tip)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(24)
        self._table.setShowGrid(False)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.confusion = MatrixPlot(napari_viewer=napari_viewer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self._validate, self._method))
        for widget in (self._summary, self._table, self.confusion):
            widget.hide()
            layout.addWidget(widget)
        self._validate.clicked.connect(lambda _checked=False: self.wanted.emit(self._method.currentData()))

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        enable(self._validate, reason, "Train again without some strokes, and see whether those are found.")

    def show_report(self, report: ValidationReport, entries: Sequence[ClassEntry]) -> None:
        """Show what came out, in words, per class, and as a confusion matrix."""
        by_label = {e.label: e for e in with_labels(tuple(entries), report.scores.classes)}
        self._summary.setText(report.summary({label: e.name for label, e in by_label.items()}))
        self._summary.show()
        self._table.setRowCount(len(report.scores.classes))
        for index, label in enumerate(report.scores.classes):
            entry = by_label[int(label)]
            self._table.setItem(index, 0, QTableWidgetItem(swatch_icon(entry.color), entry.name))
            scores = report.scores
            for column, values in enumerate(
                (scores.precision, scores.recall, scores.f1, scores.jaccard), start=1
            ):
                judged = int(label) not in report.unjudged
                item = QTableWidgetItem(_percent(float(values[index]) if judged else math.nan))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if not judged:
                    item.setToolTip("Not judged: paint a second stroke of this class.")
                self._table.setItem(index, column, item)
        rows = min(len(report.scores.classes), 8)
        self._table.setFixedHeight(self._table.horizontalHeader().sizeHint().height() + 24 * rows + 6)
        self._table.setVisible(bool(report.judged))
        self.confusion.setVisible(bool(report.judged))
        if report.judged:
            self.confusion.set_matrix(
                report.scores.confusion, [by_label[int(c)].name for c in report.scores.classes]
            )

    def clear(self) -> None:
        """Forget the report: it was about another classifier."""
        for widget in (self._summary, self._table, self.confusion):
            widget.hide()


class ImportancePanel(QWidget):
    """Which features the classifier goes by.

    Signals
    -------
    wanted
        The user asked for importances; carries "impurity" or "permutation".
    """

    wanted = Signal(str)

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._show = QPushButton("Feature importances")
        self._method = QComboBox()
        self._method.addItem("from the forest (at once)", IMPURITY)
        self._method.addItem("on held-out strokes", PERMUTATION)
        self._method.setToolTip(
            "The forest's own importances come at once, but similar features share them. On held-out "
            "strokes: how much less sure of the painted class the classifier is when a feature is shuffled."
        )
        self.plot = BarPlot(napari_viewer=napari_viewer)
        self.plot.hide()
        self._warning = words(dim=True)
        self._warning.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self._show, self._method))
        layout.addWidget(self.plot)
        layout.addWidget(self._warning)
        self._show.clicked.connect(lambda _checked=False: self.wanted.emit(self._method.currentData()))

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        enable(self._show, reason, "Show which features the classifier goes by.")

    def show_importances(self, importances: Mapping[str, float], method: str) -> None:
        """Show the features as bars, the most important at the top."""
        order = sorted(importances, key=lambda name: -importances[name])
        label = "share of the forest's decisions" if method == IMPURITY else "certainty lost when shuffled"
        self.plot.show()
        self.plot.set_bars(
            [in_plain_names(name) for name in order],
            [importances[name] for name in order],
            xlabel=label,
            max_bars=15,
        )

    def show_warning(self, text: str) -> None:
        """Say which features share their importance, or nothing where `text` is ""."""
        self._warning.setText(in_plain_names(text))
        self._warning.setVisible(bool(text))

    def clear(self) -> None:
        """Forget the importances: they were those of another classifier."""
        self.plot.hide()
        self._warning.hide()


class NextPanel(QWidget):
    """Where a stroke helps most.

    Signals
    -------
    wanted
        The user asked for regions.
    moved
        The user stepped through them: +1 or −1.
    """

    wanted = Signal()
    moved = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._suggest = QPushButton("Paint here next")
        self._previous = QPushButton("<")
        self._next = QPushButton(">")
        for button, step, tip in ((self._previous, -1, "Previous region"), (self._next, 1, "Next region")):
            button.setFixedWidth(32)
            button.setToolTip(tip)
            button.clicked.connect(lambda _checked=False, step=step: self.moved.emit(step))
        self._text = words(dim=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(self._suggest, self._previous, self._next))
        layout.addWidget(self._text)
        self.set_position(0, 0, "")
        self._suggest.clicked.connect(lambda _checked=False: self.wanted.emit())

    def set_available(self, reason: str) -> None:
        """Enable the button, or disable it and say why."""
        enable(
            self._suggest,
            reason,
            "Go to where the classifier hesitates most and nothing like it is painted yet.",
        )

    def set_position(self, index: int, n: int, reason: str) -> None:
        """Show which of `n` regions is in view and why it was picked."""
        self._previous.setEnabled(index > 0)
        self._next.setEnabled(index + 1 < n)
        self._text.setText(f"Region {index + 1} of {n}: {reason}" if n else "")
        self._text.setVisible(n > 0)


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"
