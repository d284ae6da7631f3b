"""Predicting with the present network: this layer, all layers, the current view; and why a class is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from ...batch.model_recipe import ModelReference
from ...common.words import count, sentence
from ...errors import InputError, SegmotifError
from ..layers import LayerSnapshot, snapshot_image
from ..source_file import file_of
from ..view import visible_region
from . import applying
from .applying import Predicted, Target
from .bench import Bench
from .outputs import Outputs
from .panels.explain_panel import ExplainPanel
from .panels.predict_panel import PredictPanel, Scope
from .recipe import describe, explanation

if TYPE_CHECKING:
    from ...unet.segmenter import UNetSegmenter

#: Results beyond this go to a folder that the user chooses.
IN_MEMORY_BYTES = 2 * 2**30


class Predicting:
    """Starts what the buttons of PredictPanel and ExplainPanel ask for.

    Parameters
    ----------
    bench
        What to work with.
    panel, explain_panel
        What is wanted.
    outputs
        Where results are shown.
    model
        Returns the present network, or None.
    saved
        Returns the file of the present network, or None.
    """

    def __init__(
        self,
        bench: Bench,
        panel: PredictPanel,
        explain_panel: ExplainPanel,
        outputs: Outputs,
        model: Callable[[], UNetSegmenter | None],
        saved: Callable[[], ModelReference | None],
    ) -> None:
        self._bench = bench
        self._panel = panel
        self._explain_panel = explain_panel
        self._outputs = outputs
        self._model = model
        self._saved = saved

    # ---- predict

    def predict(self, scope: Scope, store: Path | None = None) -> None:
        """Predict; a result that memory has no room for goes into `store`, or where the user says."""
        bench, segmenter = self._bench, self._model()
        if segmenter is None:
            bench.warn("Train or load a network first.")
            return
        try:
            targets, left_out = self._targets(segmenter, scope)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        if store is None and size_of_results(segmenter, targets) > IN_MEMORY_BYTES:
            chosen, _ = QFileDialog.getSaveFileName(
                bench.form, "The result is large: choose a new folder for it", "segmentation"
            )
            if not chosen:
                return
            store = Path(chosen)
        model, found = segmenter.model_, list[Predicted]()

        def show(partial_result: object) -> None:
            if isinstance(partial_result, Predicted):
                target = partial_result.target
                whole = target.region is None
                self._outputs.show(
                    partial_result.prediction, target.source, model, target.recipe, whole=whole
                )
                found.append(partial_result)

        def done(_n: int) -> None:
            text = predicted_in_words(found) + left_out + notes_in_words(found)
            self._panel.show_text(text)
            bench.say(text)

        layers = [layer for target in targets for layer in bench.layers_of(target.source)]
        bench.start(
            partial(applying.predict, segmenter, targets, store),
            "Predict",
            on_partial=show,
            on_result=done,
            layers=layers if scope != "all" else (),
        )

    def _targets(self, segmenter: UNetSegmenter, scope: Scope) -> tuple[list[Target], str]:
        """What to predict, and what is said of images that are left out."""
        wish = self._panel.wish
        if not wish.outputs:
            raise InputError("tick what to show as layers (got nothing)")

        def target(source: LayerSnapshot, layer: Any, region: tuple[slice, ...] | None = None) -> Target:
            file = file_of(layer, source.to_source())
            coverage = None if region is None else [[part.start, part.stop] for part in region]
            details = {} if coverage is None else {"region": coverage}
            return Target(source, describe(segmenter.model_, file, wish, self._saved(), **details), region)

        if scope == "all":
            fitting, left_out = self._fitting(segmenter)
            return [target(source, layer) for layer, source in fitting], left_out
        layer = self._panel.image.layer
        if layer is None:
            raise InputError("open an image first (got none)")
        source = self._snapshot(layer, segmenter)
        region = self._view_of(source, segmenter) if scope == "view" else None
        return [target(source, layer, region)], ""

    def _fitting(self, segmenter: UNetSegmenter) -> tuple[list[tuple[Any, LayerSnapshot]], str]:
        """All image layers that the network can look at, and words about the others."""
        fitting: list[tuple[Any, LayerSnapshot]] = []
        others: dict[str, list[str]] = {}
        volumes = segmenter.model_.heads.dimensions == 3
        for layer in reversed(self._panel.image.layers):
            try:
                source = self._snapshot(layer, segmenter)
                n_channels = source.to_source().n_channels
            except SegmotifError:
                others.setdefault("their axes or values are not those of an image", []).append(layer.name)
                continue
            if n_channels != segmenter.n_channels_:
                others.setdefault("they have other channels", []).append(layer.name)
            elif volumes and source.spatial_axes != "ZYX":  # it would end the job at this image
                others.setdefault("they are no volumes", []).append(layer.name)
            else:
                fitting.append((layer, source))
        if not fitting:
            kind = "is a volume with" if volumes else "has"
            got = ", ".join(name for names in others.values() for name in names)
            raise InputError(
                f"no image {kind} the {count(segmenter.n_channels_, 'channel')} of the training: "
                f"open one that {kind.split()[0]} (got {got or 'no image'})"
            )
        left_out = (f" Left out, since {why}: {', '.join(names)}." for why, names in others.items())
        return fitting, "".join(left_out)

    def _snapshot(self, layer: Image, segmenter: UNetSegmenter) -> LayerSnapshot:
        """Take the layer with the axes chosen for it in the form, or else with those of the training."""
        data = self._bench.form.data.layers
        if data.source is not None and data.source.layer_id == str(layer.unique_id):
            return snapshot_image(layer, data.source.axes)
        trained, ndim = segmenter.axes_, layer.ndim + (1 if layer.rgb else 0)
        fits = ndim == len(trained) and layer.rgb == trained.endswith("C")
        return snapshot_image(layer, trained if fits else None)

    def _view_of(self, source: LayerSnapshot, segmenter: UNetSegmenter) -> tuple[slice, ...]:
        """What is on the screen; a network for volumes needs all planes."""
        region = visible_region(self._bench.viewer, source)
        if region is None:
            raise InputError(
                f"nothing of '{source.name}' is on the screen: move the view to it (got no pixel)"
            )
        if segmenter.parameters.dimensions == 2:
            return region
        sizes = zip(source.output_axes, region, source.output_shape, strict=True)
        return tuple(slice(0, n) if letter == "Z" else part for letter, part, n in sizes)

    # ---- explain

    def explain(self, class_id: int, method: str) -> None:
        """Show which pixels on the screen speak for a class."""
        bench, segmenter, layer = self._bench, self._model(), self._panel.image.layer
        if segmenter is None or layer is None:
            bench.warn("Train or load a network, and open an image, first.")
            return
        try:
            source = self._snapshot(layer, segmenter)
            region = self._view_of(source, segmenter)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        model, image = segmenter.model_, source.to_source()
        parts = dict(zip(source.output_axes, region, strict=True))
        frame = parts["T"].start if "T" in parts else 0
        place = tuple(slice(frame, frame + 1) if letter == "T" else part for letter, part in parts.items())
        spatial = tuple(parts[letter] for letter in source.spatial_axes)
        name = model.class_names.get(class_id, f"class {class_id}")
        recipe = explanation(model, file_of(layer, image), class_id, method, self._saved())

        def show(heat: Any) -> None:
            values = heat.reshape([part.stop - part.start for part in place])
            self._outputs.show_heat(values, place, source, name, recipe)
            text = f"The brighter a pixel is, the more it speaks for “{name}”."
            self._explain_panel.show_text(text)
            bench.say(text)

        job = partial(applying.explain, segmenter, image, class_id, method, frame, spatial)
        bench.start(job, "Explain", on_result=show, layers=bench.layers_of(source))


def size_of_results(segmenter: UNetSegmenter, targets: Sequence[Target]) -> int:
    """How many bytes results take."""
    per_pixel = {
        "labels": 1,
        "instances": 4,
        "probabilities": 4 * len(segmenter.classes_),
        "uncertainty": 4,
    }
    total = 0
    for target in targets:
        shape = target.source.output_shape
        if target.region is not None:
            shape = tuple(part.stop - part.start for part in target.region)
        total += math.prod(shape) * sum(per_pixel[output] for output in target.recipe.parameters.outputs)
    return total


def predicted_in_words(found: Sequence[Predicted]) -> str:
    """Say what came out, as in "Found 214 objects in cells"."""
    names = ", ".join(one.target.source.name for one in found)
    where = " (current view)" if found and found[0].target.region is not None else ""
    if all(one.prediction.instances is not None for one in found):
        n_objects = sum(int(one.prediction.n_objects or 0) for one in found)
        return f"Found {count(n_objects, 'object')} in {names}{where}."
    return f"Segmented {names}{where}."


def notes_in_words(found: Sequence[Predicted]) -> str:
    """What should be known of the results, each thing once; begins with a blank."""
    notes = dict.fromkeys(message for one in found for message in one.prediction.messages)
    return "".join(f" {sentence(note)}" for note in notes)
