"""Where the data of a layer come from: what a recipe and a script name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..common.axes import ImageSource
from .layers import guess_axes

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass(frozen=True)
class FileOfLayer:
    """Where the data of a layer come from.

    Attributes
    ----------
    name
        The layer's name.
    path
        Its file, or None for a layer that was never in one.
    axes, spacing
        What the axes of the data mean, and the size of a pixel.
    axes_chosen
        Whether the user chose other axes than those that the layer says it has.
    """

    name: str
    path: str | None
    axes: str
    spacing: tuple[float, ...] | None
    axes_chosen: bool = False


def file_of(layer: Layer | None, image: ImageSource) -> FileOfLayer:
    """Say where a layer's data come from; `image` says what their axes are."""
    from napari.layers import Image

    path = getattr(getattr(layer, "source", None), "path", None)
    name = layer.name if layer is not None else "image"
    chosen = isinstance(layer, Image) and guess_axes(layer) != image.axes
    return FileOfLayer(name, str(path) if path else None, image.axes, image.spacing, chosen)
