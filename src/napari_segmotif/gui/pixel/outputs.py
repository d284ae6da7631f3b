"""Predictions as layers: segmentation, a probability layer a class, uncertainty; and objects made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import Colormap

from ...batch.recipe import METADATA_KEY, Description, ModelReference
from ...pixel.prediction import Output, Prediction
from ..classes.entries import ClassEntry, colors_of, names_of, with_labels
from ..layers import LayerSnapshot
from ..results import label_colormap, result_layer, show_probabilities, show_result
from .live_region import Region

SEGMENTATION: Output = "labels"
PROBABILITIES: Output = "probabilities"
UNCERTAINTY: Output = "uncertainty"

#: Clear where the classifier is sure, warm where it hesitates.
_HESITATION = Colormap([[0.2, 0, 0.3, 0.0], [0.8, 0.2, 0.4, 0.45], [1.0, 0.85, 0.3, 0.8]], name="hesitation")


def segmentation_name(source: LayerSnapshot) -> str:
    """Return the name of the segmentation of an image."""
    return f"{source.name} · segmentation"


def probability_name(source: LayerSnapshot) -> str:
    """Return what the names of the probability layers of an image begin with."""
    return f"{source.name} · probability"


def uncertainty_name(source: LayerSnapshot) -> str:
    """Return the name of the uncertainty of an image."""
    return f"{source.name} · uncertainty"


def objects_name(source: LayerSnapshot, class_name: str) -> str:
    """Return the name of the objects made of one class of an image."""
    return f"{source.name} · objects: {class_name}"


@dataclass
class _Written:
    """Which outputs of which regions (None is the whole image) the classifier `version` has filled."""

    version: int
    shown: list[tuple[str, Region | None]]


class OutputLayers:
    """The result layers of this widget.

    A live result covers a region of the image. What an earlier classifier had left around it is wiped as
    soon as the first result of a newer one arrives: a mixture of two classifiers would look like one.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self._written: dict[str, _Written] = {}  # layer id of the source -> what is shown of it
        self._class_layers: dict[
            tuple[str, int], str
        ] = {}  # (source, label) -> name of its probability layer
        self._made_by: WeakKeyDictionary[Layer, int] = WeakKeyDictionary()  # version of the classifier

    def show(
        self,
        prediction: Prediction,
        source: LayerSnapshot,
        *,
        version: int,
        entries: Sequence[ClassEntry],
        classes: Sequence[int],
        recipe: Description,
        whole: bool,
    ) -> list[Layer]:
        """Show a prediction of the classifier `version`, of the whole image or of `prediction.region`.

        Returns
        -------
        list of layers
            Those that show it now.
        """
        region = None if whole else prediction.region
        self._wipe_older(source, version, region)
        shown = self._written[source.layer_id].shown
        for output in (SEGMENTATION, PROBABILITIES, UNCERTAINTY):
            if getattr(prediction, output) is not None and (output, region) not in shown:
                shown.append((output, region))
        entries = with_labels(tuple(entries), classes)
        layers: list[Layer] = []
        if prediction.labels is not None:
            layers.append(
                show_result(
                    self._viewer,
                    "labels",
                    prediction.labels,
                    source,
                    name=segmentation_name(source),
                    recipe=recipe.giving(SEGMENTATION).as_json(),
                    region=region,
                    colors=self._new_colors(source, entries),
                    opacity=0.45,
                )
            )
        if prediction.uncertainty is not None:
            layers.append(
                show_result(
                    self._viewer,
                    "image",
                    prediction.uncertainty,
                    source,
                    name=uncertainty_name(source),
                    recipe=recipe.giving(UNCERTAINTY).as_json(),
                    region=region,
                    colormap=_HESITATION,
                    contrast_limits=(0.0, 1.0),
                    blending="translucent_no_depth",
                )
            )
        if prediction.probabilities is not None:
            layers += self._show_probabilities(
                prediction.probabilities, source, entries, classes, recipe, region
            )
        self._made_by.update(dict.fromkeys(layers, version))
        return layers

    def _show_probabilities(
        self,
        probabilities: Any,
        source: LayerSnapshot,
        entries: Sequence[ClassEntry],
        classes: Sequence[int],
        recipe: Description,
        region: Region | None,
    ) -> list[Layer]:
        names, colors = names_of(entries), colors_of(entries)
        prefix = probability_name(source)
        for label in classes:  # a renamed class gets a layer of its new name; the old one goes
            name = f"{prefix}: {names[label]}"
            old = self._class_layers.get((source.layer_id, label))
            if old is not None and old != name:
                self._remove(source, old)
            self._class_layers[source.layer_id, label] = name
        return show_probabilities(
            self._viewer,
            probabilities,
            source,
            name=prefix,
            recipe=recipe.giving(PROBABILITIES).as_json(),
            class_names=[names[label] for label in classes],
            class_colors=[colors[label] for label in classes],
            region=region,
        )

    def show_objects(
        self, objects: Any, source: LayerSnapshot, class_name: str, recipe: Description, version: int
    ) -> Layer:
        """Show instance labels, in napari's cyclic colours."""
        name = objects_name(source, class_name)
        new = result_layer(self._viewer, "labels", source, name) is None
        layer = show_result(
            self._viewer, "labels", objects, source, name=name, recipe=recipe.as_json(), opacity=0.7
        )
        self._made_by[layer] = version
        segmentation = result_layer(self._viewer, "labels", source, segmentation_name(source))
        if new and segmentation is not None:
            # Objects under the segmentation would have mixed colours.
            layers = self._viewer.layers
            layers.move(layers.index(layer), layers.index(segmentation) + 1)
        return layer

    def name_model(self, version: int, model: ModelReference) -> None:
        """Complete the recipes of what the classifier `version` made, now that it is in a file."""
        for layer, made_by in self._made_by.items():
            if made_by == version:
                layer.metadata[METADATA_KEY] = layer.metadata[METADATA_KEY] | {"model": model.model_dump()}

    def covers(self, source: LayerSnapshot, version: int, region: Region, outputs: Sequence[str]) -> bool:
        """Whether a region is already shown, by this version of the classifier, in all of these outputs."""
        written = self._written.get(source.layer_id)
        if written is None or written.version != version:
            return False
        return all(
            self._is_there(source, output)
            and any(output == shown and _contains(whole, region) for shown, whole in written.shown)
            for output in outputs
        )

    def _is_there(self, source: LayerSnapshot, output: str) -> bool:
        """Whether the layers of an output are still in the viewer."""
        if output == PROBABILITIES:
            names = [name for (owner, _), name in self._class_layers.items() if owner == source.layer_id]
            return all(result_layer(self._viewer, "image", source, name) is not None for name in names)
        if output == SEGMENTATION:
            return result_layer(self._viewer, "labels", source, segmentation_name(source)) is not None
        return result_layer(self._viewer, "image", source, uncertainty_name(source)) is not None

    def recolor(self, source: LayerSnapshot, entries: Sequence[ClassEntry]) -> None:
        """Give the segmentation of an image the colours of the table."""
        layer = result_layer(self._viewer, "labels", source, segmentation_name(source))
        if layer is not None:
            color(layer, entries)

    def forget(self) -> None:
        """Forget what was written where; the layers stay with the viewer."""
        self._written.clear()
        self._class_layers.clear()
        self._made_by.clear()

    # ---- helpers

    def _new_colors(self, source: LayerSnapshot, entries: Sequence[ClassEntry]) -> dict[int, str] | None:
        """The class colours, where the segmentation has others."""
        layer = result_layer(self._viewer, "labels", source, segmentation_name(source))
        return None if layer is not None and _has_colors(layer, entries) else colors_of(entries)

    def _wipe_older(self, source: LayerSnapshot, version: int, region: Region | None) -> None:
        written = self._written.get(source.layer_id)
        if written is not None and written.version == version:
            return
        if written is not None and region is not None:
            for layer in self._region_layers(source):
                for _output, old in written.shown:
                    _wipe(layer, old, source)
        self._written[source.layer_id] = _Written(version, [])

    def _region_layers(self, source: LayerSnapshot) -> list[Layer]:
        names = [("labels", segmentation_name(source)), ("image", uncertainty_name(source))]
        names += [
            ("image", name) for (owner, _), name in self._class_layers.items() if owner == source.layer_id
        ]
        found = [result_layer(self._viewer, kind, source, name) for kind, name in names]  # type: ignore[arg-type]
        return [layer for layer in found if layer is not None]

    def _remove(self, source: LayerSnapshot, name: str) -> None:
        layer = result_layer(self._viewer, "image", source, name)
        if layer is not None:
            self._viewer.layers.remove(layer)


def color(layer: Labels, entries: Sequence[ClassEntry]) -> None:
    """Give a layer the colours of the classes, where it has others: a new colormap draws everything again."""
    if not _has_colors(layer, entries):
        layer.colormap = label_colormap(colors_of(entries))


def _has_colors(layer: Labels, entries: Sequence[ClassEntry]) -> bool:
    table = getattr(layer.colormap, "color_dict", {})
    shown = {
        int(label): tuple(np.round(np.asarray(c)[:3] * 255).astype(int))
        for label, c in table.items()
        if label
    }
    return shown == {e.label: tuple(int(e.color[i : i + 2], 16) for i in (1, 3, 5)) for e in entries}


def _contains(whole: Region | None, part: Region) -> bool:
    if whole is None:
        return True
    return all(w.start <= p.start and p.stop <= w.stop for w, p in zip(whole, part, strict=True))


def _wipe(layer: Layer, region: Region | None, source: LayerSnapshot) -> None:
    data = layer.data
    if not isinstance(data, np.ndarray) or not data.flags.writeable:
        return
    if region is None:
        data[...] = 0
        return
    parts = dict(zip(source.output_axes, region, strict=True))
    index = tuple(parts.get(letter, slice(None)) for letter in source.result_axes)
    if data.ndim == len(index):
        data[index] = 0
