"""Predicting: where, what becomes a layer, and how careful."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from napari.layers import Image, Layer
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ....unet.inference.prediction_outputs import Output, Uncertainty
from ....unet.objects.decoding import Decoder
from ...layer_choice import LayerChoice
from ...results import is_result
from ...section import enable, row, words
from .decoder_panel import DecoderPanel

Scope = Literal["layer", "all", "view"]

_SCOPES: dict[Scope, tuple[str, str]] = {
    "layer": ("This layer", "Predict the whole image, with all frames and planes."),
    "view": ("Current view", "Predict only what is on the screen: a quick look."),
    "all": ("All layers", "Predict every image layer that has the channels this network was trained on."),
}
_OUTPUTS: dict[Output, tuple[str, str]] = {
    "instances": ("Objects", "Every object gets a number of its own."),
    "labels": ("Classes", "The most probable class of every pixel."),
    "probabilities": ("Probabilities", "How probable each class is, 0 to 1: one layer a class."),
    "uncertainty": ("Uncertainty", "Where the network hesitates: 0 is sure, 1 is a plain guess."),
}
_CONNECTED = (
    "This network did not learn to tell objects apart: connected parts of the foreground are numbered, and "
    "touching objects are one."
)
_METHODS: dict[Uncertainty, tuple[str, str]] = {
    "flips": ("mirrored images", "How unsure it is when the image is mirrored and turned."),
    "dropout": ("dropout", "How unsure it is when features are left out at random."),
}
_NO_DROPOUT = "Train with Dropout above 0 for this (Advanced, Network)."


@dataclass(frozen=True)
class PredictWish:
    """What is to be predicted, and how."""

    outputs: tuple[Output, ...]
    augment: bool
    uncertainty: Uncertainty
    decoder: Decoder | None = None


class PredictPanel(QWidget):
    """Predict.

    Signals
    -------
    predict_clicked
        The user asked for it; carries "layer", "view" or "all". `wish` has the rest.
    """

    predict_clicked = Signal(str)

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reason = "train or load a network first."
        self._chosen_by_user = False
        self.image = LayerChoice(napari_viewer, _is_image, "no image")
        self.image.setToolTip("The image to predict.")
        self.buttons: dict[Scope, QPushButton] = {}
        for scope, (title, _) in _SCOPES.items():
            button = self.buttons[scope] = QPushButton(title)
            button.clicked.connect(lambda _checked=False, scope=scope: self.predict_clicked.emit(scope))
        self.boxes: dict[Output, QCheckBox] = {}
        for output, (title, tip) in _OUTPUTS.items():
            box = self.boxes[output] = QCheckBox(title)
            box.setToolTip(f"<p>{tip}</p>")
            box.toggled.connect(self._on_box)
        self.augment = QCheckBox("Average over mirrored images")
        self.augment.setToolTip(
            "<p>Predict the image mirrored and turned, too, and take the mean: a little better, and several "
            "times slower.</p>"
        )
        self._method_row = QWidget()
        self.method = QComboBox()
        for method, (title, tip) in _METHODS.items():
            self.method.addItem(title, method)
            self.method.setItemData(self.method.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.method.setToolTip("<p>What the uncertainty is made of.</p>")
        self.objects = DecoderPanel()
        self._text = words(dim=True)
        self._text.hide()
        self._lay_out()
        self.image.chosen.connect(lambda _layer: self._update())
        self.set_model(objects=True, dropout=False)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for index, box in enumerate(self.boxes.values()):
            grid.addWidget(box, index // 2, index % 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(row(QLabel("Image"), self.image, stretch=1))
        layout.addLayout(row(QLabel("Predict"), *self.buttons.values()))
        layout.addWidget(QLabel("Show as layers"))
        layout.addLayout(grid)
        method = row(QLabel("Uncertainty from"), self.method, stretch=1)
        self._method_row.setLayout(method)
        layout.addWidget(self._method_row)
        layout.addWidget(self.objects)
        layout.addWidget(self.augment)
        layout.addWidget(self._text)

    # ---- what is wanted

    @property
    def wish(self) -> PredictWish:
        """What is ticked.

        Raises
        ------
        InputError
            If a setting of how objects are made is not valid.
        """
        outputs = tuple(output for output, box in self.boxes.items() if box.isChecked())
        decoder = self.objects.decoder if "instances" in outputs else None
        return PredictWish(outputs, self.augment.isChecked(), self.method.currentData(), decoder)

    def set_wish(self, wish: PredictWish) -> None:
        """Show what is wanted, as if the user had ticked it."""
        for output, box in self.boxes.items():
            box.setChecked(output in wish.outputs)
        self.augment.setChecked(wish.augment)
        self.method.setCurrentIndex(self.method.findData(wish.uncertainty))
        self.objects.show_wish(wish.decoder)

    def close_down(self) -> None:
        """Stop following the viewer."""
        self.image.close_down()

    # ---- what can be done

    def set_available(self, reason: str) -> None:
        """Enable the buttons, or disable them and say why."""
        self._reason = reason
        self._update()

    def set_model(self, *, objects: bool, dropout: bool, decoder: Decoder | None = None) -> None:
        """Offer what a network can tell.

        Parameters
        ----------
        objects
            Whether it learned to tell objects apart.
        dropout
            Whether it was trained with dropout.
        decoder
            How it makes objects.
        """
        if decoder is not None:
            self.objects.set_decoder(decoder)
        tip = _OUTPUTS["instances"][1] if objects else _CONNECTED
        self.boxes["instances"].setToolTip(f"<p>{tip}</p>")
        if not self._chosen_by_user:
            for output, box in self.boxes.items():
                with QSignalBlocker(box):
                    box.setChecked(output == ("instances" if objects else "labels"))
        item = self.method.model().item(self.method.findData("dropout"))
        item.setEnabled(dropout)
        item.setToolTip(_METHODS["dropout"][1] if dropout else _NO_DROPOUT)
        if not dropout:
            self.method.setCurrentIndex(self.method.findData("flips"))
        self._update()

    def show_text(self, text: str) -> None:
        """Say what came out."""
        self._text.setText(text)
        self._text.setVisible(bool(text))

    def _on_box(self, _checked: bool) -> None:
        self._chosen_by_user = True
        self._update()

    def _update(self) -> None:
        ticked = any(box.isChecked() for box in self.boxes.values())
        reason = self._reason or ("" if ticked else "tick what to show as layers first.")
        no_image = "" if self.image.layer is not None else "open an image first."
        for scope, button in self.buttons.items():
            enable(button, reason or no_image, _SCOPES[scope][1])
        self._method_row.setVisible(self.boxes["uncertainty"].isChecked())
        self.objects.setVisible(self.boxes["instances"].isChecked())


def _is_image(layer: Layer) -> bool:
    return isinstance(layer, Image) and not is_result(layer)
