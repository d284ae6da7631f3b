"""What is measured: a labels layer with the images that show its objects, as a frozen copy for a job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...common.axes import COLOR_NAMES
from ...common.units import normalise_unit
from ...errors import InputError, SegmotifError
from ..axes_text import possible_axes
from ..layers import LayerSnapshot, guess_axes, snapshot_image
from .channel_pairs import Pairing, paired

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

#: More than this is measured where it stands: copying it on the main thread would be felt.
_COPIED_BYTES = 32 * 2**20


@dataclass(frozen=True)
class LabelledImage:
    """A labels layer, what its axes mean, and the layers of its channels."""

    labels: Labels
    axes: str
    images: tuple[Image, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer that a measurement depends on."""
        return (self.labels, *self.images)


@dataclass(frozen=True)
class Channel:
    """One channel: its name, and an array over the axes of the labels."""

    name: str
    array: Any


@dataclass(frozen=True)
class MeasureInput:
    """What a job measures, free of napari.

    Attributes
    ----------
    labels
        Snapshot of the labels layer, whose name is the `roi_id`.
    channels
        The channels, each over the axes of the labels.
    """

    labels: LayerSnapshot
    channels: tuple[Channel, ...]

    @property
    def unit(self) -> str | None:
        """Unit of lengths; None where there is none or the axes differ."""
        units = {normalise_unit(unit) for unit in self.labels.units or ()}
        return units.pop() if len(units) == 1 else None

    def arguments(self) -> dict[str, Any]:
        """Return what `measure_objects` is given, but for the properties."""
        arrays = [channel.array for channel in self.channels]
        return {
            "labels": self.labels.array,
            "intensity": arrays or None,
            "spacing": self.labels.spacing,
            "axes": self.labels.axes,
            "intensity_axes": self.labels.axes if arrays else None,
            "channel_names": [channel.name for channel in self.channels] or None,
            "unit": self.unit,
            "roi_id": self.labels.name,
        }


def labels_axes(layer: Labels) -> tuple[str, ...]:
    """Axes that a labels layer can have: letters without C, the likeliest first."""
    offered = [axes for axes in possible_axes(layer.ndim, rgb=False) if "C" not in axes]
    try:
        guessed = guess_axes(layer)
    except SegmotifError:
        guessed = ""
    return tuple(sorted(offered, key=lambda axes: axes != guessed))


def image_axes(image: Image, labels: Labels, axes: str) -> str | None:
    """Say what the axes of an image are if it shows the objects of a labels layer.

    Parameters
    ----------
    image
        An image layer.
    labels
        The labels layer.
    axes
        Axes of the labels.

    Returns
    -------
    str or None
        The labels' axes, or these with C at one place; None where the shapes do not fit.
    """
    wanted = _shape(labels)
    shape = _shape(image)
    if shape == wanted:
        return axes
    if len(shape) != len(wanted) + 1:
        return None
    # The place that is left out must be the channels; where several would do, napari's own order decides.
    places = [place for place in range(len(shape)) if shape[:place] + shape[place + 1 :] == wanted]
    if image.rgb:
        places = [place for place in places if place == len(shape) - 1]
    if not places:
        return None
    try:
        guessed = guess_axes(image)
    except SegmotifError:
        guessed = ""
    place = guessed.find("C") if guessed.find("C") in places else places[0]
    return axes[:place] + "C" + axes[place:]


def problem_of(image: Image, labels: Labels, axes: str) -> str:
    """Say why an image does not show the objects of a labels layer; "" where it does."""
    if image_axes(image, labels, axes) is None:
        return f"its shape {_shape(image)} is not that of the labels, {_shape(labels)}"
    here, there = _place(image, labels.ndim), _place(labels, labels.ndim)
    if not np.allclose(here[0], there[0], rtol=1e-6):
        return "its pixels have another size than those of the labels"
    if not np.allclose(here[1], there[1], rtol=1e-6, atol=1e-9 + 0.5 * float(np.min(there[0]))):
        return "it lies elsewhere than the labels"
    return ""


def fitting(images: Iterable[Image], labels: Labels, axes: str) -> list[Image]:
    """Return the images that show the objects of a labels layer."""
    return [image for image in images if not problem_of(image, labels, axes)]


def channel_options(
    images: Iterable[Image], labels: Labels, axes: str
) -> dict[str, tuple[Image, int | None]]:
    """Return every channel of the images that show the objects of a labels layer: (image, index) by name.

    The index is None for an image without channels.
    """
    options: dict[str, tuple[Image, int | None]] = {}
    for image in fitting(images, labels, axes):
        for channel, index in _named_channels(image, image_axes(image, labels, axes) or axes):
            options[channel] = (image, index)
    return options


def take(image: LabelledImage, picked: Sequence[tuple[str, Image, int | None]] | None = None) -> MeasureInput:
    """Take a frozen copy of what is to be measured (main thread).

    Parameters
    ----------
    image
        The layers.
    picked
        Name, image and index of each channel; None: all channels of all images.

    Raises
    ------
    InputError
        If an image does not fit the labels.
    AxesError
        If the labels cannot have these axes.
    """
    labels = snapshot_image(image.labels, image.axes)
    array = labels.array
    if isinstance(array, np.ndarray) and array.nbytes <= _COPIED_BYTES:
        labels = replace(labels, array=array.copy())  # painting goes on while it is measured
    if picked is None:
        picked = [
            (name, one, index)
            for one in image.images
            for name, index in _named_channels(one, _axes_or_error(one, image))
        ]
    channels = [Channel(name, _plane(one, _axes_or_error(one, image), index)) for name, one, index in picked]
    return MeasureInput(labels, tuple(channels))


@dataclass(frozen=True)
class ChannelFile:
    """Where a channel comes from: its file (None: in none yet), axes, and index along C or None."""

    name: str
    path: str | None
    axes: str
    index: int | None


@dataclass(frozen=True)
class MeasuredFiles:
    """Where the labels of an image and its channels come from, for scripts and recipes."""

    name: str
    path: str | None
    axes: str
    spacing: tuple[float, ...] | None
    unit: str | None
    channels: tuple[ChannelFile, ...]


def files_of(image: LabelledImage, taken: MeasureInput, order: Sequence[int] | None = None) -> MeasuredFiles:
    """Say where what was measured comes from, with its channels in another order if one is given."""
    channels = [
        ChannelFile(name, _path(one), _axes_or_error(one, image), index)
        for one in image.images
        for name, index in _named_channels(one, _axes_or_error(one, image))
    ]
    if order is not None:
        channels = [channels[place] for place in order]
    labels = taken.labels
    return MeasuredFiles(
        labels.name, _path(image.labels), labels.axes, labels.spacing, taken.unit, tuple(channels)
    )


def check_alike(inputs: Sequence[MeasureInput]) -> None:
    """Refuse images that cannot stand in one table.

    Raises
    ------
    InputError
        If they differ in their number of channels, or in space or units.
    """
    if not inputs:
        raise InputError("choose a Labels layer to measure (got none)")
    first = inputs[0]
    for other in inputs[1:]:
        for what, one, two in (
            ("as many channels", len(first.channels), len(other.channels)),
            ("the same spatial axes", first.labels.spatial_axes, other.labels.spatial_axes),
            ("the same unit of length", first.unit or "pixel", other.unit or "pixel"),
        ):
            if one != two:
                raise InputError(
                    f"images in one table need {what}: measure them apart, or mend their layers "
                    f"(got {one} in '{first.labels.name}' and {two} in '{other.labels.name}')"
                )


def pairing_of(inputs: Sequence[MeasureInput]) -> Pairing:
    """Say which channels of the images go together; see `paired`."""
    return paired([[channel.name for channel in one.channels] for one in inputs])


def named_alike(inputs: Sequence[MeasureInput]) -> tuple[MeasureInput, ...]:
    """Give the channels of all images the order and the names of those of the first: columns must agree."""
    names = [channel.name for channel in inputs[0].channels] if inputs else []
    return tuple(
        replace(
            one,
            channels=tuple(
                replace(one.channels[place], name=name) for place, name in zip(order, names, strict=True)
            ),
        )
        for one, order in zip(inputs, pairing_of(inputs).orders, strict=True)
    )


def _path(layer: Layer) -> str | None:
    path = getattr(getattr(layer, "source", None), "path", None)
    return str(path) if path else None


def _axes_or_error(image: Image, whole: LabelledImage) -> str:
    axes = image_axes(image, whole.labels, whole.axes)
    if axes is None:
        raise InputError(
            f"image '{image.name}' does not show the objects of '{whole.labels.name}': choose another one "
            f"(got shape {_shape(image)} for labels of shape {_shape(whole.labels)})"
        )
    return axes


def _named_channels(image: Image, axes: str) -> list[tuple[str, int | None]]:
    """Name and index of each channel of an image; one without a channel axis is its own only channel."""
    if "C" not in axes:
        return [(image.name, None)]
    if image.rgb:  # opacity is no brightness
        return [(f"{image.name} {COLOR_NAMES[k]}", k) for k in range(3)]
    return [(f"{image.name} {k + 1}", k) for k in range(_shape(image)[axes.index("C")])]


def _plane(image: Image, axes: str, index: int | None) -> Any:
    """One channel of an image, over the axes of the labels; lazy where the image is."""
    array = image.data[0] if image.multiscale else image.data
    if index is None:
        return array
    return array[(slice(None),) * axes.index("C") + (index,)]


def _shape(layer: Image | Labels) -> tuple[int, ...]:
    array = layer.data[0] if layer.multiscale else layer.data
    return tuple(int(n) for n in array.shape)


def _place(layer: Layer, ndim: int) -> tuple[Any, Any]:
    """Pixel size and corner of the last axes; what an image has before them is its channels."""
    n = min(ndim, layer.ndim)
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))
    steps = [
        float(np.linalg.norm(np.asarray(layer.data_to_world(step)) - origin)) for step in np.eye(layer.ndim)
    ]
    return np.asarray(steps[-n:]), origin[-n:]
