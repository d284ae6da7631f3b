"""What the widget's jobs have in common: the viewer, the form, and how to talk to the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.notifications import show_warning
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job
from ...errors import InputError, SegmotifError
from ..layers import LayerSnapshot, find_layer
from ..runner import JobRunner
from ..source_file import FileOfLayer, file_of
from .form import MotifForm
from .found import Found


@dataclass(frozen=True)
class Shown:
    """A result, and the video that it was found in."""

    found: Found
    source: LayerSnapshot
    file: FileOfLayer


@dataclass
class Bench:
    """The parts that the jobs work with."""

    viewer: Any
    runner: JobRunner
    form: MotifForm

    def source(self) -> LayerSnapshot:
        """Return the chosen video as it is now.

        Raises
        ------
        InputError
            Where there is none that can be used.
        """
        self.form.video.refresh()
        source = self.form.video.source
        if source is None:
            raise InputError(self.form.video.problem)
        return source

    def problem(self) -> str:
        """Say why no motifs can be looked for with this video and these settings; "" where they can."""
        form = self.form
        source = form.video.source
        if source is None:
            return form.video.problem
        n_frames, length = source.shape[0], form.settings.motif_length
        if length >= n_frames:
            return f"motifs must be shorter than the video: choose a smaller length (got {n_frames} frames)"
        try:
            form.settings.parameters()
        except SegmotifError as error:
            return str(error)
        return ""

    def cells(self, source: LayerSnapshot) -> NDArray[Any] | None:
        """Return a copy of the chosen cells; None, and say why in the form, where there are none that fit."""
        layer = self.form.cell_layer.layer
        if layer is None:
            return None
        data = layer.data[0] if layer.multiscale else layer.data
        if tuple(data.shape) != source.shape[1:]:
            self.form.cells_said.setText(
                f"“{layer.name}” does not fit: cells need one number for each pixel of a frame, "
                f"{source.shape[1]} × {source.shape[2]} (got shape {tuple(data.shape)})."
            )
            return None
        return np.array(data)

    def layers_of(self, source: LayerSnapshot) -> list[Any]:
        """Return the layers that a job on a video depends on."""
        layer = find_layer(self.viewer, source)
        return [] if layer is None else [layer]

    def file_of(self, source: LayerSnapshot) -> FileOfLayer:
        """Say where a video comes from."""
        return file_of(find_layer(self.viewer, source), source.to_source())

    def start(self, job: Callable[[CancelToken], Job[Any]], name: str, **options: Any) -> bool:
        """Start a job, unless another one runs; see JobRunner.start."""
        started = self.runner.start(
            job, name=name, on_error=self._say_error, cancel_previous=False, **options
        )
        if not started:
            self.form.say(f"“{self.runner.running_name}” is still running: cancel it first.", "warning")
        return started

    def warn(self, text: str) -> None:
        """Tell the user in a napari notification and in the widget that something cannot be done."""
        show_warning(text)
        self.form.say(text, "warning")

    def _say_error(self, error: Exception) -> bool:
        """Show an error in the widget; the runner makes a notification of it."""
        self.form.say(str(error), "error")
        return False
