"""The classes that objects are given, and how many have each. It knows no layer and no table of objects."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtWidgets import QWidget

from ...classes.class_list import ClassList, ClassListWords
from ...classes.entries import ClassEntry
from ..point_colors import class_code

_MOST_ROWS = 9
_WORDS = ClassListWords(
    columns=(
        ("Key", "While Pick is on, this key (1 to 9) gives the class to the object under attention."),
        ("Class", "Double-click to rename it."),
        ("Picked", "Objects that you gave this class."),
        ("Found", "Objects that the classifier takes for this class."),
    ),
    label_tip="Click to change the colour.",
    name_tip="Double-click to rename it.",
    add_tip="Add a class.",
    remove_tip="Remove the selected class; its objects have none then.",
)


def new_entry(class_id: int) -> ClassEntry:
    """Return the entry of a class until the user names it."""
    return ClassEntry(class_id, f"class {class_id}", class_code(class_id))


def entries_for(ids: Iterable[int], known: Iterable[ClassEntry] = ()) -> tuple[ClassEntry, ...]:
    """Return an entry for each id, by those that are known already; ordered by id."""
    by_id = {entry.label: entry for entry in known}
    return tuple(by_id.get(one) or new_entry(one) for one in sorted({int(i) for i in ids if i > 0}))


class ObjectClassTable(ClassList):
    """The selected class is what "give to the selection" gives; objects of a removed one lose it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_WORDS, new_entry, _MOST_ROWS, parent)
        self.set_entries((new_entry(1), new_entry(2)))

    def label_text(self, label: int) -> str:
        """The key, where there is one."""
        return str(label) if label < 10 else ""
