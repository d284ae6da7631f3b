"""The third step of the form: what was found, how it is shown, and what more can be shown of it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QLabel, QPushButton, QRadioButton, QVBoxLayout, QWidget

from ....common.words import sentence
from ...section import enable, row, words
from ..found import Found
from ..words import found_in_words, messages_in_words, motif_name, seconds_in_words
from .motif_table import MotifRow, MotifTable

_NO_SAVE = "a preview saw only a part of the video. Press Find motifs to save those of all of it."


class MotifPanel(QWidget):
    """The list of motifs, with what was found in a sentence.

    Signals
    -------
    view_wanted
        "map" (all motifs over the mean image) or "video".
    order_wanted
        Whether the map is coloured by the order of firing instead of by motif.
    explained_wanted
        "reconstruction" or "residual", and whether it is to be shown.
    save_wanted, load_wanted, copy_wanted
        The user asked for it.
    whole_wanted
        The user wants to see the motifs of the whole video again, after a preview.
    """

    view_wanted = Signal(str)
    order_wanted = Signal(bool)
    explained_wanted = Signal(str, bool)
    save_wanted = Signal()
    load_wanted = Signal()
    copy_wanted = Signal()
    whole_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._said = words("Nothing was looked for yet: press Find motifs.")
        self._messages = words(dim=True)
        self._messages.hide()
        self._whole = QPushButton("Back to the whole video")
        self._whole.setToolTip("Show the motifs again that were found in the whole video")
        self._whole.hide()
        self.table = MotifTable()
        self._map = QRadioButton("Map")
        self._map.setToolTip("All motifs in colour over the mean image")
        self._video = QRadioButton("Video")
        self._video.setToolTip("The video, with a ring wherever a motif is being played")
        self._views = QButtonGroup(self)
        self._views.addButton(self._map)
        self._views.addButton(self._video)
        self._order = QCheckBox("in order of firing")
        self._reconstruction = QCheckBox("Reconstruction")
        self._residual = QCheckBox("Residual")
        self._save = QPushButton("Save model…")
        self._load = QPushButton("Load model…")
        self._load.setToolTip("Show motifs that were saved (.segmotif) on the chosen video")
        self._copy = QPushButton("Copy as Python")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self._said)
        layout.addWidget(self._messages)
        layout.addLayout(row(self._whole))
        layout.addWidget(self.table)
        layout.addLayout(row(QLabel("View"), self._map, self._order, self._video))
        layout.addLayout(row(QLabel("Also"), self._reconstruction, self._residual))
        layout.addLayout(row(self._save, self._load, self._copy))
        self._map.toggled.connect(lambda on: self.view_wanted.emit("map") if on else None)
        self._video.toggled.connect(lambda on: self.view_wanted.emit("video") if on else None)
        self._order.toggled.connect(self.order_wanted)
        self._reconstruction.toggled.connect(lambda on: self.explained_wanted.emit("reconstruction", on))
        self._residual.toggled.connect(lambda on: self.explained_wanted.emit("residual", on))
        self._save.clicked.connect(lambda _checked=False: self.save_wanted.emit())
        self._load.clicked.connect(lambda _checked=False: self.load_wanted.emit())
        self._whole.clicked.connect(lambda _checked=False: self.whole_wanted.emit())
        self._copy.clicked.connect(lambda _checked=False: self.copy_wanted.emit())
        self.set_available("find motifs first.")
        self.set_loadable("open a video first.")

    @property
    def said(self) -> str:
        """What was found, in a sentence."""
        return self._said.text()

    def show_found(self, found: Found, *, whole_kept: bool = False) -> None:
        """Show what a fit found; `whole_kept` says whether a preview can be left for a whole result."""
        self._whole.setVisible(found.crop is not None and whole_kept)
        model = found.model
        before = "" if found.crop is None else f"Preview of {found.crop.in_words()}: "
        self._said.setText(before + found_in_words(model))
        others = [message for message in model.messages_ if sentence(message) not in self._said.text()]
        if model.stopped_early_ and not any(message.startswith("stopped") for message in others):
            others = ["Stopped early: this is the best that was found until then.", *others]
        self._messages.setText(messages_in_words(others))
        self._messages.setVisible(bool(self._messages.text()))
        self.table.set_rows(
            [
                MotifRow(
                    motif_name(index),
                    found.colors[index],
                    float(model.p_values_[index]),
                    bool(model.significant_[index]),
                    found.occurrences_of(index),
                    seconds_in_words(int(found.lengths[index]), found.frame_rate),
                    visible=bool(found.worth_showing[index]),
                )
                for index in range(len(found))
            ]
        )
        self.set_explained(False, False)
        self.set_available("", preview=found.crop is not None)

    def clear(self, text: str) -> None:
        """Show no motifs, and say why."""
        self._said.setText(text)
        self._messages.hide()
        self.table.set_rows(())
        self.set_explained(False, False)
        self.set_available("find motifs first.")

    def set_view(self, view: str) -> None:
        """Show which view is on. Does not emit `view_wanted`."""
        with QSignalBlocker(self._map), QSignalBlocker(self._video):
            (self._map if view == "map" else self._video).setChecked(True)

    def set_explained(self, reconstruction: bool, residual: bool) -> None:
        """Show which of these layers are there. Does not emit `explained_wanted`."""
        for box, on in ((self._reconstruction, reconstruction), (self._residual, residual)):
            with QSignalBlocker(box):
                box.setChecked(on)

    def set_available(self, reason: str, *, preview: bool = False) -> None:
        """Enable what needs motifs, or disable it and say why; motifs of a preview cannot be saved."""
        self.table.setVisible(not reason and self.table.table.rowCount() > 0)
        for button in (self._map, self._video):
            button.setEnabled(not reason)
        enable(self._order, reason, "Colour the map by when a cell fires in its motif: blue first, red last.")
        enable(self._reconstruction, reason, "What the motifs explain of the video; computed frame by frame.")
        enable(self._residual, reason, "The video less what the motifs explain; computed frame by frame.")
        # A saved model is shown on the video of its shape, and a part of a video is no layer.
        no_save = _NO_SAVE if preview and not reason else reason
        enable(self._save, no_save, "Keep the motifs, the settings and the test in a file (.segmotif).")
        enable(self._copy, reason, "Copy a script that does the same: find, save, write the results.")

    def set_loadable(self, reason: str) -> None:
        """Enable Load, or disable it and say why."""
        enable(self._load, reason, "Show motifs that were saved (.segmotif) on the chosen video.")
