"""Measuring objects, and opening a table that was measured before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ....errors import InputError, SegmotifError
from .. import jobs
from ..bench import Bench
from ..findings import channels_of
from ..image.label_watch import LabelWatch
from ..inputs import LabelledImage, MeasuredFiles, files_of, take
from ..jobs import Measured
from ..panels.objects_panel import misfits
from ..words import count, measured_in_words

MEASURE = "Measure"


class Measuring:
    """Starts the jobs behind the first section.

    Parameters
    ----------
    bench
        What to work with.
    on_table
        Called when there is another table, with the map that is there at once, or None.
    """

    def __init__(self, bench: Bench, on_table: Callable[[Any], object]) -> None:
        self._bench = bench
        self._on_table = on_table
        self._watches: dict[str, LabelWatch] = {}
        self.files: tuple[MeasuredFiles, ...] = ()
        self.path: Path | None = None
        panel = bench.form.objects
        panel.changed.connect(self.update)
        panel.measure_clicked.connect(self.measure)
        panel.open_wanted.connect(self.open)
        panel.plot_clicked.connect(self.show_plot)
        bench.views.closed.connect(self.update)
        bench.runner.failed.connect(lambda _error: self._stop_watching())
        bench.runner.cancelled.connect(lambda _name: self._stop_watching())
        bench.session.stale_changed.connect(self._on_stale)
        bench.session.column_changed.connect(self._describe)

    def measure(self) -> None:
        """Measure what is chosen."""
        bench, panel = self._bench, self._bench.form.objects
        images, properties = panel.images, panel.properties
        try:
            if problem := panel.problem() or misfits(images):
                raise InputError(f"{problem.rstrip('.')} (got nothing to measure)")
            inputs = [take(image) for image in images]
        except SegmotifError as error:
            bench.warn(str(error))
            return
        files = tuple(files_of(image, taken) for image, taken in zip(images, inputs, strict=True))

        def done(measured: Measured) -> None:
            self.files, self.path = files, None
            watches, self._watches = self._watches, {}
            self._take(measured, images, properties, watches)

        layers = [layer for image in images for layer in image.layers]
        if bench.start(
            partial(jobs.measure, inputs, properties), MEASURE, on_result=done, layers=layers, guard=_always
        ):
            self._stop_watching()
            self._watches = {image.labels.name: LabelWatch(image.labels) for image in images}

    def open(self, path: Path) -> None:
        """Open a table, and link it to the labels layers that its `roi_id` names, or to those chosen."""

        def done(measured: Measured) -> None:
            self.files, self.path = (), path
            self._take(measured, self._named(measured), (), {})

        self._bench.start(partial(jobs.open_table, path), "Open", on_result=done, guard=_always)

    def show_plot(self) -> None:
        """Open the plot and the table at the bottom."""
        self._bench.views.open()
        self.update()

    def update(self) -> None:
        """Enable the buttons, or say why not."""
        bench = self._bench
        panel = bench.form.objects
        no_plot = bench.no_table() or ("they are open." if bench.views.dock is not None else "")
        panel.set_available(bench.busy or panel.problem(), bench.busy, no_plot)
        self._describe()

    def close_down(self) -> None:
        """Let go of the layers."""
        self._stop_watching()

    def _stop_watching(self) -> None:
        for watch in self._watches.values():
            watch.stop()
        self._watches = {}

    def _take(
        self,
        measured: Measured,
        images: Sequence[LabelledImage],
        properties: Sequence[str],
        watches: Mapping[str, LabelWatch],
    ) -> None:
        bench = self._bench
        bench.found.forget()
        bench.found.properties = tuple(properties)
        bench.session.set_table(measured.table)
        bench.views.attach(images, watches)
        self._on_table(measured.pca)
        n = count(bench.session.n, "object")
        if measured.pca is None:
            bench.say(f"{n}. {measured.message}", "warning")
        else:
            bench.say(f"{n}: each is a point below. Draw around points to see those objects in the image.")

    def _named(self, measured: Measured) -> tuple[LabelledImage, ...]:
        """The labels layers that a table is of: by name; a table of one image is of the chosen labels."""
        panel = self._bench.form.objects
        rois = list(measured.table["roi_id"].unique())
        layers = {layer.name: layer for layer in panel.labels.layers}
        named = tuple(
            LabelledImage(layers[roi], panel.axes_for(layers[roi])) for roi in rois if roi in layers
        )
        if not named and len(rois) == 1 and panel.current is not None:
            return (panel.current,)
        return named

    def _describe(self, _name: str = "") -> None:
        bench, panel = self._bench, self._bench.form.objects
        table = bench.session.table
        if table is None:
            bench.form.sections["objects"].set_summary("nothing measured yet")
            panel.say("")
            return
        text = measured_in_words(table, len(bench.found.columns(table)))
        bench.form.sections["objects"].set_summary(f"{text}{' · out of date' if bench.session.stale else ''}")
        channels = channels_of(table)
        where = f" Channels: {', '.join(channels)}." if channels else ""
        panel.say(f"Measured: {text}.{where}")

    def _on_stale(self, reason: str) -> None:
        self._bench.form.objects.say_stale(reason)
        self._describe()


def _always() -> bool:
    return True
