"""Keeping a network: saving, loading, exporting, importing, and the same work as a script or a recipe."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QGuiApplication

from ...batch.model_recipe import ModelReference
from ...errors import SegmotifError
from ..layers import snapshot_image
from ..source_file import FileOfLayer, file_of
from . import applying
from .bench import Bench
from .outputs import Outputs
from .panels.keep_panel import KeepPanel
from .panels.predict_panel import PredictPanel
from .recipe import describe
from .script import Network, TrainedOn, as_python

if TYPE_CHECKING:
    from ...unet.segmenter import UNetSegmenter
    from ...unet.trained import TrainedUNet


class Keeping:
    """Starts the jobs behind the buttons of the keep panel, and knows in which file a network is.

    Parameters
    ----------
    bench
        What to work with.
    panel
        Says where the network went to or came from.
    predict
        Says what is wanted of a network, and of which image.
    outputs
        The result layers: their recipes name the file.
    model
        Returns the present network, or None.
    take_over
        Called with a network that was loaded.
    """

    def __init__(
        self,
        bench: Bench,
        panel: KeepPanel,
        predict: PredictPanel,
        outputs: Outputs,
        model: Callable[[], UNetSegmenter | None],
        take_over: Callable[[UNetSegmenter], object],
    ) -> None:
        self._bench = bench
        self._panel = panel
        self._predict = predict
        self._outputs = outputs
        self._model = model
        self._take_over = take_over
        self._saved: tuple[weakref.ref[TrainedUNet], ModelReference] | None = None
        self._trained_on: tuple[weakref.ref[TrainedUNet], TrainedOn] | None = None

    def note_training(self, trained_on: TrainedOn) -> None:
        """Remember on which files, and from what on, the present network was trained, for scripts."""
        segmenter = self._model()
        if segmenter is not None:
            self._trained_on = weakref.ref(segmenter.model_), trained_on

    def saved(self) -> ModelReference | None:
        """Return the file of the present network, where it is in one."""
        return self._of_present(self._saved)

    def trained_on(self) -> TrainedOn | None:
        """Return the files that the present network was trained on here."""
        return self._of_present(self._trained_on)

    def network(self) -> Network | None:
        """Return what a script needs to know of the present network, before it is trained further."""
        segmenter, saved = self._model(), self.saved()
        if segmenter is None:
            return None
        return Network.of(segmenter.model_, self.trained_on(), None if saved is None else saved.path)

    def _of_present(self, noted: tuple[weakref.ref[TrainedUNet], Any] | None) -> Any:
        segmenter = self._model()
        if segmenter is None or noted is None or noted[0]() is not segmenter.model_:
            return None
        return noted[1]

    # ---- files

    def save(self, path: Path) -> None:
        """Save the network and, beside it, the recipe for `segmotif run`, in the background."""
        bench, segmenter = self._bench, self._model()
        if segmenter is None:
            return
        model = segmenter.model_
        recipe = describe(model, self._image(), self._predict.wish)

        def written(result: tuple[ModelReference, Path]) -> None:
            file, recipe_path = result
            self._saved = weakref.ref(model), file
            if self._trained_on is not None:
                noted, trained_on = self._trained_on
                self._trained_on = noted, trained_on.without_file(file.path)
            self._outputs.name_model(model, file)
            self._panel.show_text(
                f"Saved as {Path(file.path).name}. On the command line, `segmotif run {recipe_path.name} "
                "FILES` does the same to other files."
            )
            bench.say(f"Saved the network: {file.path}")

        bench.start(partial(applying.save, segmenter, path, recipe), "Save", on_result=written)

    def load(self, path: Path) -> None:
        """Load a network, in the background: the form then shows it and its settings."""

        def loaded(result: tuple[UNetSegmenter, ModelReference]) -> None:
            segmenter, file = result
            self._saved = weakref.ref(segmenter.model_), file
            self._adopt(segmenter, f"Loaded {path.name}.")

        self._bench.start(partial(applying.load, path, self._device()), "Load", on_result=loaded)

    def take_in(self, path: Path) -> None:
        """Import a network out of a bioimage.io package, in the background."""

        def loaded(segmenter: UNetSegmenter) -> None:
            self._adopt(segmenter, f"Imported {path.name}.")

        self._bench.start(partial(applying.take_in, path, self._device()), "Import", on_result=loaded)

    def _adopt(self, segmenter: UNetSegmenter, text: str) -> None:
        self._bench.form.settings.set_parameters(segmenter.parameters)
        self._take_over(segmenter)
        self._panel.show_text(text)
        self._bench.say(f"{text} Predict segments an image with it; Train further goes on from it.")

    def export(self, kind: str, path: Path) -> None:
        """Write the network for other programs, in the background."""
        bench, segmenter = self._bench, self._model()
        if segmenter is None:
            return

        def written(result: Path) -> None:
            self._panel.show_text(f"Written: {result.name}. What it says was compared with the original.")
            bench.say(f"Wrote {result}")

        bench.start(partial(applying.export, segmenter, kind, path), "Export", on_result=written)

    # ---- the clipboard

    def copy_as_python(self) -> str:
        """Put a script that does the same on the clipboard, and return it; "" where nothing is trained."""
        segmenter, wish = self._model(), self._predict.wish
        if segmenter is None:
            return ""
        saved = self.saved()
        model = segmenter.model_
        script = as_python(
            model,
            self.trained_on(),
            None if saved is None else saved.path,
            self._image(),
            wish.outputs or ("instances" if model.heads.objects else "labels",),
            augment=wish.augment,
            uncertainty=wish.uncertainty,
            decoder=wish.decoder,
        )
        _copy(script)
        self._bench.say("Copied a Python script that does the same.")
        return script

    def copy_recipe(self) -> str:
        """Put the recipe on the clipboard, and return it; "" where nothing is trained."""
        segmenter = self._model()
        if segmenter is None:
            return ""
        saved = self.saved()
        recipe = describe(segmenter.model_, self._image(), self._predict.wish, saved)
        text = recipe.model_dump_json(indent=2, exclude_none=True)
        _copy(text)
        lacking = "" if saved is not None else " Save the network, too: the recipe names no file yet."
        self._bench.say(f"Copied the recipe.{lacking}")
        return text

    # ---- helpers

    def _image(self) -> FileOfLayer | None:
        layer, bench = self._predict.image.layer, self._bench
        if layer is None:
            return None
        source = bench.form.data.layers.source
        if source is not None and source.layer_id == str(layer.unique_id):
            return bench.file_of(source)
        try:
            return file_of(layer, snapshot_image(layer).to_source())
        except SegmotifError:
            return None

    def _device(self) -> str:
        try:
            return self._bench.form.settings.parameters().device
        except SegmotifError:
            return "auto"


def files_of_training(bench: Bench) -> TrainedOn | None:
    """Say where images and labels that are chosen to train on come from; None where nothing is."""
    data = bench.form.data
    if data.from_folders:
        examples = data.folders.examples
        if examples is None:
            return None
        return TrainedOn(
            tuple(_file(pair.image) for pair in examples.pairs),
            tuple(_file(pair.annotation) for pair in examples.pairs),
        )
    if not data.layers.pairs:
        return None
    pairs = list(zip(data.layers.pairs, (s.to_source() for s in data.snapshots()), strict=True))
    return TrainedOn(
        tuple(file_of(pair.image, source) for pair, source in pairs),
        tuple(file_of(pair.annotation, source) for pair, source in pairs),
    )


def _file(path: Path) -> FileOfLayer:
    return FileOfLayer(path.name, str(path), "", None)


def _copy(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
