"""Train, stop, resume, train further: what the buttons of training start, and what they lead to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from ...common.progress import CancelToken, Job
from ...common.words import count, sentence
from ...errors import SegmotifError
from ...unet.learning.reports import EpochReport
from ...unet.parameters import Annotation
from ..classes.entries import colors_of
from ..layers import LayerSnapshot
from . import work
from .bench import Bench
from .keeping import files_of_training
from .preview import Preview
from .script import Network, TrainedOn
from .words import final_score, main_score, score

if TYPE_CHECKING:
    from ...unet.segmenter import UNetSegmenter

TRAIN, RESUME, FURTHER, JUDGE = "Train", "Resume", "Train further", "Judge the network"


@dataclass(frozen=True)
class _Scene:
    """Where the examples of a training are shown, and what a script of it says.

    Both are taken when it begins: other layers may be chosen while it runs.
    """

    sources: tuple[LayerSnapshot, ...]
    names: tuple[str, ...]
    annotation: Annotation
    colors: dict[int, str]
    trained_on: TrainedOn | None


class Trainer:
    """Starts the trainings, one at a time.

    Parameters
    ----------
    bench
        What to work with.
    preview
        Shows the example of every epoch.
    model
        Returns the present network, or None.
    network
        Returns what a script needs to know of the present network, or None.
    take_over
        Called with a network that was trained, and on what, where that is known.
    """

    def __init__(
        self,
        bench: Bench,
        preview: Preview,
        model: Callable[[], UNetSegmenter | None],
        network: Callable[[], Network | None],
        take_over: Callable[[UNetSegmenter, TrainedOn | None], object],
    ) -> None:
        self._bench = bench
        self._preview = preview
        self._model = model
        self._network = network
        self._take_over = take_over
        self._scene: _Scene | None = None  # of the training that runs
        self._home: tuple[UNetSegmenter, _Scene] | None = None  # a network that was trained here
        self._unjudged: UNetSegmenter | None = None
        bench.runner.cancelled.connect(self._on_cancelled)
        # One turn of the event loop later, as others hear of the end of the training, too.
        bench.runner.busy_changed.connect(lambda _busy: QTimer.singleShot(0, self._judge))

    @property
    def running(self) -> bool:
        """Whether a training runs."""
        return self._bench.runner.running_name in (TRAIN, RESUME, FURTHER)

    @property
    def about_to_judge(self) -> bool:
        """Whether a network that was stopped is judged next."""
        return self._unjudged is not None

    def train(self) -> None:
        """Train a new network."""
        self._begin(TRAIN, lambda wish, stop: partial(work.train, wish, stop))

    def train_further(self) -> None:
        """Go on from the present network, with the images that are chosen."""
        model = self._model()
        if model is not None:
            self._begin(FURTHER, lambda wish, stop: partial(work.fine_tune, model, wish, stop))

    def resume(self) -> None:
        """Go on where training was stopped."""
        bench, model = self._bench, self._model()
        if model is None or not model.can_resume:
            return
        stop = CancelToken()
        if self._home is not None and self._home[0] is model:
            scene = replace(self._home[1], trained_on=self._trained_on())
            self._run(RESUME, partial(work.resume, model, None, stop), stop, scene, model.history_)
            return
        try:  # a network out of a file knows its images no more
            wish, scene = self._wish(RESUME)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        self._run(RESUME, partial(work.resume, model, wish, stop), stop, scene, model.history_)

    def stop(self) -> None:
        """Finish now, and keep the best network so far."""
        if self.running and self._bench.runner.can_stop:
            self._bench.form.press_stop()

    def no_resume(self) -> str:
        """Why training cannot go on; "" where it can."""
        model = self._model()
        if model is None:
            return "train a network first."
        return "" if model.can_resume else "training was not stopped before its end."

    def close_down(self) -> None:
        """Let go of what was trained on."""
        self._scene = self._home = self._unjudged = None

    # ---- starting

    def _begin(
        self,
        name: str,
        make: Callable[[work.Wish, CancelToken], Callable[[CancelToken], Job[Any]]],
    ) -> None:
        stop = CancelToken()
        try:
            wish, scene = self._wish(name)
        except SegmotifError as error:
            self._bench.warn(str(error))
            return
        self._run(name, make(wish, stop), stop, scene, ())

    def _wish(self, name: str) -> tuple[work.Wish, _Scene]:
        """What is to be trained, frozen, where it is shown, and what a script of it says."""
        data, parameters = self._bench.form.data, self._bench.form.settings.parameters()
        examples = data.examples()
        wish = work.Wish(parameters, data.annotation, examples)
        on = files_of_training(self._bench)
        if on is not None and name != TRAIN:
            on = replace(on, start=self._network(), resumed=name == RESUME)
        colors = colors_of(examples.entries)
        return wish, _Scene(data.snapshots(), examples.names, data.annotation, colors, on)

    def _run(
        self,
        name: str,
        job: Callable[[CancelToken], Job[Any]],
        stop: CancelToken,
        scene: _Scene,
        reports: tuple[EpochReport, ...],
    ) -> None:
        bench = self._bench
        layers = [layer for source in scene.sources for layer in bench.layers_of(source)]
        if name != RESUME:
            layers += [layer for layer in bench.form.data.training_layers() if layer not in layers]
        started = bench.start(
            job,
            name,
            on_partial=self._on_partial,
            on_result=self._on_trained,
            on_error=self._on_error,
            layers=layers,
            stop=stop,
        )
        if started:
            self._scene = scene
            self._preview.start(scene.sources, scene.names, scene.annotation, scene.colors)
            bench.form.training.start(reports)
            bench.form.training.set_preview(False)

    # ---- hearing of it

    def _on_partial(self, partial_result: object) -> None:
        form = self._bench.form
        if isinstance(partial_result, EpochReport):
            form.training.show_report(partial_result)
            self._preview.show(partial_result)
            form.training.set_preview(self._preview.layer is not None)
        elif hasattr(partial_result, "reasons"):  # a Configuration, whose module need not be imported here
            form.settings.show_choices(partial_result)

    def _on_trained(self, segmenter: UNetSegmenter) -> None:
        form, scene = self._bench.form, self._scene
        if scene is not None:
            self._home = segmenter, scene
        self._scene = None
        self._take_over(segmenter, None if scene is None else scene.trained_on)
        self._preview.finish()
        text = trained_in_words(segmenter)
        messages = [sentence(message) for message in segmenter.messages_]
        form.training.end(" ".join([text, *messages]))
        self._bench.say(text, "warning" if segmenter.diverged_ else "info")
        self._unjudged = segmenter if segmenter.can_judge else None

    def _judge(self) -> None:
        """After a stop, find out what the network is worth; that may be cancelled, and nothing is lost."""
        if self._unjudged is None or self._bench.runner.busy:
            return
        segmenter, self._unjudged = self._unjudged, None
        if segmenter is self._model():
            self._bench.start(
                lambda cancel: segmenter.judge_job(cancel=cancel),
                JUDGE,
                on_result=partial(self._on_judged, self._trained_on()),
            )

    def _on_judged(self, trained_on: TrainedOn | None, segmenter: UNetSegmenter) -> None:
        if segmenter is self._model():
            self._take_over(segmenter, trained_on)
            self._bench.say(f"{trained_in_words(segmenter)} It was judged on what was held out: see Model.")

    def _trained_on(self) -> TrainedOn | None:
        """On what the present network was trained; asked before a job makes another of it."""
        network = self._network()
        return None if network is None else network.trained_on

    def _on_error(self, error: Exception) -> bool:
        self._end_without(str(error))
        return self._bench.say_error(error)

    def _on_cancelled(self, name: str) -> None:
        if name in (TRAIN, RESUME, FURTHER) and self._scene is not None:
            self._end_without("Cancelled: everything is as it was before.")
            self._bench.say("Cancelled: everything is as it was before.")

    def _end_without(self, text: str) -> None:
        """Nothing came of it: take the preview away, and show the network that there was before."""
        self._scene = None
        self._preview.clear()
        form, model = self._bench.form, self._model()
        form.training.show_history(() if model is None else model.history_)
        form.training.end(text)
        form.training.set_preview(False)


def trained_in_words(segmenter: UNetSegmenter) -> str:
    """Say how a training ended: after how many epochs, and how good."""
    history = segmenter.history_
    parts = []
    if segmenter.stopped_:
        parts.append(sentence(segmenter.stopped_))
    elif history:
        parts.append(f"Trained for {count(len(history), 'epoch')}.")
    kept = [report for report in history if report.is_best]  # the last one's weights are those of the model
    if kept and main_score(kept[-1])[1] == main_score(kept[-1])[1]:
        name, value = main_score(kept[-1])
        parts.append(f"Best validation {name}: {score(value)}, in epoch {kept[-1].epoch}.")
    final = final_score(segmenter.validation_)
    if not math.isnan(final):  # while it trains, objects are made in the usual way
        parts.append(f"With objects made as suits it best, on all that was held out: mean AP {score(final)}.")
    return " ".join(parts)
