"""Training on files: a folder of images, and a folder of labels with the same names."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ....common.words import count
from ...section import row, words
from ..examples import FolderExamples

_SHOWN = 3


class FoldersPanel(QWidget):
    """Choose the two folders.

    Signals
    -------
    wanted
        Two folders are chosen: their files are to be matched; `show_found` or `show_problem` answers.
    changed
        The pairs of files are others than before.
    """

    wanted = Signal(object, object)  # Path, Path
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: FolderExamples | None = None
        self._why = ""
        self._images, images = self._line("Choose the folder of images", "folder of images")
        self._labels, labels = self._line("Choose the folder of labels", "folder of labels")
        self._said = words(dim=True)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Images", images)
        form.addRow("Labels", labels)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(form)
        layout.addWidget(self._said)
        self._said.setText("The labels of “cells.tif” are called “cells.tif” or “cells_labels.tif”.")

    @property
    def examples(self) -> FolderExamples | None:
        """The pairs that were found."""
        return self._found

    @property
    def folders(self) -> tuple[Path, Path] | None:
        """The folders of images and of labels, or None while one is missing."""
        images, labels = self._images.text().strip(), self._labels.text().strip()
        return (Path(images).expanduser(), Path(labels).expanduser()) if images and labels else None

    def problem(self) -> str:
        """Why nothing can be trained on these folders; "" where it can."""
        if self._found is not None:
            return ""
        return self._why or "choose a folder of images and a folder of labels."

    def set_folders(self, images: Path, labels: Path) -> None:
        """Choose both folders."""
        self._images.setText(str(images))
        self._labels.setText(str(labels))
        self._look()

    def show_found(self, found: FolderExamples) -> None:
        """Say which files belong together."""
        self._found, self._why = found, ""
        names = ", ".join(found.names[:_SHOWN]) + (" …" if len(found.names) > _SHOWN else "")
        text = f"{count(len(found.pairs), 'pair')}: {names}"
        if found.alone:
            text += f" · without labels, not used: {count(len(found.alone), 'image')}"
        self._said.setText(text)
        self.changed.emit()

    def show_problem(self, text: str) -> None:
        """Say why no pairs were found."""
        self._found, self._why = None, text
        self._said.setText(text)
        self.changed.emit()

    def _line(self, title: str, hint: str) -> tuple[QLineEdit, QWidget]:
        line, browse, holder = QLineEdit(), QPushButton("…"), QWidget()
        line.setPlaceholderText(hint)
        line.editingFinished.connect(self._look)
        browse.setToolTip(title)
        browse.setFixedWidth(30)

        def ask() -> None:
            chosen = QFileDialog.getExistingDirectory(self, title, line.text())
            if chosen:
                line.setText(chosen)
                self._look()

        browse.clicked.connect(lambda _checked=False: ask())
        holder.setLayout(row(line, browse, stretch=0))
        return line, holder

    def _look(self) -> None:
        folders = self.folders
        if folders is not None:
            self._found, self._why = None, "wait until the files are found."
            self.wanted.emit(*folders)
