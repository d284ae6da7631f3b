"""A collapsible section of the form: a clickable header with a one-line summary, and a body.

superqt's QCollapsible pins its body's maximum height, so text that wraps later is cut off; here the layout
decides.
"""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

#: Readable on napari's dark and on its light theme, and quieter than the text.
DIM = "color: #868686;"


class Section(QFrame):
    """One step of the work: its title, what stands in it in one line, and the controls."""

    toggled = Signal(bool)

    def __init__(self, title: str, *, expanded: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._button = QToolButton(self)
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setChecked(expanded)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.setStyleSheet(
            "QToolButton { font-weight: bold; border: none; background: transparent; padding: 4px 2px; }"
        )
        self._summary = QElidingLabel(self)
        self._summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._summary.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._summary.setStyleSheet(DIM)
        header = QHBoxLayout()
        header.setContentsMargins(0, 0, 4, 0)
        header.addWidget(self._button)
        header.addWidget(self._summary, 1)

        self.body = QWidget(self)
        self.layout_ = QVBoxLayout(self.body)
        self.layout_.setContentsMargins(14, 0, 4, 8)
        self.layout_.setSpacing(5)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(header)
        outer.addWidget(self.body)
        outer.addStretch(0)
        outer.addWidget(_line(self))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._button.toggled.connect(self._show_body)
        self._show_body(expanded)

    @property
    def expanded(self) -> bool:
        """Whether the body is shown."""
        return self._button.isChecked()

    def set_expanded(self, expanded: bool) -> None:
        """Show or hide the body."""
        self._button.setChecked(expanded)

    def set_summary(self, text: str) -> None:
        """Say in one line, beside the title, what stands in this section."""
        self._summary.setText(text)
        self._summary.setToolTip(text)

    def add(self, item: QWidget | QLayout) -> None:
        """Append a widget or a layout to the body."""
        if isinstance(item, QLayout):
            self.layout_.addLayout(item)
        else:
            self.layout_.addWidget(item)

    def _show_body(self, shown: bool) -> None:
        self._button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.body.setVisible(shown)
        self.toggled.emit(shown)


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Lay widgets out side by side; the one at index `stretch` takes the room that is left."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(5)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if index == stretch else 0)
    if stretch is None:
        layout.addStretch(1)
    return layout


def words(text: str = "", *, dim: bool = False) -> QLabel:
    """Make a label for a sentence: it wraps instead of being cut off."""
    label = QLabel(text)
    label.setWordWrap(True)
    if dim:
        label.setStyleSheet(DIM)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label


def enable(widget: QWidget, reason: str, tooltip: str) -> None:
    """Enable `widget` where there is no `reason` against it; else disable it, and say why in its tooltip."""
    widget.setEnabled(not reason)
    widget.setToolTip(f"{tooltip}\n\nNot now: {reason}" if reason else tooltip)


def _line(parent: QWidget) -> QFrame:
    line = QFrame(parent)
    line.setFixedHeight(1)
    line.setStyleSheet("background-color: rgba(128, 128, 128, 60);")
    return line
