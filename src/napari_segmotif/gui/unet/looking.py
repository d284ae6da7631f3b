"""Looking at what is chosen, beside everything else: which files go together, what the labels are."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from ...errors import SegmotifError
from ..runner import JobRunner
from . import work
from .examples import FolderExamples
from .form import UNetForm
from .work import Described

_AFTER_MS = 300
_AFTER_PAINTING_MS = 1000


class Looking(QObject):
    """Describes the labels, and what would be chosen automatically, whenever either may have changed.

    It has a runner of its own: it neither waits for a training nor holds one up.

    Parameters
    ----------
    parent
        The widget that napari docks.
    form
        Where the answers are shown.
    """

    def __init__(self, parent: QWidget, form: UNetForm) -> None:
        super().__init__(parent)
        self._form = form
        self._runner = JobRunner(parent, None)
        self._labels: Labels | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        form.data.changed.connect(self._on_data)
        form.data.kind_changed.connect(self._on_settings)
        form.data.folders.wanted.connect(self._find)
        form.settings.changed.connect(self._on_settings)
        form.settings.choices_wanted.connect(self._on_settings)
        self._on_data()

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._timer.isActive() or self._runner.busy

    def wait(self, timeout_s: float) -> bool:
        """Process events until all answers are there; False if the time ran out first."""
        if self._timer.isActive():
            self._timer.stop()
            self._look()
        return self._runner.wait(timeout_s)

    def close_down(self) -> None:
        """Stop looking and listening."""
        self._timer.stop()
        self._follow(None)
        self._runner.close()

    def _on_data(self) -> None:
        pairs = () if self._form.data.from_folders else self._form.data.layers.pairs
        self._follow(pairs[0].annotation if pairs else None)
        self._timer.start(_AFTER_MS)

    def _on_settings(self) -> None:
        if self._form.settings.choices.expanded:
            self._timer.start(_AFTER_MS)

    def _on_painted(self, _event: Any = None) -> None:
        self._timer.start(_AFTER_PAINTING_MS)

    def _follow(self, labels: Labels | None) -> None:
        """Hear of strokes on the labels that are described."""
        if labels is self._labels:
            return
        for layer, verb in ((self._labels, "disconnect"), (labels, "connect")):
            if layer is not None:
                for emitter in (layer.events.paint, layer.events.labels_update):
                    getattr(emitter, verb)(self._on_painted)
        self._labels = labels

    def _look(self) -> None:
        data, settings = self._form.data, self._form.settings
        try:
            examples = data.examples()
            parameters = settings.parameters() if settings.choices.expanded else None
        except SegmotifError as error:
            settings.say_choices(str(error))
            return
        self._runner.start(
            partial(work.look, examples, data.chosen_annotation, parameters),
            name="Look at the labels",
            on_partial=self._show,
            on_error=self._say,
        )

    def _find(self, images: Path, labels: Path) -> None:
        def failed(error: Exception) -> bool:
            self._form.data.folders.show_problem(str(error))
            return True

        def found(examples: FolderExamples) -> None:
            self._form.data.folders.show_found(examples)

        self._runner.start(
            partial(work.find_pairs, images, labels), name="Find files", on_result=found, on_error=failed
        )

    def _show(self, answer: object) -> None:
        if isinstance(answer, Described):
            self._form.data.show_described(answer)
        else:
            self._form.settings.show_choices(answer)

    def _say(self, error: Exception) -> bool:
        """What is wrong is said where it is looked for; a notification while choosing would be too much."""
        self._form.settings.say_choices(str(error))
        return True
