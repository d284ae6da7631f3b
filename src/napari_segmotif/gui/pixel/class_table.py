"""The table of classes: colour, name, pixels, strokes. It knows no layer; signals say what was asked."""

from __future__ import annotations

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

from ...pixel.strokes import StrokeCount
from ..section import enable, row
from ..swatch import swatch_icon
from .classes import ClassEntry, Counts, default_entry, next_label, renamed

LABEL, NAME, PIXELS, STROKES = range(4)
_ROW_HEIGHT = 26


class ClassTable(QWidget):
    """A row a class; the selected row is the class that is painted with.

    Signals
    -------
    changed
        Names, colours or the number of classes changed; `entries` has them.
    selected
        The user picked the class with this label to paint with.
    removed
        The user removed the class with this label; its strokes are to be erased.
    """

    changed = Signal()
    selected = Signal(int)
    removed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[ClassEntry, ...] = ()
        self._counts: Counts = {}
        self._table = QTableWidget(0, 4, self)
        self._table.setHorizontalHeaderLabels(["", "Class", "Pixels", "Strokes"])
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self._table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.setShowGrid(False)
        self._table.setIconSize(QSize(16, 16))
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self._table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self._table.itemChanged.connect(self._on_edited)
        self._table.cellClicked.connect(self._on_clicked)
        self._table.currentCellChanged.connect(self._on_row_changed)

        self._add = QPushButton("+ Class")
        self._remove = QPushButton("− Class")
        self._add.clicked.connect(self.add_class)
        self._remove.clicked.connect(self._remove_current)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addLayout(row(self._add, self._remove))
        self.set_entries(())

    @property
    def entries(self) -> tuple[ClassEntry, ...]:
        """The classes, ordered by label."""
        return self._entries

    @property
    def counts(self) -> Counts:
        """How much of each class is painted, as it was counted last."""
        return self._counts

    @property
    def current_label(self) -> int:
        """The label of the selected row; 0 where none is."""
        index = self._table.currentRow()
        return self._entries[index].label if 0 <= index < len(self._entries) else 0

    def set_entries(self, entries: tuple[ClassEntry, ...]) -> None:
        """Show these classes. Does not emit `changed`."""
        keep = self.current_label
        self._entries = entries
        with QSignalBlocker(self._table):
            self._table.setRowCount(len(entries))
            for index, entry in enumerate(entries):
                self._fill_row(index, entry)
        self._fit_height()
        self.select(keep if keep in {e.label for e in entries} else (entries[0].label if entries else 0))
        self._update_buttons()

    def set_counts(self, counts: Counts) -> None:
        """Show how much of each class is painted."""
        self._counts = dict(counts)
        with QSignalBlocker(self._table):
            for index, entry in enumerate(self._entries):
                self._fill_counts(index, entry)

    def select(self, label: int) -> None:
        """Mark the row of `label` as the one painted with. Does not emit `selected`."""
        with QSignalBlocker(self._table):
            for index, entry in enumerate(self._entries):
                if entry.label == label:
                    self._table.setCurrentCell(index, NAME)
                    break
            else:
                self._table.clearSelection()
                self._table.setCurrentCell(-1, -1)
        self._update_buttons()

    def set_available(self, reason: str) -> None:
        """Enable the table, or disable it and say why."""
        self._reason = reason
        self._table.setEnabled(not reason)
        self._update_buttons()

    _reason = ""

    def add_class(self) -> None:
        """Append a class under the next free label, and select it."""
        label = next_label(self._entries)
        self.set_entries(tuple(sorted((*self._entries, default_entry(label)), key=lambda e: e.label)))
        self.changed.emit()
        self.select(label)
        self.selected.emit(label)

    def _remove_current(self) -> None:
        label = self.current_label
        if label:
            self.set_entries(tuple(e for e in self._entries if e.label != label))
            self.removed.emit(label)
            self.changed.emit()
            self.selected.emit(self.current_label)

    def _on_edited(self, item: QTableWidgetItem) -> None:
        if item.column() != NAME:
            return
        entry = self._entries[item.row()]
        name = item.text().strip() or entry.name
        self._entries = renamed(self._entries, entry.label, name=name)
        with QSignalBlocker(self._table):
            item.setText(name)
        self.changed.emit()

    def _on_clicked(self, index: int, column: int) -> None:
        if column == LABEL:
            self.ask_color(self._entries[index].label)
        self.selected.emit(self._entries[index].label)

    def _on_row_changed(self, index: int, *_: int) -> None:
        self._update_buttons()
        if 0 <= index < len(self._entries):
            self.selected.emit(self._entries[index].label)

    def ask_color(self, label: int) -> None:
        """Let the user pick a colour for the class `label`."""
        entry = next(e for e in self._entries if e.label == label)
        color = QColorDialog.getColor(QColor(entry.color), self, f"Colour of {entry.name}")
        if color.isValid():
            self.set_color(label, color.name())

    def set_color(self, label: int, color: str) -> None:
        """Give the class `label` a colour "#rrggbb", and say so."""
        self.set_entries(renamed(self._entries, label, color=color))
        self.changed.emit()

    def _fill_row(self, index: int, entry: ClassEntry) -> None:
        swatch = QTableWidgetItem(swatch_icon(entry.color), str(entry.label))
        swatch.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        swatch.setToolTip(f"Painted with label {entry.label}. Click to change the colour.")
        name = QTableWidgetItem(entry.name)
        name.setToolTip("Click to paint with this class; double-click to rename it.")
        self._table.setItem(index, LABEL, swatch)
        self._table.setItem(index, NAME, name)
        self._fill_counts(index, entry)

    def _fill_counts(self, index: int, entry: ClassEntry) -> None:
        count = self._counts.get(entry.label, StrokeCount(0, 0))
        for column, number in ((PIXELS, count.pixels), (STROKES, count.strokes)):
            item = QTableWidgetItem(f"{number:,}" if number else "–")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._table.setItem(index, column, item)

    def _fit_height(self) -> None:
        rows = min(max(len(self._entries), 2), 6)
        header = self._table.horizontalHeader().sizeHint().height()
        self._table.setFixedHeight(header + rows * _ROW_HEIGHT + 6)

    def _update_buttons(self) -> None:
        nothing = "" if self.current_label else "select a class first."
        enable(self._add, self._reason, "Add a class under the next free label.")
        enable(
            self._remove,
            self._reason or nothing,
            "Remove the selected class and erase its strokes (undo brings them back).",
        )
