"""The buttons of the work itself: Live, Train, Predict all, and which outputs become layers."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget

from ....pixel.parameters import ForestParameters
from ....pixel.prediction import Output
from ...forms import form_for
from ...section import Section, enable, row
from ..outputs import PROBABILITIES, SEGMENTATION, UNCERTAINTY

_OUTPUTS: tuple[tuple[Output, str, str, bool], ...] = (
    (SEGMENTATION, "Segmentation", "The most probable class of every pixel, as a Labels layer.", True),
    (PROBABILITIES, "Probabilities", "How probable each class is, 0 to 1: one layer a class.", False),
    (UNCERTAINTY, "Uncertainty", "Where the classifier hesitates: 0 is sure, 1 is a plain guess.", False),
)


class TrainPanel(QWidget):
    """Train and predict.

    Signals
    -------
    live_toggled, train_clicked, predict_clicked, outputs_changed, forest_changed
        What the user asked for; the properties have the values.
    """

    live_toggled = Signal(bool)
    train_clicked = Signal()
    predict_clicked = Signal()
    outputs_changed = Signal()
    forest_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._live = QCheckBox("Live: the view follows every stroke")
        self._live.setToolTip(
            "After each stroke, undo or erase the classifier is trained again, and the visible part of "
            "the image is shown."
        )
        self._train = QPushButton("Train")
        self._predict = QPushButton("Predict all")
        self._boxes: dict[Output, QCheckBox] = {}
        for key, text, tooltip, checked in _OUTPUTS:
            box = QCheckBox(text)
            box.setToolTip(tooltip)
            box.setChecked(checked)
            box.toggled.connect(lambda _checked: self.outputs_changed.emit())
            self._boxes[key] = box
        self._forest = form_for(ForestParameters)
        forest = Section("Forest", expanded=False)
        forest.add(self._forest)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._live)
        layout.addLayout(row(self._train, self._predict))
        layout.addWidget(QLabel("Show as layers"))
        layout.addLayout(row(*self._boxes.values()))
        layout.addWidget(forest)
        self._live.toggled.connect(self.live_toggled)
        self._train.clicked.connect(lambda _checked=False: self.train_clicked.emit())
        self._predict.clicked.connect(lambda _checked=False: self.predict_clicked.emit())
        self._forest.changed.connect(lambda _values: self.forest_changed.emit())

    @property
    def live(self) -> bool:
        """Whether the view follows every stroke."""
        return self._live.isChecked()

    def set_live(self, live: bool) -> None:
        """Switch following on or off."""
        self._live.setChecked(live)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Which outputs become layers."""
        return tuple(key for key, box in self._boxes.items() if box.isChecked())

    def set_output(self, key: Output, shown: bool) -> None:
        """Tick or untick one output."""
        self._boxes[key].setChecked(shown)

    @property
    def forest(self) -> ForestParameters:
        """The forest's parameters.

        Raises
        ------
        InputError
            Where one of them is out of its bounds.
        """
        return self._forest.values()

    def set_forest(self, forest: ForestParameters) -> None:
        """Show the forest's parameters."""
        self._forest.set_values(forest)

    def set_available(self, *, no_training: str, no_prediction: str) -> None:
        """Enable the buttons, or disable them and say why."""
        enable(self._train, no_training, "Train on everything that is painted, and show the visible part.")
        enable(
            self._predict, no_training and no_prediction, "Predict the whole image, all frames and planes."
        )
