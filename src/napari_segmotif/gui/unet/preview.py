"""What the network makes of a part of a validation image, shown in place while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from ...errors import SegmotifError
from ...unet.learning.reports import EpochReport, ExamplePrediction
from ...unet.parameters import Annotation
from ..layers import LayerSnapshot, find_layer, snapshot_image, unwrapped
from ..results import add_result, result_layer, show_result
from ..view import move_view_to

_NAME = "U-Net preview"
_IMAGE_NAME = "U-Net preview image"


def is_preview(layer: Layer) -> bool:
    """Whether a layer's name is that of a preview."""
    return str(layer.name).startswith(_NAME)


class Preview:
    """One Labels layer that every epoch updates; it is never one of the user's.

    Whoever removes it, or paints on it, sees no more of it until the next training. Where files are trained
    on, the part of the image is shown below it.

    Parameters
    ----------
    napari_viewer
        Where to show it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = unwrapped(napari_viewer)
        self._sources: tuple[LayerSnapshot, ...] = ()
        self._names: tuple[str, ...] = ()
        self._annotation: Annotation = "instances"
        self._colors: dict[int, str] | None = None
        self._wanted = True
        self._last: EpochReport | None = None  # the best one that has an example
        self._shown: tuple[LayerSnapshot, str] | None = None
        self._picture: tuple[Image, LayerSnapshot] | None = None  # of a file
        self._given_up = False

    @property
    def layer(self) -> Labels | None:
        """The layer that is shown, if there is one."""
        if self._shown is None:
            return None
        return result_layer(self._viewer, "labels", *self._shown)  # type: ignore[return-value]

    def start(
        self,
        sources: Sequence[LayerSnapshot],
        names: Sequence[str],
        annotation: Annotation,
        colors: dict[int, str] | None,
    ) -> None:
        """Make ready for a training.

        Parameters
        ----------
        sources
            The images in the viewer; none where files are trained on.
        names
            Of the images.
        annotation
            Objects are shown for "instances", classes for the others.
        colors
            Of the classes.
        """
        self.clear()
        self._sources, self._names = tuple(sources), tuple(names)
        self._annotation, self._colors = annotation, colors or None
        self._given_up = False

    def set_wanted(self, wanted: bool) -> None:
        """Show previews, or remove what is shown."""
        self._wanted = wanted
        if not wanted:
            self._remove()
        elif self._last is not None:
            self._given_up = False
            self._show(self._last)

    def show(self, report: EpochReport) -> None:
        """Show the example of an epoch."""
        if report.example is None:
            return
        if report.is_best or self._last is None:
            self._last = report
        if self._shown is not None and self.layer is None:
            self._given_up = True  # the user removed it, or painted on it
        if self._wanted and not self._given_up:
            try:
                self._show(report)
            except SegmotifError:
                self._given_up = True  # a picture that cannot be shown must not end a training

    def finish(self) -> None:
        """Show the best epoch, whose weights were kept; the layer stays until something better is there."""
        if self._last is not None and self.layer is not None:
            self._show(self._last)

    def go_to(self) -> None:
        """Move the view to the part that is shown."""
        if self._last is None or self._last.example is None or self._shown is None:
            return
        source, example = self._shown[0], self._last.example
        parts = _parts(example, source, whole=not self._sources)
        center = [(part.start + part.stop - 1) / 2 for part in parts]
        move_view_to(self._viewer, source, center, [part.stop - part.start for part in parts])

    def clear(self) -> None:
        """Remove what is shown and forget the training."""
        self._remove()
        self._last, self._sources, self._names = None, (), ()

    def forget(self) -> None:
        """Let go of everything; the layers stay with the viewer."""
        self._last, self._sources, self._shown, self._picture = None, (), None, None

    # ---- layers

    def _show(self, report: EpochReport) -> None:
        example = report.example
        if example is None:
            return
        source = self._source_of(example)
        if source is None:
            return
        name = f"{_NAME} · {self._name_of(example)}"
        labels = example.instances if self._annotation == "instances" else example.classes
        parts = _parts(example, source, whole=not self._sources)
        data = _as_labels(labels).reshape([part.stop - part.start for part in parts])
        colors = self._colors if self._annotation != "instances" else None
        new = result_layer(self._viewer, "labels", source, name) is None
        recipe = {"tool": "unet", "preview": True, "epoch": report.epoch}
        show_result(
            self._viewer,
            "labels",
            data,
            source,
            name=name,
            recipe=recipe,
            region=parts,
            colors=colors if new else None,
            opacity=0.6,
        )
        self._shown = source, name

    def _source_of(self, example: ExamplePrediction) -> LayerSnapshot | None:
        if self._sources and not example.apart:
            source = self._sources[example.image_index]
            return source if find_layer(self._viewer, source) is not None else None
        if self._picture is not None and self._picture[0] in self._viewer.layers:
            return self._picture[1]
        return self._add_picture(example)

    def _add_picture(self, example: ExamplePrediction) -> LayerSnapshot:
        """Show the part of a file's image as a layer of our own."""
        colored = len(example.image) == 3 and example.image.ndim == 3
        data = np.moveaxis(example.image.clip(0, 1), 0, -1) if colored else example.image[0]
        picture = Image(
            data, name=f"{_IMAGE_NAME} · {self._name_of(example)}", rgb=colored, contrast_limits=(0.0, 1.0)
        )
        snapshot = snapshot_image(picture, "YXC" if colored else "ZYX"[-data.ndim :])
        recipe = {"tool": "unet", "preview": True}
        add_result(self._viewer, picture, snapshot, key="unet preview image", recipe=recipe)
        self._picture = picture, snapshot
        return snapshot

    def _name_of(self, example: ExamplePrediction) -> str:
        index = example.image_index
        return self._names[index] if index < len(self._names) else f"image {index + 1}"

    def _remove(self) -> None:
        layers = self._viewer.layers
        picture = None if self._picture is None else self._picture[0]
        for layer in (self.layer, picture):
            if layer is not None and layer in layers:
                layers.remove(layer)
        self._shown = self._picture = None


def _parts(example: ExamplePrediction, source: LayerSnapshot, whole: bool) -> tuple[slice, ...]:
    """One slice for each output axis of the image; all of it where it holds nothing but the example."""
    if whole:
        return tuple(slice(0, n) for n in source.output_shape)
    spatial = dict(zip(source.spatial_axes, example.region, strict=True))
    frame = slice(example.frame, example.frame + 1)
    return tuple(spatial.get(letter, frame) for letter in source.output_axes)


def _as_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as napari shows them fast: uint8 for classes, int32 for objects."""
    return labels if labels.dtype == np.uint8 else labels.astype(np.int32, copy=False)
