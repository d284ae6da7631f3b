"""Measuring objects, and opening a table that was measured before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from napari.layers import Image, Labels

from ....common.words import count
from ....errors import InputError, SegmotifError
from ....explore.tables import CLASS, table_info
from ...classes.entries import renamed
from .. import jobs
from ..bench import Bench
from ..findings import channels_of
from ..image.label_watch import LabelWatch
from ..inputs import LabelledImage, MeasuredFiles, files_of, labels_axes, pairing_of, take
from ..jobs import Measured
from ..kept_classes import KeptClasses, keep_classes
from ..panels.object_classes import entries_for
from ..panels.objects_panel import misfits
from ..table_links import Candidate, TableLink
from ..words import measured_in_words

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
        pairing = pairing_of(inputs)
        files = tuple(map(files_of, images, inputs, pairing.orders))
        named = {one.labels.name: image for one, image in zip(inputs, images, strict=True)}

        def done(measured: Measured) -> None:
            self.files, self.path = files, None
            watches, self._watches = self._watches, {}
            table, kept = self._with_classes(measured.table, named)
            from_clusters = bench.found.from_clusters and kept.n_kept > 0
            self._take(replace(measured, table=table), named, properties, watches)
            bench.found.from_clusters = from_clusters
            self._say(measured, [kept.message], [pairing.message])

        layers = [layer for image in images for layer in image.layers]
        if bench.start(
            partial(jobs.measure, inputs, properties), MEASURE, on_result=done, layers=layers, guard=_always
        ):
            self._stop_watching()
            self._watches = {name: LabelWatch(image.labels) for name, image in named.items()}

    def open(self, path: Path) -> None:
        """Open a table, and link it to the labels layers that its `roi_id` names, or to those chosen."""
        panel = self._bench.form.objects
        layers = {layer.name: layer for layer in panel.labels.layers if isinstance(layer, Labels)}
        chosen = panel.current

        def done(measured: Measured) -> None:
            self.files, self.path = (), path
            links = [link for link in measured.links if layers[link.layer] in panel.labels.layers]
            images = {
                link.roi_id: LabelledImage(
                    layers[link.layer], link.axes, self._channels(layers[link.layer], link.axes)
                )
                for link in links
                if link.fits
            }
            info = table_info(measured.table)
            self._take(measured, images, () if info is None else info.properties, {})
            self._call(measured.class_names)
            self._say(measured, measured.notes, [self._judge(link) for link in links])

        job = partial(
            jobs.open_table,
            path,
            candidates=[self._candidate(layer) for layer in layers.values() if labels_axes(layer)],
            chosen="" if chosen is None else chosen.labels.name,
        )
        self._bench.start(job, "Open", on_result=done, guard=_always)

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
        images: Mapping[str, LabelledImage],
        properties: Sequence[str],
        watches: Mapping[str, LabelWatch],
    ) -> None:
        bench = self._bench
        bench.found.forget()
        bench.found.properties = tuple(properties)
        bench.session.set_table(measured.table)
        bench.views.attach(images, watches)
        self._on_table(measured.pca)
        mapped = bench.found.map_columns(bench.table(), "pca")[:2]
        if measured.pca is None and len(mapped) == 2:  # the table came with its map
            bench.views.show_columns(*mapped)

    def _say(self, measured: Measured, notes: Sequence[str], warnings: Sequence[str]) -> None:
        """Say how many objects there are, and what is to be known about them; warnings go first."""
        bench = self._bench
        warnings = [text for text in (measured.message, *warnings) if text]
        text = f"{count(bench.session.n, 'object')}: each is a point below."
        if warnings:
            text = f"{count(bench.session.n, 'object')}. {' '.join(warnings)}"
        more = [note for note in notes if note]
        if not warnings and not more:
            more = ["Draw around points to see those objects in the image."]
        bench.say(" ".join([text, *more]), "warning" if warnings else "info")

    def _with_classes(
        self, table: pd.DataFrame, named: Mapping[str, LabelledImage]
    ) -> tuple[pd.DataFrame, KeptClasses]:
        """The table with the classes that were picked in the present one, where its objects are the same."""
        bench = self._bench
        names = {
            roi: name
            for roi, image in bench.views.images().items()
            for name, now in named.items()
            if now.labels is image.labels
        }
        kept = keep_classes(bench.session.table, table, names)
        return (table.assign(**{CLASS: kept.classes}) if kept.n_kept else table), kept

    def _call(self, names: Mapping[int, str]) -> None:
        """Call the classes as a table does that was opened."""
        if names:
            table = self._bench.form.classify.classes
            entries = entries_for([*table.names, *names], table.entries)
            for class_id, name in names.items():
                entries = renamed(entries, class_id, name=name)
            table.set_entries(entries)
            table.changed.emit()

    def _candidate(self, layer: Labels) -> Candidate:
        likeliest = self._bench.form.objects.axes_for(layer)
        others = [axes for axes in labels_axes(layer) if axes != likeliest]
        return Candidate(layer.name, layer.data[0] if layer.multiscale else layer.data, (likeliest, *others))

    def _channels(self, layer: Labels, axes: str) -> tuple[Image, ...]:
        """The channels that are checked, where the layer is the one chosen."""
        chosen = self._bench.form.objects.current
        return chosen.images if chosen and chosen.labels is layer and chosen.axes == axes else ()

    def _judge(self, link: TableLink) -> str:
        """Say what does not fit between the table and a layer, and mark the table so."""
        if not link.problem:
            return ""
        if link.fits:
            self._bench.session.mark_stale(link.problem)
            return link.problem
        return f"{link.problem} The table is not linked to it: is it of another image?"

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
