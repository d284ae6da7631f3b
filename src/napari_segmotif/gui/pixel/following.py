"""Live: after each stroke the visible region follows; after each move of the view it is predicted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject

from ...errors import SegmotifError
from ..classes.entries import METADATA_KEY, starting_classes, with_labels
from ..layers import LayerSnapshot
from ..source_file import FileOfLayer, file_of
from ..view import visible_region
from .intent import Counted
from .live_region import Region
from .outputs import SEGMENTATION
from .recipe import describe
from .session import Followed, Shown
from .workbench import FOLLOWING, Workbench


class Following(QObject):
    """Runs the jobs that follow the user. They give way to every other job, and take up again after it.

    Parameters
    ----------
    bench
        What to work with.
    on_trained
        Called after the classifier was trained.
    """

    def __init__(self, bench: Workbench, on_trained: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._bench = bench
        self._on_trained = on_trained
        self._waiting = False
        bench.runner.busy_changed.connect(self._on_busy)
        bench.runner.cancelled.connect(self._on_cancelled)

    def follow(self) -> None:
        """Look at the annotation and the view as they are now."""
        self._start(self._bench.train.live)

    def show_once(self) -> None:
        """Predict what is visible, Live or not: somebody has just trained."""
        self._start(True)

    def _start(self, live: bool) -> None:
        bench = self._bench
        if bench.data.current_pair is None:
            return
        if bench.runner.busy and bench.asked_for:
            self._waiting = self._waiting or live
            return
        self._waiting = False
        try:
            intent = bench.intent()
        except SegmotifError as error:
            bench.say(str(error), "warning")
            return
        source = bench.data.source
        assert source is not None  # an intent has an image
        file = file_of(bench.data.image.layer, source.to_source())
        region = self._visible(source, live)
        outputs = bench.train.outputs
        session = bench.session
        bench.runner.start(
            lambda cancel: session.follow(intent, region, outputs=outputs, live=live, cancel=cancel),
            name=FOLLOWING,
            on_partial=lambda partial: self._show(partial, source, file),
            on_result=self._on_followed,
            on_error=bench.say_error,
            layers=bench.layers(),
        )

    def look(self) -> None:
        """The view moved: predict what it shows now, unless that is done already or Live is off."""
        bench = self._bench
        source = bench.data.source
        if not bench.train.live or not bench.session.fitted or source is None:
            return
        region = self._visible(source, True)
        known = bench.session.version, region, bench.train.outputs
        if region is not None and not bench.outputs.covers(source, *known):  # type: ignore[arg-type]
            self.follow()

    def _visible(self, source: LayerSnapshot, live: bool) -> Region | None:
        if self._bench.viewer.dims.ndisplay == 3:
            if live:
                self._bench.say("Live works in the 2D view; for the volume press Predict all.", "info")
            return None
        return visible_region(self._bench.viewer, source)

    def _show(self, partial: Any, source: LayerSnapshot, file: FileOfLayer) -> None:
        bench = self._bench
        if isinstance(partial, Counted):
            self.show_counts(partial)
        elif isinstance(partial, Shown):
            details: dict[str, Any] = {
                "coverage": "visible part",
                "n_trees": partial.prediction.n_trees,
            }
            recipe = describe(bench.session, partial.version, file, (SEGMENTATION,), **details)
            bench.outputs.show(
                partial.prediction,
                source,
                version=partial.version,
                entries=bench.table.entries,
                classes=partial.classes,
                recipe=recipe,
                whole=False,
            )

    def show_counts(self, counted: Counted) -> None:
        """Show what is painted; a label that was painted without being in the table gets a row."""
        table = self._bench.table
        entries = with_labels(table.entries, counted.in_view) or starting_classes()
        table.set_counts(counted.in_view)
        pair = self._bench.data.current_pair
        unnamed = pair is not None and METADATA_KEY not in pair.annotation.metadata
        if entries != table.entries or unnamed:  # a layer of somebody else takes the names and colours over
            table.set_entries(entries)
            table.changed.emit()

    def _on_followed(self, followed: Followed) -> None:
        if followed.problem:
            self._bench.say(followed.problem[:1].upper() + followed.problem[1:], "info")
        elif followed.trained:
            self._on_trained()
        if followed.partly:
            self._bench.say(
                "The view is too large to follow all of it: zoom in, or press Predict all.", "info"
            )

    def _on_cancelled(self, name: str) -> None:
        # Pushed aside by what the user asked for: the last stroke is still to be followed.
        self._waiting = self._waiting or (name == FOLLOWING and self._bench.asked_for)

    def _on_busy(self, busy: bool) -> None:
        if busy:
            return
        self._bench.asked_for = False
        if self._waiting:
            self._waiting = False
            self.follow()
