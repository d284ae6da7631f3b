"""The sixth step: give some objects a class, and let all others be told theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QPushButton, QWidget

from ...score_table import ScoreTable
from ...section import enable, row
from .object_classes import ObjectClassTable
from .panel import Choice, Panel, Sentence
from .thumbnails import pixmap_of

_PICTURE_SIDE = 150
SUFFIX = ".segmotif"
MODELS = f"segmotif model (*{SUFFIX})"
METHODS = {
    "random_forest": ("Random forest", "Many decision trees. Takes any shape of classes; the usual choice."),
    "logistic_regression": ("Logistic regression", "Straight borders. Good with few picked objects."),
}
CHECKS = {
    "auto": ("the best that can be", "By image where there are several, else by place."),
    "image": ("whole images", "Learn from some images and test on the others: as on new images."),
    "position": ("parts of the image", "Learn from some parts of the image and test on the others."),
    "random": ("single objects", "Test on objects picked at random; neighbours make this look too good."),
}
STRATEGIES = {
    "auto": ("as needed", "From every group first; then objects that are doubtful and unlike the others."),
    "uncertainty": ("the most doubtful", "Objects that lie between two classes."),
    "diversity": ("unlike those picked", "Objects that are unlike all that have a class yet."),
    "clusters": ("from every group", "Some of each group of alike objects: good to begin with."),
}
_COLUMNS = (
    ("Class", "The classes, as picked."),
    ("Prec.", "Precision: of those found, how many are right."),
    ("Recall", "Of those there are, how many were found."),
    ("Jaccard", "Right ones, out of all that are or were taken for this class."),
    ("Objects", "How many objects were tested."),
)


class ClassifyPanel(Panel):
    """Pick, train, check, suggest.

    Signals
    -------
    pick_toggled
        Whether clicks and number keys give classes.
    give_clicked, from_clusters_clicked, clear_clicked
        Give the selected class to the selected objects; take clusters as classes; take all classes back.
    train_clicked, check_clicked, suggest_clicked
        The user wants it trained; checked; wants to be shown an object whose class would help.
    save_wanted, load_wanted
        Carry the path that the user picked.
    """

    pick_toggled = Signal(bool)
    give_clicked = Signal()
    from_clusters_clicked = Signal()
    clear_clicked = Signal()
    train_clicked = Signal()
    check_clicked = Signal()
    suggest_clicked = Signal()
    save_wanted = Signal(object)
    load_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pick = QPushButton("Pick")
        self.pick.setCheckable(True)
        self.hint = Sentence()
        self.classes = ObjectClassTable()
        self.give, self.clear = QPushButton("Give to selection"), QPushButton("Clear all")
        self.from_clusters = QPushButton("Classes from clusters")
        self.method = Choice(METHODS, "How classes are learned.")
        self.train = QPushButton("Train")
        self.trained = Sentence()
        self.hold_out = Choice(CHECKS, "What is kept from learning, to test on.")
        self.check = QPushButton("How good is it?")
        self.scores = ScoreTable(_COLUMNS, named=True)
        self.scores.hide()
        self.judged = Sentence(dim=False)
        self.warning = Sentence(warning=True)
        self.strategy = Choice(STRATEGIES, "Which objects are worth a click.")
        self.suggest = QPushButton("Show the next object")
        self.question, self.picture = Sentence(dim=False), QLabel()
        self.picture.hide()
        self.live = QCheckBox("Live: learn from each answer and go on")
        self.live.setChecked(True)
        self.live.setToolTip(
            "When an object that was shown gets its class, the classifier learns it and shows the next one. "
            "Press “Show the next object” to pass over one that you are not sure of."
        )
        self.save, self.load = QPushButton("Save classifier…"), QPushButton("Load…")
        self.add(row(self.pick, self.give, self.from_clusters), self.hint, self.classes, row(self.clear))
        self.add_fields(("Learn by", self.method))
        self.add(row(self.train, self.save, self.load), self.trained)
        self.add_fields(("Next object", self.strategy))
        self.add(row(self.suggest), self.live, self.question, self.picture)
        self.add_fields(("Test on", self.hold_out))
        self.add(row(self.check), self.judged, self.scores, self.warning)
        for button, signal in (
            (self.give, self.give_clicked),
            (self.from_clusters, self.from_clusters_clicked),
            (self.clear, self.clear_clicked),
            (self.train, self.train_clicked),
            (self.check, self.check_clicked),
            (self.suggest, self.suggest_clicked),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
        self.pick.toggled.connect(self.pick_toggled)
        self.save.clicked.connect(lambda _checked=False: self._ask_save())
        self.load.clicked.connect(lambda _checked=False: self._ask_load())

    def set_available(
        self,
        *,
        no_table: str,
        no_giving: str,
        no_clusters: str,
        no_training: str,
        no_model: str,
        no_suggestion: str,
        no_check: str,
        no_loading: str,
    ) -> None:
        """Enable what can be done now, or disable it and say why."""
        enable(
            self.pick,
            no_table,
            "While this is on: click an object in the image or the plot, then press its class's key, 1 to 9; "
            "0 takes the class back.",
        )
        self.classes.set_available(no_table)
        enable(self.give, no_table or no_giving, "Give the class selected below to all selected objects.")
        enable(self.from_clusters, no_table or no_clusters, "Every cluster becomes a class.")
        enable(self.clear, no_table, "Take the classes of all objects back.")
        enable(self.train, no_table or no_training, "Learn the classes, and tell those of all objects.")
        enable(
            self.check,
            no_check,
            "Learn from a part, test on the rest, and compare with classes dealt out at random.",
        )
        enable(
            self.suggest,
            no_table or no_suggestion,
            "Go to an object whose class would teach the classifier most, and give it a class with its key.",
        )
        enable(self.save, no_model, "Keep the classifier in a file, for other images and `segmotif objects`.")
        enable(self.load, no_loading, "Open a classifier that was saved.")

    def show_question(self, pixels: NDArray[np.uint8] | None, text: str) -> None:
        """Ask for the class of an object, with its picture (h, w, 3): in the image, colours lie over it."""
        self.question.say(text)
        self.picture.setVisible(pixels is not None)
        self.picture.setPixmap(QPixmap() if pixels is None else pixmap_of(pixels, _PICTURE_SIDE))

    def show_scores(self, rows: Sequence[Sequence[str]], text: str, warnings: Sequence[str]) -> None:
        """Show how good the classifier is; no rows: nothing is known."""
        self.scores.set_rows(rows)
        self.scores.setVisible(bool(rows))
        self.judged.say(text)
        self.warning.say("\n".join(warnings))

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the classifier", f"objects{SUFFIX}", MODELS)
        if path:
            self.save_wanted.emit(Path(path if path.endswith(SUFFIX) else path + SUFFIX))

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a classifier", "", MODELS)
        if path:
            self.load_wanted.emit(Path(path))
