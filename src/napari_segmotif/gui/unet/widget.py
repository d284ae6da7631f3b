"""The U-Net segmenter: the docked widget. It connects the form to the jobs."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QApplication, QSizePolicy, QVBoxLayout, QWidget

from ...common.words import count
from ...errors import SegmotifError
from ..results import add_annotation
from ..runner import JobRunner
from ..teardown import teardown_on_close
from .bench import Bench
from .form import UNetForm
from .looking import Looking
from .preview import Preview
from .script import TrainedOn
from .trainer import Trainer
from .using import Using
from .words import ANNOTATIONS, final_score, main_score, score

if TYPE_CHECKING:
    from ...unet.segmenter import UNetSegmenter

PREDICT = "Predict"
_WAIT = "wait until what is running is done."


class UNetSegmenterWidget(QWidget):
    """Train a network on annotated images, watch it learn, and segment others with it.

    Parameters
    ----------
    napari_viewer
        The viewer that the widget is docked in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.segmenter: UNetSegmenter | None = None
        self.runner = JobRunner(self, napari_viewer)
        self.form = UNetForm(napari_viewer, self.runner)
        self.bench = Bench(napari_viewer, self.runner, self.form)
        self.preview = Preview(napari_viewer)
        self.trainer = Trainer(
            self.bench,
            self.preview,
            lambda: self.segmenter,
            lambda: self.using.keeping.network(),
            self._on_trained,
        )
        self.using = Using(self.bench, self.form.use, lambda: self.segmenter, self._take_over)
        self._image_id, self._running = "", ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        # Else napari puts a stretch below the form, which would take half of the dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._connect()
        self.looking = Looking(self, self.form)
        teardown_on_close(self, napari_viewer, self._close_down)
        self._on_data()

    # ---- what scripts call

    def train(self) -> None:
        """Train a new network on what is chosen."""
        self.trainer.train()

    def new_labels(self) -> Labels | None:
        """Make a layer for the chosen image, ready to paint objects or strokes in."""
        try:
            source = self.bench.source()
            layer = add_annotation(self.viewer, source, name=f"{source.name} · labels")
        except SegmotifError as error:
            self.bench.warn(str(error))
            return None
        layer.data = np.zeros(layer.data.shape, np.int32)  # objects may have large numbers
        self.form.data.layers.annotation.choose(layer)
        self.form.say("Paint each object with a number of its own (M: the next one), or strokes of classes.")
        return layer

    def train_on_folders(self, images: Path, labels: Path) -> None:
        """Choose two folders of files with matching names to train on."""
        self.form.data.set_from_folders(True)
        self.form.data.folders.set_folders(images, labels)

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Process events until nothing runs and all is shown; False if the time ran out first."""
        deadline = time.monotonic() + timeout_s
        while (
            self.runner.busy or self.trainer.about_to_judge or self.looking.busy or self.using.outputs.pending
        ):
            if time.monotonic() > deadline:
                return False
            QApplication.processEvents()
            time.sleep(0.002)
        return True

    # ---- wiring

    def _connect(self) -> None:
        form, trainer = self.form, self.trainer
        form.data.changed.connect(self._on_data)
        form.data.kind_changed.connect(self._update)
        form.data.layers.annotation_wanted.connect(self.new_labels)
        form.settings.changed.connect(self._update)
        form.training.train_clicked.connect(trainer.train)
        form.training.stop_clicked.connect(trainer.stop)
        form.training.resume_clicked.connect(trainer.resume)
        form.training.tune_clicked.connect(trainer.train_further)
        form.training.preview_toggled.connect(self._on_preview)
        form.training.go_clicked.connect(self.preview.go_to)
        form.use.predict.image.chosen.connect(self._update)
        self.runner.busy_changed.connect(self._update)
        self.runner.started.connect(self._on_started)
        self.runner.finished.connect(self._on_finished)
        self.runner.progress.connect(self._update_stop)

    def _on_data(self) -> None:
        form = self.form
        source = form.data.layers.source
        if form.data.from_folders:
            form.settings.set_has_planes(None)
        elif source is not None and source.layer_id + source.axes != self._image_id:
            self._image_id = source.layer_id + source.axes
            form.settings.set_has_planes("Z" in source.axes)
        problem = form.data.problem()
        if not self.runner.busy:
            form.say(f"{problem[:1].upper()}{problem[1:]}" if problem else "Press Train.")
        self._update()

    def _on_preview(self, wanted: bool) -> None:
        self.preview.set_wanted(wanted)
        self.form.training.set_preview(self.preview.layer is not None)

    def _on_started(self, name: str) -> None:
        self._running = name

    def _on_finished(self, _result: object) -> None:
        if self._running == PREDICT:  # something better is there now
            self.preview.clear()
            self.form.training.set_preview(False)

    def _on_trained(self, segmenter: UNetSegmenter, trained_on: TrainedOn | None) -> None:
        self._take_over(segmenter)
        if trained_on is not None:
            self.using.keeping.note_training(trained_on)

    def _take_over(self, segmenter: UNetSegmenter) -> None:
        """Make a network the present one: it was trained or loaded."""
        self.segmenter = segmenter
        self.form.settings.show_choices(segmenter.configuration_)
        self.form.training.show_history(segmenter.history_)
        self.using.show_model()
        self._update()

    # ---- state

    def _update(self, *_: object) -> None:
        """Enable what can be done now, say why of the rest, and write the summaries."""
        form, model = self.form, self.segmenter
        busy = _WAIT if self.runner.busy else ""
        form.training.set_available(
            no_training=busy or form.data.problem() or self._settings_problem(),
            no_stop=self._no_stop(),
            no_resume=busy or self.trainer.no_resume(),
            no_tuning=busy or ("" if model is not None else "train or load a network first."),
        )
        self.using.update(busy)
        form.sections["data"].set_summary(self._data_in_words())
        form.sections["train"].set_summary(self._model_in_words())

    def _update_stop(self, _progress: object) -> None:
        self.form.training.set_stoppable(self._no_stop())

    def _no_stop(self) -> str:
        if not self.trainer.running:
            return "nothing is being trained."
        return "" if self.runner.can_stop else "it is being stopped already."

    def _settings_problem(self) -> str:
        try:
            self.form.settings.parameters()
        except SegmotifError as error:
            return str(error)
        return ""

    def _data_in_words(self) -> str:
        data = self.form.data
        if data.problem():
            return "nothing to train on yet"
        if data.from_folders:
            examples = data.folders.examples
            n_pairs = 0 if examples is None else len(examples.pairs)
        else:
            n_pairs = len(data.layers.pairs)
        return f"{count(n_pairs, 'image')} · {ANNOTATIONS[data.annotation][0].lower()}"

    def _model_in_words(self) -> str:
        if self.segmenter is None:
            return "not trained yet"
        final = final_score(self.segmenter.validation_)
        if not math.isnan(final):
            return f"trained · mean AP {score(final)}"
        scores = [main_score(report) for report in self.segmenter.history_]
        known = [(value, name) for name, value in scores if value == value]
        return f"trained · {max(known)[1]} {score(max(known)[0])}" if known else "trained"

    def _close_down(self) -> None:
        self.runner.close()
        self.looking.close_down()
        self.trainer.close_down()
        self.using.close_down()
        self.preview.forget()
        self.form.close_down()
        self.segmenter = None
