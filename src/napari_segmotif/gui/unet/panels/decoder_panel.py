"""How objects are made of what the network says: as its validation chose it, or changed by hand."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from ....errors import InputError
from ....unet.objects.decoding import Decoder, Method
from ...forms import ModelForm, form_for
from ...section import row

# What matters to a method, the things that are changed most first.
_FIELDS: dict[Method, tuple[str, ...]] = {
    "seeds": ("foreground_threshold", "minimum_size", "seed_threshold", "minimum_seed"),
    "votes": ("foreground_threshold", "minimum_size", "vote_distance", "vote_share", "vote_smoothing"),
    "components": ("foreground_threshold", "minimum_size", "split_touching", "split_depth"),
}


class DecoderPanel(QWidget):
    """A check box, and behind it the settings of the network's own way to make objects."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen = Decoder()
        self._form: ModelForm[Decoder] | None = None
        self.change = QCheckBox("Change how objects are made")
        self.change.setToolTip(
            "<p>Thresholds and the smallest object were chosen on the held-out part of the training. Change "
            "them where objects are missed, merged, cut apart, or too small to be any.</p>"
        )
        self.reset = QPushButton("As chosen in training")
        self.reset.setToolTip("Back to what was chosen on the held-out part of the training.")
        self._body = QWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.change)
        layout.addWidget(self._body)
        self._body_layout = QVBoxLayout(self._body)
        self._body_layout.setContentsMargins(16, 0, 0, 0)
        self._body_layout.addLayout(row(self.reset, QWidget(), stretch=1))
        self._body.hide()
        self.change.toggled.connect(self._body.setVisible)
        self.reset.clicked.connect(self._on_reset)

    @property
    def decoder(self) -> Decoder | None:
        """What the user wants, or None for what was chosen in training.

        Raises
        ------
        InputError
            If a setting is not valid.
        """
        if not self.change.isChecked() or self._form is None:
            return None
        wanted = self._form.values()
        return None if wanted == self._chosen else wanted

    def set_decoder(self, decoder: Decoder) -> None:
        """Start from the decoder of a network; changes made for the one before are dropped."""
        if self._form is not None and decoder == self._chosen:
            return
        if self._form is not None:
            self._body_layout.removeWidget(self._form)
            self._form.hide()
            self._form.deleteLater()
        self._chosen = decoder
        self._form = form_for(decoder, include=_FIELDS[decoder.method])
        self._body_layout.insertWidget(0, self._form)
        self.change.setChecked(False)

    def form_names(self) -> tuple[str, ...]:
        """Settings that are offered."""
        return _FIELDS[self._chosen.method]

    def show_wish(self, decoder: Decoder | None) -> None:
        """Show what is wanted, as if the user had set it."""
        if decoder is not None and (self._form is None or decoder.method != self._chosen.method):
            raise InputError(
                f"this network makes objects by {self._chosen.method!r}; train again for another way "
                f"(got {decoder.method!r})"
            )
        if self._form is not None:
            self._form.set_values(self._chosen if decoder is None else decoder)
        self.change.setChecked(decoder is not None)

    def _on_reset(self) -> None:
        if self._form is not None:
            self._form.set_values(self._chosen)
