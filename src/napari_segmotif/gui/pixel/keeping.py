"""Keeping a classifier: saving, loading, and the same work as a Python script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtGui import QGuiApplication

from ...batch.recipe import ModelReference
from ...common.progress import CancelToken, Job
from ...errors import SegmotifError
from ...pixel.classifier import PixelClassifier
from ...pixel.filtering.features import PixelFeatures
from ..classes.entries import colors_of, names_of
from ..source_file import file_of
from .outputs import SEGMENTATION
from .panels.model_panel import ModelPanel
from .recipe import recipe_of
from .script import as_python
from .session import read
from .workbench import Workbench


class Keeping:
    """Starts the jobs behind the buttons of the model panel.

    Parameters
    ----------
    bench
        What to work with.
    panel
        Says where the classifier went to or came from.
    take_over
        Shows a classifier that was loaded in the form.
    """

    def __init__(
        self, bench: Workbench, panel: ModelPanel, take_over: Callable[[PixelClassifier], object]
    ) -> None:
        self._bench = bench
        self._panel = panel
        self._take_over = take_over

    def save(self, path: Path) -> None:
        """Save the classifier and, beside it, the recipe for `segmotif run`, in the background."""
        bench, session, entries = self._bench, self._bench.session, self._bench.table.entries
        source, outputs = bench.data.source, bench.train.outputs or (SEGMENTATION,)
        file = None if source is None else file_of(bench.data.image.layer, source.to_source())

        def job(cancel: CancelToken) -> Job[Path]:
            model = yield from session.save(path, entries)
            return recipe_of(session, model, file, outputs).save(recipe_path(Path(model.path)))

        def saved(recipe: Path) -> None:
            model = session.model_of(session.version)
            assert model is not None  # it was just saved
            bench.outputs.name_model(session.version, model)
            self._panel.show_text(
                f"Saved as {Path(model.path).name}. On the command line, `segmotif run {recipe.name} FILES` "
                "does the same to other files."
            )
            bench.say(f"Saved the classifier: {model.path}", "info")

        bench.start(
            job,
            "Save",
            with_last_strokes=True,
            on_result=saved,
            on_error=bench.say_error,
        )

    def load(self, path: Path) -> None:
        """Load a classifier, in the background: the form then shows its features, forest and classes."""
        bench = self._bench

        def loaded(found: tuple[PixelClassifier, ModelReference]) -> None:
            classifier = bench.session.adopt(*found)
            self._take_over(classifier)
            self._panel.show_text(f"Loaded {path.name}: {in_words(classifier)}.")
            bench.say("Loaded. Predict all segments the image; the next stroke trains anew.", "info")

        bench.start(lambda cancel: read(path), "Load", on_result=loaded, on_error=bench.say_error)

    def copy_as_python(self) -> str:
        """Put a script that does the same on the clipboard, and return it; "" where nothing is trained."""
        bench = self._bench
        try:
            intent = bench.intent()
            classifier = bench.session.require()
        except SegmotifError as error:
            bench.warn(str(error))
            return ""
        together = list(zip(bench.data.pairs, intent.pairs, strict=True))
        script = as_python(
            [file_of(layers.image, pair.image) for layers, pair in together],
            [file_of(layers.annotation, pair.image) for layers, pair in together],
            {
                "features": arguments_of(classifier.features),
                **classifier.parameters.model_dump(exclude_defaults=True),
            },
            names_of(bench.table.entries),
            colors_of(bench.table.entries),
        )
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(script)
        bench.say("Copied a Python script that trains, checks, predicts and saves.", "info")
        return script


def recipe_path(model: Path) -> Path:
    """Where the recipe of a saved model goes: "cells.recipe.json" beside "cells.segmotif"."""
    return model.with_suffix(".recipe.json")


def arguments_of(features: PixelFeatures) -> dict[str, Any]:
    """Return the arguments of PixelFeatures that give these features, without what is the default anyway."""
    default = PixelFeatures(dimensions=features.dimensions, sigma_unit=features.sigma_unit)
    arguments = features.model_dump(exclude_defaults=True)
    if features.enabled_pairs() == default.enabled_pairs():
        for name in ("families", "sigmas", "pairs"):
            arguments.pop(name, None)
    elif features.pairs is None:
        arguments |= {"families": features.families, "sigmas": features.sigmas}
    return arguments


def in_words(classifier: PixelClassifier) -> str:
    """Say what a classifier was trained on, and with what."""
    n_strokes = int(classifier.training_.stroke.max(initial=0))
    parts = [
        f"{len(classifier.training_.y):,} pixels in {n_strokes} strokes",
        f"{len(classifier.feature_names_)} features",
        f"{classifier.parameters.n_estimators} trees",
    ]
    return ", ".join(parts)
