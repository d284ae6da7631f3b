"""What the panels of the feature explorer are made of: fields under each other, choices with tooltips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QLayout, QSizePolicy, QVBoxLayout, QWidget

from ...section import words

WARNING = "color: #d08a00;"
_LABEL_WIDTH = 78


class Panel(QWidget):
    """The body of a section: a column of fields, buttons and sentences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(5)

    def add(self, *items: QWidget | QLayout) -> None:
        """Append widgets or layouts."""
        for item in items:
            if isinstance(item, QLayout):
                self._column.addLayout(item)
            else:
                self._column.addWidget(item)

    def add_fields(self, *fields: tuple[str, QWidget]) -> QFormLayout:
        """Append controls with their names beside them, all panels' in line."""
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, widget in fields:
            label = QLabel(name)
            label.setMinimumWidth(_LABEL_WIDTH)
            label.setToolTip(widget.toolTip())
            form.addRow(label, widget)
        self._column.addLayout(form)
        return form


class Sentence(QLabel):
    """A sentence or two, gone while there is nothing to say."""

    def __init__(self, *, dim: bool = True, warning: bool = False) -> None:
        super().__init__()
        like = words(dim=dim and not warning)
        self.setWordWrap(True)
        self.setSizePolicy(like.sizePolicy())
        self.setStyleSheet(WARNING if warning else like.styleSheet())
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.hide()

    def say(self, text: str) -> None:
        """Show a text, or nothing."""
        self.setText(text)
        self.setVisible(bool(text))


class Choice(QComboBox):
    """One of a few things, by key.

    Parameters
    ----------
    options
        For each key what it is called, and what it is.
    tip
        What is chosen here.
    """

    def __init__(self, options: Mapping[str, tuple[str, str]] | None = None, tip: str = "") -> None:
        super().__init__()
        self._tip = tip
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.currentIndexChanged.connect(lambda _=0: self._explain())
        if options is not None:
            self.offer([(key, title, about) for key, (title, about) in options.items()])

    @property
    def key(self) -> str:
        """The key of what is chosen; "" where there is nothing."""
        return str(self.currentData() or "")

    def choose(self, key: str) -> bool:
        """Choose by key; whether there is such a thing."""
        index = self.findData(key)
        if index >= 0:
            self.setCurrentIndex(index)
        return index >= 0

    def offer(self, options: Sequence[tuple[str, str, str]], icons: Sequence[QIcon] = ()) -> None:
        """Offer other things, as (key, title, about); what was chosen stays where it is among them."""
        kept = self.key
        with QSignalBlocker(self):
            self.clear()
            for key, title, about in options:
                self.addItem(title, key)
                self.setItemData(self.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
            for index, icon in enumerate(icons):
                self.setItemIcon(index, icon)
            self.setCurrentIndex(max(self.findData(kept), 0) if options else -1)
        self._explain()
        if self.key != kept:
            self.currentIndexChanged.emit(self.currentIndex())

    def _explain(self) -> None:
        about = str(self.currentData(Qt.ItemDataRole.ToolTipRole) or "")
        self.setToolTip("".join(f"<p>{text}</p>" for text in (self._tip, about) if text))
