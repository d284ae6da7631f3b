"""What the forms of all tools have in common: sections, one below the other, over a footer."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from .footer import Footer
from .runner import JobRunner
from .section import Section

_WIDTH = 400


class SectionedForm(QWidget):
    """Sections that scroll, over a footer that says what is going on.

    Parameters
    ----------
    runner
        Whose job the footer shows.
    parent
        Qt parent.
    """

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._footer = Footer(runner)

    def lay_out(self, sections: Iterable[Section]) -> None:
        """Put the sections one below the other, and the footer under them; once, when all are there."""
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 2, 6, 2)
        column.setSpacing(2)
        for section in sections:
            column.addWidget(section)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._footer)

    def say(self, text: str, kind: str = "info") -> None:
        """Show a sentence in the footer; `kind` is "info", "warning" or "error"."""
        self._footer.say(text, kind)

    @property
    def said(self) -> str:
        """The sentence in the footer."""
        return self._footer.said

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, 800)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 300)
