"""The classes to paint with, and how much of each is painted. It knows no layer."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from ...classes.class_list import ClassList, ClassListWords
from ...classes.entries import default_entry
from ..painted import Counts

_MOST_ROWS = 6
_WORDS = ClassListWords(
    columns=(
        ("", "The label that it is painted with."),
        ("Class", "Double-click to rename it."),
        ("Pixels", "How many pixels are painted."),
        ("Strokes", "In how many strokes."),
    ),
    label_tip="Painted with label {label}. Click to change the colour.",
    name_tip="Click to paint with this class; double-click to rename it.",
    add_tip="Add a class under the next free label.",
    remove_tip="Remove the selected class and erase its strokes on every image that is trained on "
    "(undo, on each annotation layer, brings them back).",
)


class ClassTable(ClassList):
    """The selected class is the one that is painted with; the strokes of a removed one are to be erased."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_WORDS, default_entry, _MOST_ROWS, parent)
        self._painted: Counts = {}
        self.set_entries(())

    @property
    def counts(self) -> Counts:
        """How much of each class is painted, as it was counted last."""
        return self._painted

    def set_counts(self, counts: Counts) -> None:
        """Show how much of each class is painted."""
        self._painted = dict(counts)
        self.show_counts(
            {label: count.pixels for label, count in counts.items()},
            {label: count.strokes for label, count in counts.items()},
        )
