"""The classes that objects are given: colour, key, name, and how many have it. No layer is known here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from ...pixel.classes import ClassEntry, next_label, renamed
from ...section import enable, row
from ...swatch import swatch_icon
from ..point_colors import class_code
from .panel import Panel

KEY, NAME, PICKED, PREDICTED = range(4)
_ROW_HEIGHT, _MOST_ROWS = 26, 9
_HEADER = (
    ("Key", "While Pick is on, this key gives the class to the object under attention."),
    ("Class", "Double-click to rename it."),
    ("Picked", "Objects that you gave this class."),
    ("Found", "Objects that the classifier takes for this class."),
)


def new_entry(class_id: int) -> ClassEntry:
    """Return the entry of a class until the user names it."""
    return ClassEntry(class_id, f"class {class_id}", class_code(class_id))


def entries_for(ids: Iterable[int], known: Iterable[ClassEntry] = ()) -> tuple[ClassEntry, ...]:
    """Return an entry for each id, by those that are known already; ordered by id."""
    by_id = {entry.label: entry for entry in known}
    return tuple(by_id.get(one) or new_entry(one) for one in sorted({int(i) for i in ids if i > 0}))


class ObjectClassTable(Panel):
    """A row a class; the selected row is the class that "give to the selection" gives.

    Signals
    -------
    changed
        Names, colours or the number of classes changed; `entries` has them.
    removed
        The user removed the class with this id: objects that have it lose it.
    """

    changed = Signal()
    removed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[ClassEntry, ...] = ()
        self._counts: tuple[Mapping[int, int], Mapping[int, int]] = ({}, {})
        self._reason = ""
        self.table = QTableWidget(0, len(_HEADER))
        self.table.setHorizontalHeaderLabels([name for name, _ in _HEADER])
        for column, (_, tip) in enumerate(_HEADER):
            self.table.horizontalHeaderItem(column).setToolTip(tip)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self._add, self._remove = QPushButton("+ Class"), QPushButton("− Class")
        self.add(self.table, row(self._add, self._remove))
        self.table.itemChanged.connect(self._on_edited)
        self.table.cellClicked.connect(self._on_clicked)
        self.table.itemSelectionChanged.connect(self._update)
        self._add.clicked.connect(lambda _checked=False: self.add_class())
        self._remove.clicked.connect(lambda _checked=False: self._remove_current())
        self.set_entries((new_entry(1), new_entry(2)))

    @property
    def entries(self) -> tuple[ClassEntry, ...]:
        """The classes, ordered by id."""
        return self._entries

    @property
    def names(self) -> dict[int, str]:
        """Names by id."""
        return {entry.label: entry.name for entry in self._entries}

    @property
    def colors(self) -> dict[int, str]:
        """Colours "#rrggbb" by id."""
        return {entry.label: entry.color for entry in self._entries}

    @property
    def current(self) -> int:
        """The id of the selected class; 0 where none is."""
        line = self.table.currentRow()
        return self._entries[line].label if 0 <= line < len(self._entries) else 0

    def set_entries(self, entries: tuple[ClassEntry, ...]) -> None:
        """Show these classes. Does not emit `changed`."""
        keep = self.current
        self._entries = entries
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(entries))
            for line, entry in enumerate(entries):
                self._fill(line, entry)
            ids = [entry.label for entry in entries]
            line = ids.index(keep) if keep in ids else 0
            self.table.setCurrentCell(line if ids else -1, NAME)
        lines = min(max(len(entries), 2), _MOST_ROWS)
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + lines * _ROW_HEIGHT + 6)
        self._update()

    def set_counts(self, picked: Mapping[int, int], predicted: Mapping[int, int]) -> None:
        """Show how many objects were given each class, and how many the classifier takes for it."""
        self._counts = (picked, predicted)
        with QSignalBlocker(self.table):
            for line, entry in enumerate(self._entries):
                self._fill_counts(line, entry)

    def set_available(self, reason: str) -> None:
        """Enable the table, or disable it and say why."""
        self._reason = reason
        self._update()

    def add_class(self) -> int:
        """Append a class with the next free id, select it, and return its id."""
        label = next_label(self._entries)
        self.set_entries(entries_for([*self.names, label], self._entries))
        self.table.setCurrentCell([e.label for e in self._entries].index(label), NAME)
        self.changed.emit()
        return label

    def rename(self, class_id: int, name: str) -> None:
        """Give a class another name, and say so."""
        self.set_entries(renamed(self._entries, class_id, name=name))
        self.changed.emit()

    def set_color(self, class_id: int, color: str) -> None:
        """Give a class another colour "#rrggbb", and say so."""
        self.set_entries(renamed(self._entries, class_id, color=color))
        self.changed.emit()

    def _remove_current(self) -> None:
        label = self.current
        if label:
            self.set_entries(tuple(entry for entry in self._entries if entry.label != label))
            self.removed.emit(label)
            self.changed.emit()

    def _on_edited(self, item: QTableWidgetItem) -> None:
        if item.column() == NAME:
            entry = self._entries[item.row()]
            self.rename(entry.label, item.text().strip() or entry.name)

    def _on_clicked(self, line: int, column: int) -> None:
        if column == KEY:
            entry = self._entries[line]
            color = QColorDialog.getColor(QColor(entry.color), self, f"Colour of {entry.name}")
            if color.isValid():
                self.set_color(entry.label, color.name())

    def _fill(self, line: int, entry: ClassEntry) -> None:
        key = QTableWidgetItem(swatch_icon(entry.color), str(entry.label) if entry.label < 10 else "")
        key.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        key.setToolTip("Click to change the colour.")
        name = QTableWidgetItem(entry.name)
        name.setToolTip("Double-click to rename it.")
        self.table.setItem(line, KEY, key)
        self.table.setItem(line, NAME, name)
        self._fill_counts(line, entry)

    def _fill_counts(self, line: int, entry: ClassEntry) -> None:
        for column, counts in zip((PICKED, PREDICTED), self._counts, strict=True):
            n = counts.get(entry.label, 0)
            item = QTableWidgetItem(f"{n:,}" if n else "–")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(line, column, item)

    def _update(self) -> None:
        self.table.setEnabled(not self._reason)
        enable(self._add, self._reason, "Add a class.")
        nothing = "" if self.current else "select a class first."
        enable(
            self._remove, self._reason or nothing, "Remove the selected class; its objects have none then."
        )
