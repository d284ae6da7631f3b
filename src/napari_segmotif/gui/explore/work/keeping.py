"""Keeping what was found: tables, plots, layers, features, scripts and recipes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from qtpy.QtGui import QGuiApplication

from ....errors import SegmotifError
from ....explore.tables import CLASS, CLUSTER
from .. import jobs
from ..bench import NO_TABLE, Bench
from ..findings import PREDICTED
from ..image.class_layer import show_column_image
from ..recipe import as_recipe, describe
from ..script import Work, as_python
from .classifying import Classifying
from .measuring import Measuring


class Keeping:
    """Starts the jobs behind the last section."""

    def __init__(self, bench: Bench, measuring: Measuring, classifying: Classifying) -> None:
        self._bench = bench
        self._measuring = measuring
        self._classifying = classifying
        panel = bench.form.keep
        panel.table_wanted.connect(self.save_table)
        panel.plot_wanted.connect(self.save_plot)
        panel.layer_wanted.connect(self.make_layer)
        panel.features_wanted.connect(self.give_features)
        panel.script_wanted.connect(self.copy_as_python)
        panel.recipe_wanted.connect(self.copy_recipe)
        panel.recipe_file_wanted.connect(self.save_recipe)

    def save_table(self, path: Path) -> None:
        """Write the table."""
        bench = self._bench

        def done(written: Path) -> None:
            bench.form.keep.said.say(f"Saved {written.name}.")
            bench.say(f"Saved the table: {written}")

        bench.start(partial(jobs.save_table, bench.table(), path), "Save table", on_result=done)

    def save_plot(self, path: Path) -> None:
        """Write the plot as it is seen."""
        bench = self._bench
        try:
            written = bench.views.save_plot(path)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        bench.form.keep.said.say(f"Saved {Path(written).name}.")
        bench.say(f"Saved the plot: {written}")

    def make_layer(self) -> None:
        """Make a layer in which every object has the number of its class, for each image of the table."""
        bench, column = self._bench, self._column()
        colors = None if column == CLUSTER else bench.form.classify.classes.colors
        recipe = as_recipe(self.work())
        sources = bench.views.sources()

        def done(images: list[NDArray[Any]]) -> None:
            for image, (_, source, _) in zip(images, sources, strict=True):
                show_column_image(bench.viewer, image, source, column, recipe=recipe, colors=colors)
            bench.say(f"Made a layer of the column “{column}”.")

        given = [(roi_id, source) for roi_id, source, _ in sources]
        bench.start(
            partial(jobs.paint, given, bench.table(), column),
            "Make a layer",
            on_result=done,
            layers=[layer for _, _, layer in sources],
        )

    def give_features(self) -> None:
        """Put the rows of each image into its labels layer."""
        bench, table = self._bench, self._bench.table()
        given = []
        for roi_id, _, layer in bench.views.sources():
            bench.views.set_features(layer, table[table["roi_id"] == roi_id])
            given.append(layer.name)
        bench.say(f"The table is in layer.features of {', '.join(f'“{name}”' for name in given)}.")

    def copy_as_python(self) -> str:
        """Put a script that does the same on the clipboard, and return it."""
        script = as_python(self.work())
        _copy(script)
        self._bench.say("Copied a Python script that does the same.")
        return script

    def copy_recipe(self) -> str:
        """Put the recipe on the clipboard, and return it."""
        text = json.dumps(as_recipe(self.work()), indent=2)
        _copy(text)
        lacking = "" if self._classifying.saved or self._bench.found.classifier is None else (
            " Save the classifier, too: the recipe names no file of it yet."
        )  # fmt: skip
        self._bench.say(f"Copied the recipe.{lacking}")
        return text

    def save_recipe(self, path: Path) -> None:
        """Write the recipe."""
        bench = self._bench
        try:
            describe(self.work()).save(path)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        bench.form.keep.said.say(
            f"On the command line, `segmotif run {path.name} FILES` does the same to others."
        )
        bench.say(f"Saved the recipe: {path}")

    def update(self) -> None:
        """Enable what can be kept, or say why not."""
        bench = self._bench
        no_table = "" if bench.session.table is not None else NO_TABLE
        linked = "" if bench.views.sources() else "the table is not linked to a labels layer of this viewer."
        no_column = "" if self._column() else "find clusters or give classes first."
        no_recipe = no_table or (
            "" if bench.found.properties or self._measuring.path else "measure objects first."
        )
        bench.form.keep.set_available(
            bench.busy or no_table,
            no_table or linked,
            bench.busy or no_table or linked or no_column,
            no_recipe,
        )

    def work(self) -> Work:
        """Say what was done so far, for scripts and recipes."""
        bench, found, panel = self._bench, self._bench.found, self._bench.form.classify
        return Work(
            files=self._measuring.files,
            table_path=self._measuring.path,
            axes=bench.form.objects.axes,
            properties=found.properties,
            maps={
                method: found.map_settings.get(method, {"n_components": len(made.names_)})
                for method, made in found.embeddings.items()
            },
            pruning=dict(found.pruning_settings) if found.pruned else {},
            clustering=dict(found.clustering_settings),
            clustering_columns=self._other_columns("clusters"),
            map_columns={
                method: columns
                for method in found.embeddings
                if (columns := self._other_columns(f"map:{method}"))
            },
            classifier=found.classifier,
            classes=self._classifying.picking.by_key(),
            class_names=panel.classes.names,
            method=panel.method.key,
            saved=self._classifying.saved,
        )

    def _other_columns(self, finding: str) -> tuple[str, ...]:
        """The features that something was made with, where those are not the ones in use now."""
        found = self._bench.found
        if not found.made_otherwise(finding, self._bench.session.table):
            return ()
        return found.made_with[finding]

    def _column(self) -> str:
        table = self._bench.session.table
        if table is None:
            return ""
        return next((name for name in (PREDICTED, CLASS, CLUSTER) if name in table), "")


def _copy(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
