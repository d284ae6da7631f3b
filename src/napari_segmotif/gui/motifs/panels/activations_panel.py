"""When each motif was played: traces or a raster over time, with zoom, a cursor and jumps to a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ...layers import unwrapped
from ...section import DIM, row
from ...teardown import teardown_on_close
from ..plots.activation_plot import RASTER, TRACES, ActivationPlot
from ..plots.motif_rows import rows_of
from ..plots.scrolled import EDGE, scrolled
from ..plots.time_axis import TimeAxis
from ..plots.time_window import TimeWindow

_NOTHING = "no motifs yet"
_NONE_FOUND = "no motif was found"
_LOWEST = 190  # pixels; more motifs are scrolled


class ActivationsPanel(QWidget):
    """A row a motif, over a common time axis.

    The wheel zooms, dragging moves along, a double click shows everything. A line marks the current frame.

    Parameters
    ----------
    napari_viewer
        The viewer whose theme, and whose time slider (its first axis), are followed; None follows neither.
    follow_dims
        Whether the slider is followed; if not, call `set_current_frame`.
    parent
        Qt parent.

    Signals
    -------
    frame_clicked
        The user clicked an occurrence, or beside one a frame: go there.
    """

    frame_clicked = Signal(int)

    def __init__(
        self, napari_viewer: Any = None, *, follow_dims: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.window_ = TimeWindow(self)
        self.plot = ActivationPlot(self.window_, napari_viewer)
        self.plot.set_rows((), _NOTHING)
        self.axis = TimeAxis(self.window_, self.plot, napari_viewer)
        self._frame: int | None = None
        self._dims: Any = None
        self._modes = QButtonGroup(self)
        buttons = [self._mode_button(mode) for mode in (TRACES, RASTER)]
        self._all = QPushButton("Show all")
        self._all.setToolTip("Show the whole video. A double click on the plot does the same.")
        self._place = QLabel()
        self._place.setStyleSheet(DIM)
        self._place.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._scroll = scrolled(self.plot)
        buttons[0].setChecked(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row(*buttons, self._all, self._place, stretch=3))
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.axis)

        self.plot.frame_clicked.connect(self.frame_clicked)
        self.axis.clicked.connect(lambda place: self.frame_clicked.emit(self.axis.frame_at(place.x())))
        self.window_.changed.connect(self._on_window)
        self._all.clicked.connect(lambda _checked=False: self.window_.reset())
        self._on_window()
        if napari_viewer is not None and follow_dims:
            self._dims = unwrapped(napari_viewer).dims
            self._dims.events.current_step.connect(self._on_step)
            teardown_on_close(self, napari_viewer, self.close_down, delete=False)
            self._on_step()

    def _mode_button(self, mode: str) -> QPushButton:
        button = QPushButton(mode.capitalize())
        button.setCheckable(True)
        tips = {
            TRACES: "How probable it is that a motif begins, from 0 to 1.",
            RASTER: "When each motif begins.",
        }
        button.setToolTip(tips[mode])
        button.toggled.connect(lambda checked: self._set_mode(mode) if checked else None)
        self._modes.addButton(button)
        return button

    def _set_mode(self, mode: str) -> None:
        self.plot.set_mode(mode)
        self._fit()

    def _fit(self) -> None:
        """Few motifs are seen without scrolling, however low the dock is."""
        self._scroll.setMinimumHeight(min(self.plot.minimumHeight() + EDGE, _LOWEST))

    def showEvent(self, event: Any) -> None:
        """Follow the font, which napari's theme has set by now (called by Qt)."""
        super().showEvent(event)
        self._fit()

    def show_result(self, model: Any, colors: Sequence[str]) -> None:
        """Show when each motif was played.

        Parameters
        ----------
        model
            A fitted LeMoNADe or SparseConvolutionalCoding.
        colors
            "#rrggbb", one per motif.
        """
        rows = rows_of(model, colors)
        n_frames = model.activations_.shape[1] if rows else 0
        self.window_.set_video(n_frames, model.parameters.frame_rate)
        self.plot.set_rows(rows, _NONE_FOUND)
        self._fit()
        self._show_place()

    def clear(self) -> None:
        """Show nothing."""
        self.window_.set_video(0, 1.0)
        self.plot.set_rows((), _NOTHING)
        self._fit()
        self._show_place()

    def set_current_frame(self, frame: int) -> None:
        """Move the cursor to a frame; what is in view moves with it."""
        if frame == self._frame:
            return
        self._frame = int(frame)
        window = self.window_
        if window.n_frames and not window.low <= frame <= window.high:
            window.move(frame - window.span / 2)
        for plot in (self.plot, self.axis):
            plot.set_current_frame(self._frame)
        self._show_place()

    def _show_place(self) -> None:
        shown = self._frame is not None and self.window_.n_frames > 0
        frame = f"frame {self._frame:,}" if shown else ""
        both = f"{self.window_.seconds(self._frame or 0):.2f} s · {frame}" if shown else ""
        fits = self._place.fontMetrics().horizontalAdvance(both) <= self._place.width()
        self._place.setText(both if fits else frame)
        self._place.setToolTip(both)

    def resizeEvent(self, event: Any) -> None:
        """Say the current frame as fully as there is room for (called by Qt)."""
        super().resizeEvent(event)
        self._show_place()

    def _on_window(self) -> None:
        self._all.setEnabled(not self.window_.is_whole)

    def close_down(self) -> None:
        """Stop following the viewer."""
        if self._dims is not None:
            self._dims.events.current_step.disconnect(self._on_step)
            self._dims = None

    def _on_step(self, event: Any = None) -> None:
        step: Sequence[int] = () if self._dims is None else self._dims.current_step
        if len(step) > 2:
            self.set_current_frame(int(step[0]))
