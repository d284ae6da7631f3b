"""Predictions as layers: classes, objects, probabilities, uncertainty; and what speaks for a class."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Layer
from napari.utils.colormaps import Colormap

from ...batch.model_recipe import ModelReference
from ...batch.recipe_file import METADATA_KEY
from ...batch.unet_recipe import UNetDescription
from ..classes.entries import METADATA_KEY as CLASSES_KEY
from ..classes.entries import ClassEntry, default_color, to_metadata
from ..layers import LayerSnapshot, find_layer, unwrapped
from ..placement import with_channel_axis
from ..results import Kind, label_colormap, result_layer, show_probabilities, show_result
from ..turns import Turns

if TYPE_CHECKING:
    from ...unet.inference.prediction import UNetPrediction
    from ...unet.trained import TrainedUNet

Region = tuple[slice, ...]

_MOST_CLASS_LAYERS = 8  # more classes are shown as one stack

#: Clear where the network is sure, warm where it hesitates.
_HESITATION = Colormap([[0.2, 0, 0.3, 0.0], [0.8, 0.2, 0.4, 0.45], [1.0, 0.85, 0.3, 0.8]], name="hesitation")
#: Clear where a pixel says nothing, bright where it says most.
_HEAT = Colormap([[0.0, 0.0, 0.4, 0.0], [0.9, 0.3, 0.1, 0.5], [1.0, 1.0, 0.4, 0.85]], name="evidence")


def classes_name(source: LayerSnapshot) -> str:
    """Return the name of the classes of an image."""
    return f"{source.name} · U-Net classes"


def objects_name(source: LayerSnapshot) -> str:
    """Return the name of the objects of an image."""
    return f"{source.name} · U-Net objects"


def probability_name(source: LayerSnapshot) -> str:
    """Return what the names of the probability layers of an image begin with."""
    return f"{source.name} · U-Net probability"


def uncertainty_name(source: LayerSnapshot) -> str:
    """Return the name of the uncertainty of an image."""
    return f"{source.name} · U-Net uncertainty"


def heat_name(source: LayerSnapshot, class_name: str) -> str:
    """Return the name of what speaks for a class in an image."""
    return f"{source.name} · U-Net evidence: {class_name}"


@dataclass
class _Made:
    """Which network filled which regions of a layer, how, and the highest object number in it."""

    model: weakref.ref[TrainedUNet]
    options: tuple[Any, ...]
    regions: list[Region | None] = field(default_factory=list)
    highest: int = 0


@dataclass(frozen=True)
class _Result:
    """A prediction on its way into layers."""

    source: LayerSnapshot
    model: TrainedUNet = field(repr=False)
    recipe: UNetDescription
    region: Region | None  # None is the whole image

    @property
    def options(self) -> tuple[Any, ...]:
        return (self.recipe.parameters.augment, self.recipe.parameters.uncertainty)


class Outputs:
    """The result layers of this widget.

    A result may cover a region of the image only: it is written to its place. What another network had left
    around it goes then: a mixture of two networks would look like one.

    Parameters
    ----------
    napari_viewer
        Where to show them.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self._made: WeakKeyDictionary[Layer, _Made] = WeakKeyDictionary()
        self._heated: WeakKeyDictionary[Layer, list[Region | None]] = WeakKeyDictionary()
        self._class_layers: dict[tuple[str, int], str] = {}  # (source, label) -> name of its probability
        self._turns = Turns("Show the prediction")

    @property
    def pending(self) -> bool:
        """Whether layers are still to be shown."""
        return self._turns.pending

    def finish(self) -> None:
        """Show what is still to be shown, now."""
        self._turns.finish()

    def show(
        self,
        prediction: UNetPrediction,
        source: LayerSnapshot,
        model: TrainedUNet,
        recipe: UNetDescription,
        *,
        whole: bool,
    ) -> None:
        """Show a prediction of an image, or of `prediction.region`: one layer a turn of the event loop.

        Parameters
        ----------
        prediction
            What `predict_iter` returned; what is None in it is not shown.
        source
            Snapshot of the image.
        model
            The network that made it.
        recipe
            How it was made.
        whole
            Whether it covers the whole image.
        """
        result = _Result(source, model, recipe, None if whole else prediction.region)
        # Each goes right above the image, below those that were added before it.
        self._later(prediction.instances, result, partial(self._show_objects, n_objects=prediction.n_objects))
        self._later(prediction.labels, result, self._show_classes)
        self._later(prediction.uncertainty, result, self._show_uncertainty)
        self._later(prediction.probabilities, result, self._show_probabilities)

    def show_heat(
        self,
        heat: Any,
        region: Region | None,
        source: LayerSnapshot,
        class_name: str,
        recipe: Mapping[str, Any],
    ) -> Layer:
        """Show which pixels speak for a class; what was shown of other places goes."""
        name = heat_name(source, class_name)
        old = result_layer(self._viewer, "image", source, name)
        if old is not None and region is not None:
            _empty(old, self._heated.get(old, [None]), source)
        layer = show_result(
            self._viewer, "image", heat, source, name=name, recipe=recipe, region=region,
            colormap=_HEAT, contrast_limits=(0.0, 1.0), blending="translucent_no_depth",
        )  # fmt: skip
        if old is None:  # what was asked for last is what is seen
            layers = unwrapped(self._viewer).layers
            layers.move(layers.index(layer), len(layers))
        self._heated[layer] = [region]
        return layer

    def name_model(self, model: TrainedUNet, file: ModelReference) -> None:
        """Complete the recipes of what a network made, now that it is in a file."""
        self._turns.finish()
        for layer, made in self._made.items():
            if made.model() is model:
                layer.metadata[METADATA_KEY] = layer.metadata[METADATA_KEY] | {"model": file.model_dump()}

    def forget(self) -> None:
        """Let go of everything; the layers stay with the viewer."""
        self._turns.clear()
        self._made.clear()
        self._heated.clear()
        self._class_layers.clear()

    # ---- one output each

    def _later(self, values: Any, result: _Result, show: Callable[[Any, _Result], object]) -> None:
        if values is not None:
            self._turns.add(partial(self._if_there, show, values, result))

    def _if_there(self, show: Callable[[Any, _Result], object], values: Any, result: _Result) -> None:
        """Show something, unless its image was removed in the meantime."""
        if find_layer(self._viewer, result.source) is not None:
            show(values, result)

    def _show_classes(self, labels: Any, result: _Result) -> None:
        colors = class_colors(result.model)
        layer = self._put("labels", labels, result, classes_name(result.source), "labels", opacity=0.45)
        if not _has_colors(layer, colors):
            layer.colormap = label_colormap(colors)
        names = result.model.class_names  # other tools that learn from this layer call the classes so, too
        entries = [ClassEntry(label, names[label], color) for label, color in colors.items()]
        layer.metadata[CLASSES_KEY] = to_metadata(entries)

    def _show_objects(self, objects: Any, result: _Result, n_objects: int) -> None:
        name = objects_name(result.source)
        taken = 0
        if result.region is not None:  # numbers of objects elsewhere in the layer are taken
            self._forget_others("labels", result, name)
            old = result_layer(self._viewer, "labels", result.source, name)
            taken = self._made[old].highest if old is not None and old in self._made else 0
            objects = np.where(objects > 0, objects + np.int32(taken), np.int32(0))
        layer = self._put("labels", objects, result, name, "instances", opacity=0.7)
        self._made[layer].highest = taken + n_objects

    def _show_uncertainty(self, uncertainty: Any, result: _Result) -> None:
        self._put(
            "image", uncertainty, result, uncertainty_name(result.source), "uncertainty",
            colormap=_HESITATION, contrast_limits=(0.0, 1.0), blending="translucent_no_depth",
        )  # fmt: skip

    def _show_probabilities(self, probabilities: Any, result: _Result) -> None:
        """One layer for each class but the background, which is the rest; many classes as one stack."""
        source, heads = result.source, result.model.heads
        classes = heads.classes
        chosen = [k for k in range(heads.n_classes) if k != heads.background_index]
        labels = [classes[k] for k in chosen]
        names, colors = result.model.class_names, class_colors(result.model)
        prefix = probability_name(source)
        per_class = len(chosen) <= _MOST_CLASS_LAYERS
        shown = [f"{prefix}: {names[label]}" for label in labels] if per_class else [prefix]
        self._drop_other_classes(source, dict(zip(labels, shown, strict=True)) if per_class else {})
        for name in shown:
            self._forget_others("image", result, name)
        layers = show_probabilities(
            self._viewer,
            probabilities if not per_class else [probabilities[k] for k in chosen],
            source,
            name=prefix,
            recipe=result.recipe.giving("probabilities").as_json(),
            class_names=[names[label] for label in (labels if per_class else classes)],
            class_colors=[colors[label] for label in labels] if per_class else None,
            region=result.region,
            per_class=per_class,
        )
        for layer in layers:
            self._note(layer, result)

    # ---- helpers

    def _put(
        self, kind: Kind, data: Any, result: _Result, name: str, output: Any, **layer_kwargs: Any
    ) -> Layer:
        self._forget_others(kind, result, name)
        recipe = result.recipe.giving(output).as_json()
        layer = show_result(
            self._viewer, kind, data, result.source, name=name, recipe=recipe, region=result.region,
            **layer_kwargs,
        )  # fmt: skip
        self._note(layer, result)
        return layer

    def _note(self, layer: Layer, result: _Result) -> None:
        made = self._made.get(layer)
        if made is None or result.region is None or not _same(made, result):
            made = self._made[layer] = _Made(weakref.ref(result.model), result.options)
        if result.region not in made.regions:
            made.regions.append(result.region)

    def _forget_others(self, kind: Kind, result: _Result, name: str) -> None:
        """Empty a layer that another network filled, before a part of it is written."""
        layer = result_layer(self._viewer, kind, result.source, name)
        made = None if layer is None else self._made.get(layer)
        if layer is None or made is None or result.region is None or _same(made, result):
            return
        _empty(layer, made.regions, result.source)
        del self._made[layer]

    def _drop_other_classes(self, source: LayerSnapshot, shown: Mapping[int, str]) -> None:
        """Remove probabilities of classes that are gone, or are called otherwise now."""
        for (owner, label), name in list(self._class_layers.items()):
            if owner == source.layer_id and shown.get(label) != name:
                del self._class_layers[owner, label]
                layer = result_layer(self._viewer, "image", source, name)
                if layer is not None:
                    self._viewer.layers.remove(layer)
        self._class_layers |= {(source.layer_id, label): name for label, name in shown.items()}


def _same(made: _Made, result: _Result) -> bool:
    return made.model() is result.model and made.options == result.options


def _empty(layer: Layer, regions: Sequence[Region | None], source: LayerSnapshot) -> None:
    """Wipe a layer of ours: parts in place, a whole result without touching its array."""
    if None in regions:
        # of another type, so that the next part finds nothing to keep; it takes no memory, and no time
        nothing = np.uint8(0) if layer.data.dtype != np.uint8 else np.uint16(0)
        layer.data = np.broadcast_to(nothing, layer.data.shape)
        return
    for region in regions:
        if region is not None:
            layer.data[(..., *with_channel_axis(source, region, slice(0, 1)))] = 0


def class_colors(model: TrainedUNet) -> dict[int, str]:
    """Colour "#rrggbb" of each class that has one; 0 is what is left over."""
    given = model.class_colors
    return {label: given.get(label, default_color(label)) for label in model.heads.classes if label > 0}


def _has_colors(layer: Any, colors: Mapping[int, str]) -> bool:
    table: Mapping[Any, Sequence[float]] = getattr(layer.colormap, "color_dict", {})
    shown = {int(k): [round(float(part) * 255) for part in c[:3]] for k, c in table.items() if k}
    return shown == {label: [int(c[i : i + 2], 16) for i in (1, 3, 5)] for label, c in colors.items()}
