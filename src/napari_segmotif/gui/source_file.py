"""Where the data of a layer come from: what a recipe and a script name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..common.axes import ImageSource
from ..common.image_io import open_image
from ..common.image_paths import split_path
from ..errors import AxesError, SegmotifError
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
        Whether these are other axes than those that the layer, or its file, says it has: whoever reads the
        file again has to be told.
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
    chosen = isinstance(layer, Image) and (
        guess_axes(layer) != image.axes or (bool(path) and _read_otherwise(str(path), image))
    )
    return FileOfLayer(name, str(path) if path else None, image.axes, image.spacing, chosen)


def _read_otherwise(path: str, image: ImageSource) -> bool:
    """Whether `segmotif run` would read other axes in a file than its layer has.

    napari's reader drops what a file says of its axes, so that the layer's may be another guess.
    """
    try:
        state = split_path(path)[0].stat()
        stated = _stated(path, state.st_mtime_ns, state.st_size)
    except (SegmotifError, OSError):
        return False  # no file that `segmotif run` could read, either
    if stated is None:
        return len(image.axes) > 2
    axes, shape = stated
    own = tuple(int(n) for n in image.array.shape)
    if len(axes) != len(own):
        return False  # the layer is a part of the file: its axes are not those of the whole
    # A file with T behind Z is turned when it is read by its own axes; napari leaves it as it is.
    turned = shape != own and sorted(shape) == sorted(own)
    return axes != image.axes or turned


@lru_cache(maxsize=64)
def _stated(path: str, _modified: int, _size: int) -> tuple[str, tuple[int, ...]] | None:
    """Axes and shape as a file says; None where it does not. Remembered: recipes are made while painting."""
    if Path(path).suffix.lower() == ".npy":
        return None
    try:
        with open_image(path) as opened:
            return opened.axes, opened.shape
    except AxesError:
        return None
