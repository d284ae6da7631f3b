"""What the widget's jobs have in common: the viewer, the form, and how to talk to the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari.layers import Layer
from napari.utils.notifications import show_warning

from ...common.progress import CancelToken, Job
from ...errors import InputError
from ..layers import LayerSnapshot, find_layer
from ..runner import JobRunner
from ..source_file import FileOfLayer, file_of
from .form import UNetForm


@dataclass
class Bench:
    """The parts that the jobs work with."""

    viewer: Any
    runner: JobRunner
    form: UNetForm

    def source(self) -> LayerSnapshot:
        """Return the chosen image as it is now.

        Raises
        ------
        InputError
            Where there is none that can be used.
        """
        layers = self.form.data.layers
        layers.refresh()
        if layers.source is None:
            raise InputError(f"{layers.problem() or 'open an image first'} (got no image)")
        return layers.source

    def layer_of(self, source: LayerSnapshot) -> Layer | None:
        """Return the layer that a snapshot was taken of, while it is in the viewer."""
        return find_layer(self.viewer, source)

    def layers_of(self, source: LayerSnapshot) -> list[Any]:
        """Return the layers that a job on an image depends on."""
        layer = self.layer_of(source)
        return [] if layer is None else [layer]

    def file_of(self, source: LayerSnapshot) -> FileOfLayer:
        """Say where an image comes from."""
        return file_of(self.layer_of(source), source.to_source())

    def start(self, job: Callable[[CancelToken], Job[Any]], name: str, **options: Any) -> bool:
        """Start a job, unless another one runs; see JobRunner.start."""
        options.setdefault("on_error", self.say_error)
        started = self.runner.start(job, name=name, cancel_previous=False, **options)
        if not started:
            self.form.say(f"“{self.runner.running_name}” is still running: cancel it first.", "warning")
        return started

    def say(self, text: str, kind: str = "info") -> None:
        """Show a sentence in the footer; `kind` is "info", "warning" or "error"."""
        self.form.say(text, kind)

    def warn(self, text: str) -> None:
        """Tell the user in a napari notification and in the widget that something cannot be done."""
        show_warning(text)
        self.form.say(text, "warning")

    def say_error(self, error: Exception) -> bool:
        """Show an error in the widget; the runner makes a notification of it."""
        self.form.say(str(error), "error")
        return False
