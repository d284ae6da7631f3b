"""The model card as it is seen: what a network was trained on, what it is worth, and why it is so."""

from __future__ import annotations

from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ....common.words import sentence
from ...curve_plot import CurvePlot
from ...plots import MatrixPlot
from ...score_table import ScoreTable
from ...section import Section, words
from ...swatch import swatch_icon
from ..outputs import class_colors
from ..words import score
from . import card
from .curves import loss_curves, score_curves

if TYPE_CHECKING:
    from ....unet.learning.validation import ValidationTable
    from ....unet.trained import TrainedUNet

_LONGEST_WORD = 24  # letters
_OBJECTS = (
    ("IoU", "An object counts as found where overlap over union with a true one is at least this."),
    ("AP", "Average precision: found objects over all found, missed and invented ones."),
    ("Precision", "Of the objects found, how many are real."),
    ("Recall", "Of the real objects, how many were found."),
    ("F1", "Precision and recall in one number (their harmonic mean)."),
)
_FOREGROUND = (
    ("Dice", "Overlap of true and found foreground: twice their intersection over the sum of both."),
    ("Jaccard", "Intersection of true and found foreground over their union (IoU)."),
    ("Precision", "Of the pixels called foreground, how many are."),
    ("Recall", "Of the foreground's pixels, how many were found."),
    ("Accuracy", "Of all pixels, how many are right."),
)
_CLASSES = (
    ("Class", ""),
    ("Precision", "Of the pixels given this class, how many are right."),
    ("Recall", "Of the pixels of this class, how many were found."),
    ("Dice", "Precision and recall in one number (F1)."),
    ("Jaccard", "Intersection over union of true and found pixels."),
)


class CardPanel(QWidget):
    """Shows one network. It asks for nothing."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: card.Rows = []
        self._facts = _rich()
        self._notes = words()
        self.judged = Section("How good it is")
        self._objects_said, self.objects = words(), ScoreTable(_OBJECTS)
        self._foreground_title, self.foreground = words(), ScoreTable(_FOREGROUND)
        self._foreground_said = words(dim=True)
        self.classes = ScoreTable(_CLASSES, named=True)
        self.confusion = MatrixPlot(napari_viewer=napari_viewer)
        for widget in (
            self._objects_said, self.objects, self._foreground_title, self.foreground, self._foreground_said,
            self.classes, self.confusion,
        ):  # fmt: skip
            self.judged.add(widget)
        self.curves = Section("Curves of its training", expanded=False)
        self.scores = CurvePlot(napari_viewer=napari_viewer)
        self.losses = CurvePlot(napari_viewer=napari_viewer)
        self.scores.set_labels("epoch", "on held-out images")
        self.losses.set_labels("epoch", "loss")
        self.curves.add(self.scores)
        self.curves.add(self.losses)
        self.why = Section("Why it is built so", expanded=False)
        self._reasons, self._settings = _rich(), _rich()
        self.why.add(self._reasons)
        self.why.add(self._settings)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for part in (self._facts, self._notes, self.judged, self.curves, self.why):
            layout.addWidget(part)
        self.clear()

    @property
    def text(self) -> str:
        """What was said of the network, as plain lines."""
        return "\n".join(f"{name}: {text}" for name, text in self._rows)

    def show_model(self, model: TrainedUNet) -> None:
        """Show a network."""
        self._rows = card.facts(model)
        self._facts.setText(_table(self._rows))
        notes = [model.stopped, *model.messages]
        if model.validation is None:
            notes.append("It was not validated, so that nobody knows how good it is.")
        _say(self._notes, " ".join(sentence(note) for note in notes if note))
        self._show_judged(model)
        self._show_curves(model)
        self._reasons.setText(_table(card.reasons(model)))
        changed = card.settings(model)
        _say(self._settings, _table(changed, "Settings that are not the usual ones") if changed else "")
        self.why.set_summary(f"depth {model.configuration.depth}")
        self.why.show()

    def clear(self) -> None:
        """Show that there is no network."""
        self._rows = []
        self._facts.setText("Train or load a network first.")
        for part in (self._notes, self.judged, self.curves, self.why):
            part.hide()

    # ---- parts

    def _show_judged(self, model: TrainedUNet) -> None:
        table = model.validation
        self.judged.setVisible(table is not None)
        if table is None:
            return
        self.judged.set_summary(card.summary(model))
        objects = table.objects is not None
        self.objects.setVisible(objects)
        _say(self._objects_said, card.objects_in_words(table))
        if table.objects is not None:
            self.objects.set_rows(card.object_rows(table.objects))
        names = [model.class_names.get(label, f"class {label}") for label in table.pixels.classes]
        background = names.pop(model.heads.background_index)
        self._foreground_title.setText(f"{', '.join(names)} against {background}, pixel by pixel:")
        self.foreground.set_rows([card.foreground_row(table)])
        _say(self._foreground_said, card.foreground_in_words(table))
        self._show_classes(model, table)

    def _show_classes(self, model: TrainedUNet, table: ValidationTable) -> None:
        pixels = table.pixels
        several = len(pixels.classes) > 2
        self.classes.setVisible(several)
        self.confusion.setVisible(several)
        if not several:
            return
        colors = class_colors(model)
        names = [model.class_names.get(label, f"class {label}") for label in pixels.classes]
        columns = zip(pixels.precision, pixels.recall, pixels.f1, pixels.jaccard, strict=True)
        scores = [[score(float(value)) for value in values] for values in columns]
        rows = [[name, *values] for name, values in zip(names, scores, strict=True)]
        self.classes.set_rows(rows, [swatch_icon(colors.get(label, "#808080")) for label in pixels.classes])
        self.confusion.set_matrix(pixels.confusion, names, row_label="annotated", column_label="predicted")

    def _show_curves(self, model: TrainedUNet) -> None:
        scores = score_curves(model.history)
        self.scores.set_curves(scores)
        self.scores.setVisible(bool(scores))
        self.losses.set_curves(loss_curves(model.history))
        self.curves.setVisible(bool(model.history))


def _rich() -> QLabel:
    label = words()
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _say(label: QLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))


def _breakable(text: str) -> str:
    """Text as markup whose long words may be broken: names of files would widen the dock."""
    words_ = ["\u200b".join(wrap(word, _LONGEST_WORD)) for word in text.split(" ")]
    return escape(" ".join(words_))


def _table(rows: card.Rows, title: str = "") -> str:
    """Rows as a borderless table: what, and in words."""
    lines = "".join(
        f"<tr><td style='padding-right: 10px;'><b>{escape(name)}</b></td><td>{_breakable(text)}</td></tr>"
        for name, text in rows
    )
    head = f"<p>{escape(title)}</p>" if title else ""
    return f"{head}<table cellspacing='0' cellpadding='2'>{lines}</table>"
