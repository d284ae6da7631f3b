"""The second step of the form: how many motifs, how long; all other settings under Advanced; and Run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ....errors import InputError
from ....motifs.parameters import MotifParameters
from ....motifs.results.findings import FitState
from ...controls import FloatControl, IntControl
from ...curve_plot import CurvePlot
from ...forms import form_for
from ...section import Section, enable, row, words
from ..words import PHASES, seconds_in_words

_SIMPLE = ("n_motifs", "motif_length", "frame_rate")
_LONGEST = 5000
_CURVE_POINTS = 400


class SettingsPanel(QWidget):
    """How to look for motifs, and the buttons that do.

    Signals
    -------
    changed
        A setting changed.
    run_clicked, preview_clicked
        The user asked for it.
    """

    changed = Signal()
    run_clicked = Signal()
    preview_clicked = Signal()

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        default = MotifParameters()
        self._frame_rate = default.frame_rate
        self._setting = False
        fields = MotifParameters.model_fields
        self._motifs = IntControl(1, 50, 1, "")
        self._motifs.setToolTip(f"<p>{fields['n_motifs'].description}</p>")
        self._frames = IntControl(2, _LONGEST, 1, "frames")
        self._seconds = FloatControl(0.0, 1e6, None, "s")
        self._seconds.box.setDecimals(3)
        for control in (self._frames, self._seconds):
            control.setToolTip(f"<p>{fields['motif_length'].description}</p>")
        self._advanced = form_for(MotifParameters, exclude=_SIMPLE)
        self._more = Section("Advanced", expanded=False)
        self._more.add(self._advanced)
        self._suggestion = words(dim=True)
        self._suggestion.hide()
        self._run = QPushButton("Find motifs")
        self._preview = QPushButton("Preview")
        self._phases = words(dim=True)
        self._phases.setTextFormat(Qt.TextFormat.RichText)
        self._phases.hide()
        self.curve = CurvePlot(self, napari_viewer)
        self.curve.set_labels("step", "loss")
        self._losses = Section("Loss", expanded=False)
        self._losses.add(self.curve)
        self._losses.hide()
        self._lay_out()
        self._motifs.changed.connect(self._on_change)
        self._frames.changed.connect(self._on_frames)
        self._seconds.changed.connect(self._on_seconds)
        self._advanced.changed.connect(lambda _values: self._on_change())
        self._advanced.valid_changed.connect(lambda _valid: self._on_change())
        self._run.clicked.connect(lambda _checked=False: self.run_clicked.emit())
        self._preview.clicked.connect(lambda _checked=False: self.preview_clicked.emit())
        self.set_parameters(default)

    def _lay_out(self) -> None:
        length = QHBoxLayout()
        length.setSpacing(5)
        length.addWidget(self._frames, 1)
        length.addWidget(QLabel("="))
        length.addWidget(self._seconds, 1)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(5)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("At most", self._motifs)
        form.addRow("Length", length)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(form)
        layout.addWidget(self._suggestion)
        layout.addWidget(self._more)
        layout.addLayout(row(self._run, self._preview))
        layout.addWidget(self._phases)
        layout.addWidget(self._losses)
        self._motifs.box.setSuffix(" motifs")

    # ---- settings

    @property
    def motif_length(self) -> int:
        """Longest motif in frames."""
        return int(self._frames.get())

    def parameters(self) -> MotifParameters:
        """Return all settings.

        Raises
        ------
        InputError
            Where one of them is not valid.
        """
        chosen = {
            "n_motifs": self._motifs.get(),
            "motif_length": self._frames.get(),
            "frame_rate": self._frame_rate,
        }
        if self._frame_rate <= 0:
            raise InputError(f"the frame rate must be more than 0 (got {self._frame_rate:g})")
        return MotifParameters(**{**self._advanced.values().model_dump(), **chosen})

    def set_parameters(self, parameters: MotifParameters) -> None:
        """Show settings; the frame rate is shown with the video."""
        self._advanced.set_values(parameters)
        self._motifs.set(parameters.n_motifs)
        self._frames.set(parameters.motif_length)
        self.set_frame_rate(self._frame_rate)

    def set_frame_rate(self, frame_rate: float) -> None:
        """Take over the video's frame rate: the frames stay, the seconds follow."""
        self._frame_rate = frame_rate
        self._show_seconds()

    def suggest_length(self, n_frames: int, use: bool) -> None:
        """Say that a fit found shorter motifs than were asked for; `use` is False where there is no need."""
        text = f"The motifs that were found fit into {n_frames} frames"
        self._suggestion.setText(f"{text} ({seconds_in_words(n_frames, self._frame_rate)})." if use else "")
        self._suggestion.setVisible(use)

    def _on_frames(self) -> None:
        self._show_seconds()
        self._on_change()

    def _on_seconds(self) -> None:
        if self._setting or self._frame_rate <= 0:
            return
        self._frames.set(max(2, min(_LONGEST, round(self._seconds.get() * self._frame_rate))))
        self._show_seconds()  # a whole number of frames

    def _show_seconds(self) -> None:
        if self._frame_rate <= 0:
            return
        self._setting = True
        try:
            self._seconds.set(self._frames.get() / self._frame_rate)
        finally:
            self._setting = False

    def _on_change(self) -> None:
        self.changed.emit()

    # ---- buttons and progress

    def set_available(self, reason: str) -> None:
        """Enable the buttons, or disable them and say why."""
        enable(self._run, reason, "Look for motifs in the whole video.")
        enable(
            self._preview,
            reason,
            "Look for motifs in a small part: what is in view, and the first frames. It takes seconds.",
        )

    def show_state(self, state: FitState) -> None:
        """Show how far a fit has come."""
        names = [f"<b>{name}</b>" if key == state.phase else name for key, name in PHASES.items()]
        self._phases.setText(" › ".join(names))
        self._phases.show()
        if len(state.losses) > 1:
            self.show_losses(state.losses)

    def show_losses(self, losses: Sequence[float] | np.ndarray) -> None:
        """Show the loss of every step."""
        values = np.asarray(losses, dtype=float)
        steps = np.arange(len(values))
        every = max(1, len(values) // _CURVE_POINTS)
        self.curve.set_curves({"loss": (steps[::every].tolist(), values[::every].tolist())})
        self._losses.setVisible(len(values) > 1)
        self._losses.set_summary(f"{values[-1]:.4g} after {len(values):,} steps" if len(values) else "")

    def start_progress(self) -> None:
        """Forget the curve of an earlier fit, and show that of the one that runs."""
        self.curve.clear()
        self._losses.hide()
        self._losses.set_expanded(True)
        self._suggestion.hide()

    def end_progress(self) -> None:
        """Show that nothing runs; the curve steps back."""
        self._phases.hide()
        self._losses.set_expanded(False)
