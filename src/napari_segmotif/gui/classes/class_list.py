"""A list of classes to edit: colour, name, and two counts of each. It knows no layer and no table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..section import enable, row
from ..swatch import swatch_icon
from .entries import ClassEntry, next_label, renamed

LABEL, NAME, FIRST_COUNT, SECOND_COUNT = range(4)
_ROW_HEIGHT = 26
_FEWEST_ROWS = 2


@dataclass(frozen=True)
class ClassListWords:
    """What a list of classes says.

    Attributes
    ----------
    columns
        Name and tooltip of the four columns.
    label_tip, name_tip
        Tooltips of an entry; "{label}" stands for its number.
    add_tip, remove_tip
        What the buttons do.
    """

    columns: Sequence[tuple[str, str]]
    label_tip: str
    name_tip: str
    add_tip: str
    remove_tip: str


class ClassList(QWidget):
    """A row a class, one of them selected.

    Parameters
    ----------
    words
        What it says.
    new_entry
        Makes the entry of a class that is added, from its number.
    most_rows
        It grows to so many rows, and scrolls from then on.

    Signals
    -------
    changed
        Names, colours or the number of classes changed; `entries` has them.
    selected
        The user picked the class with this label.
    removed
        The user removed the class with this label.
    """

    changed = Signal()
    selected = Signal(int)
    removed = Signal(int)

    def __init__(
        self,
        words: ClassListWords,
        new_entry: Callable[[int], ClassEntry],
        most_rows: int,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._words, self._new_entry, self._most_rows = words, new_entry, most_rows
        self._entries: tuple[ClassEntry, ...] = ()
        self._counts: tuple[Mapping[int, int], Mapping[int, int]] = ({}, {})
        self._reason = ""
        self.table = _empty_table(words.columns)
        self.table.itemChanged.connect(self._on_edited)
        self.table.cellClicked.connect(self._on_clicked)
        self.table.currentCellChanged.connect(self._on_row_changed)
        self.add, self.remove = QPushButton("+ Class"), QPushButton("− Class")
        self.add.clicked.connect(lambda _checked=False: self.add_class())
        self.remove.clicked.connect(lambda _checked=False: self._remove_current())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(row(self.add, self.remove))

    def label_text(self, label: int) -> str:
        """What stands beside the colour."""
        return str(label)

    @property
    def entries(self) -> tuple[ClassEntry, ...]:
        """The classes, ordered by label."""
        return self._entries

    @property
    def names(self) -> dict[int, str]:
        """Names by label."""
        return {entry.label: entry.name for entry in self._entries}

    @property
    def colors(self) -> dict[int, str]:
        """Colours "#rrggbb" by label."""
        return {entry.label: entry.color for entry in self._entries}

    @property
    def current(self) -> int:
        """The label of the selected class; 0 where none is."""
        index = self.table.currentRow()
        return self._entries[index].label if 0 <= index < len(self._entries) else 0

    def set_entries(self, entries: tuple[ClassEntry, ...]) -> None:
        """Show these classes; the selected one stays so if it is among them. Does not emit `changed`."""
        keep = self.current
        self._entries = entries
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(entries))
            for index, entry in enumerate(entries):
                self._fill(index, entry)
        rows = min(max(len(entries), _FEWEST_ROWS), self._most_rows)
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + rows * _ROW_HEIGHT + 6)
        self.select(keep if keep in self.names else next(iter(self.names), 0))

    def show_counts(self, first: Mapping[int, int], second: Mapping[int, int]) -> None:
        """Show the two counts of each class, by label."""
        self._counts = (first, second)
        with QSignalBlocker(self.table):
            for index, entry in enumerate(self._entries):
                self._fill_counts(index, entry)

    def select(self, label: int) -> None:
        """Select the class with this label; none, where there is no such class. Does not emit `selected`."""
        with QSignalBlocker(self.table):
            if label in self.names:
                self.table.setCurrentCell(list(self.names).index(label), NAME)
            else:
                self.table.clearSelection()
                self.table.setCurrentCell(-1, -1)
        self._update()

    def set_available(self, reason: str) -> None:
        """Enable the list, or disable it and say why."""
        self._reason = reason
        self.table.setEnabled(not reason)
        self._update()

    def add_class(self) -> int:
        """Add a class under the next free label, select it, and return its label."""
        label = next_label(self._entries)
        self.set_entries(
            tuple(sorted((*self._entries, self._new_entry(label)), key=lambda entry: entry.label))
        )
        self.changed.emit()
        self.select(label)
        self.selected.emit(label)
        return label

    def rename(self, label: int, name: str) -> None:
        """Give a class another name, and say so."""
        self.set_entries(renamed(self._entries, label, name=name))
        self.changed.emit()

    def set_color(self, label: int, color: str) -> None:
        """Give a class another colour "#rrggbb", and say so."""
        self.set_entries(renamed(self._entries, label, color=color))
        self.changed.emit()

    def ask_color(self, label: int) -> None:
        """Let the user pick a colour for a class."""
        entry = next(entry for entry in self._entries if entry.label == label)
        color = QColorDialog.getColor(QColor(entry.color), self, f"Colour of {entry.name}")
        if color.isValid():
            self.set_color(label, color.name())

    def _remove_current(self) -> None:
        label = self.current
        if label:
            self.set_entries(tuple(entry for entry in self._entries if entry.label != label))
            self.removed.emit(label)
            self.changed.emit()
            self.selected.emit(self.current)

    def _on_edited(self, item: QTableWidgetItem) -> None:
        if item.column() != NAME:
            return
        entry = self._entries[item.row()]
        name = item.text().strip() or entry.name
        self._entries = renamed(self._entries, entry.label, name=name)
        with QSignalBlocker(self.table):
            item.setText(name)
        self.changed.emit()

    def _on_clicked(self, index: int, column: int) -> None:
        label = self._entries[index].label
        if column == LABEL:
            self.ask_color(label)
        self.selected.emit(label)

    def _on_row_changed(self, index: int, *_: int) -> None:
        self._update()
        if 0 <= index < len(self._entries):
            self.selected.emit(self._entries[index].label)

    def _fill(self, index: int, entry: ClassEntry) -> None:
        swatch = QTableWidgetItem(swatch_icon(entry.color), self.label_text(entry.label))
        swatch.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        swatch.setToolTip(self._words.label_tip.format(label=entry.label))
        name = QTableWidgetItem(entry.name)
        name.setToolTip(self._words.name_tip)
        self.table.setItem(index, LABEL, swatch)
        self.table.setItem(index, NAME, name)
        self._fill_counts(index, entry)

    def _fill_counts(self, index: int, entry: ClassEntry) -> None:
        for column, counts in zip((FIRST_COUNT, SECOND_COUNT), self._counts, strict=True):
            number = counts.get(entry.label, 0)
            item = QTableWidgetItem(f"{number:,}" if number else "–")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(index, column, item)

    def _update(self) -> None:
        nothing = "" if self.current else "select a class first."
        enable(self.add, self._reason, self._words.add_tip)
        enable(self.remove, self._reason or nothing, self._words.remove_tip)


def _empty_table(columns: Sequence[tuple[str, str]]) -> QTableWidget:
    table = QTableWidget(0, len(columns))
    table.setHorizontalHeaderLabels([name for name, _ in columns])
    for column, (_, tip) in enumerate(columns):
        table.horizontalHeaderItem(column).setToolTip(tip)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setShowGrid(False)
    table.setIconSize(QSize(16, 16))
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
    return table
