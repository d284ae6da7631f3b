"""What the widget's jobs have in common: the viewer, the session, the panels, and how to talk to the user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.notifications import show_warning

from ...common.axes import COLOR_NAMES
from ...common.progress import CancelToken, Job
from ...errors import AnnotationError, InputError, SegmotifError
from ..data_panel import DataPanel, PairOfLayers
from ..layers import LayerSnapshot, snapshot_image, snapshot_labels
from ..runner import JobRunner
from .copies import Copies
from .intent import Intent, Pair
from .outputs import OutputLayers
from .panels.class_table import ClassTable
from .panels.feature_grid import FeatureGrid
from .panels.train_panel import TrainPanel
from .session import Session
from .sparse import places_of

#: Larger annotations are copied in the worker thread: copying them here would be felt.
_COPIED_HERE_BYTES = 32 * 2**20


@dataclass
class Workbench:
    """The parts that the jobs work with; `say` shows a sentence, as "info", "warning" or "error".

    `asked_for` is True while a job that the user asked for runs, or waits for a following job to end:
    following must not push it aside.
    """

    viewer: Any
    session: Session
    runner: JobRunner
    outputs: OutputLayers
    data: DataPanel
    table: ClassTable
    grid: FeatureGrid
    train: TrainPanel
    say: Callable[[str, str], None]
    asked_for: bool = False
    copies: Copies = field(default_factory=Copies)

    def source(self) -> LayerSnapshot:
        """Return the chosen image as it is now.

        Raises
        ------
        InputError
            Where there is none, or it cannot be used.
        """
        self.data.refresh()
        source = self.data.source
        if source is None:
            raise InputError(f"{self.data.problem() or 'open an image first'} (got no image)")
        return source

    def intent(self) -> Intent:
        """Return a frozen description of what the user wants now.

        Raises
        ------
        InputError, AnnotationError
            Where no image and annotation that fit each other are chosen.
        """
        self.source()
        problem = self.data.problem()
        if problem:
            raise AnnotationError(problem)
        current, layers = self.data.current_pair, self.data.pairs
        if current is None:
            raise AnnotationError("choose an annotation layer, or press New annotation (got none)")
        view = next(i for i, p in enumerate(layers) if p.annotation is current.annotation)
        return Intent(
            tuple(self._pair(p, in_view=i == view) for i, p in enumerate(layers)),
            self.grid.features,
            self.table.entries,
            self.train.forest,
            view,
        )

    def _pair(self, layers: PairOfLayers, *, in_view: bool) -> Pair:
        image = snapshot_image(layers.image, layers.axes)
        data = layers.annotation.data
        names = COLOR_NAMES[: image.shape[-1]] if image.rgb else ()
        if isinstance(data, np.ndarray) and data.nbytes > _COPIED_HERE_BYTES:
            return Pair(image.to_source(), data.reshape(image.output_shape), names, painted_on=True)
        if in_view:
            return Pair(image.to_source(), snapshot_labels(layers.annotation, image).array, names)
        return Pair(image.to_source(), self.copies.of(layers.annotation, image), names)

    def layers(self) -> Sequence[Layer]:
        """Return the layers that a job on the training set depends on."""
        return [layer for pair in self.data.pairs for layer in (pair.image, pair.annotation)]

    def keep_adopted(self) -> None:
        """Keep a classifier that was loaded or selected until something else is painted than there is now."""
        if not self.session.adopted or self.data.current_pair is None:
            return
        with suppress(SegmotifError):  # whoever trains or predicts is told of it
            self.session.keep_until_painted(self.intent())

    def erase(self, label: int) -> list[str]:
        """Erase a class on every image that is trained on; return the names of the layers it was on."""
        erased = []
        for pair in self.data.pairs:
            where = places_of(np.asarray(pair.annotation.data), label)
            if len(where[0]):
                # data_setitem, so that undo brings the strokes back
                pair.annotation.data_setitem(where, 0)
                erased.append(pair.annotation.name)
        return erased

    def start(
        self,
        factory: Callable[[CancelToken], Job[Any]],
        name: str,
        *,
        with_last_strokes: bool = False,
        **options: Any,
    ) -> bool:
        """Start a job. One that merely follows the user gives way; another one has to be cancelled first.

        Parameters
        ----------
        factory
            Makes the job, in the worker thread.
        name
            What the user reads while it runs.
        with_last_strokes
            Whether, with Live on, the classifier is first trained on strokes that Live has not answered yet.
        **options
            Passed to the runner.
        """
        if with_last_strokes and self.train.live:
            factory = self._after_last_strokes(factory)
        following = self.runner.running_name == FOLLOWING
        options.setdefault("cancel_previous", following)
        started = self.runner.start(factory, name=name, **options)
        self.asked_for = self.asked_for or started
        if not started:
            self.say(f"“{self.runner.running_name}” is still running: cancel it first.", "warning")
        return started

    def _after_last_strokes(
        self, factory: Callable[[CancelToken], Job[Any]]
    ) -> Callable[[CancelToken], Job[Any]]:
        try:
            intent = self.intent()
        except SegmotifError:
            return factory  # no annotation is chosen: there are no strokes to wait for

        def job(cancel: CancelToken) -> Job[Any]:
            yield from self.session.catch_up(intent, cancel)
            return (yield from factory(cancel))

        return job

    def say_error(self, error: Exception) -> bool:
        """Show an error in the widget; the runner makes a notification of it."""
        self.say(str(error), "error")
        return False

    def warn(self, text: str) -> None:
        """Tell the user in a napari notification and in the widget that something cannot be done."""
        show_warning(text)
        self.say(text, "warning")


FOLLOWING = "Live"
