"""Small pictures of single objects, cut out of their image. No Qt in here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image
from numpy.typing import NDArray

from ..inputs import LabelledImage, image_axes
from .object_boxes import box_of

Rgb = NDArray[np.uint8]
_MARGIN = 4
_OUTLINE = (255, 178, 0)


def picture_of(row: pd.Series, image: LabelledImage, side: int = 64) -> Rgb | None:
    """Cut out an object with what is around it.

    Parameters
    ----------
    row
        A row of the table with the object's bounding box.
    image
        Its labels layer, and the images it was measured on: the first is shown, as bright as in the viewer.
    side
        Least width and height in pixels of the image.

    Returns
    -------
    (h, w, 3) uint8, square but at the border of the image, with the object outlined; None where the table has
    no bounding box for it or the label is gone. Of a volume it is the middle plane of the object.
    """
    extent = box_of(row, image.axes)
    if extent is None:
        return None
    data = image.labels.data[0] if image.labels.multiscale else image.labels.data
    index: list[Any] = []
    longest = max(extent[axis][1] - extent[axis][0] for axis in list(extent)[-2:])
    half = max(side, longest + 2 * _MARGIN) // 2
    for axis, letter in enumerate(image.axes):
        if letter == "T":
            index.append(int(row["frame"]))
        elif letter == "Z":
            index.append(sum(extent[axis]) // 2)
        else:
            middle = sum(extent[axis]) // 2
            index.append(slice(max(0, middle - half), min(data.shape[axis], middle + half)))
    labels = np.asarray(data[tuple(index)])
    inside = labels == int(row["label"])
    if not inside.any():
        return None
    shown = _grey(image, index) if image.images else None
    pixels = np.where(labels[..., None] > 0, 90, 40).repeat(3, axis=-1) if shown is None else shown
    pixels = pixels.astype(np.uint8)
    pixels[_outline(inside)] = _OUTLINE
    return pixels


def _grey(image: LabelledImage, index: list[Any]) -> Rgb | None:
    layer = image.images[0]
    axes = image_axes(layer, image.labels, image.axes)
    if axes is None:
        return None
    data = layer.data[0] if layer.multiscale else layer.data
    place = dict(zip(image.axes, index, strict=True))
    if layer.rgb:
        rgb = np.asarray(data[tuple(place.get(letter, slice(None)) for letter in axes)])[..., :3]
        return np.asarray(rgb if rgb.dtype == np.uint8 else rgb * 255, np.uint8)
    part = np.asarray(data[tuple(place.get(letter, 0) for letter in axes)], float)
    return _scaled(part, layer)


def _scaled(part: NDArray[np.float64], layer: Image) -> Rgb:
    low, high = layer.contrast_limits
    share = np.clip((np.nan_to_num(part) - low) / max(high - low, 1e-12), 0, 1) ** (1 / layer.gamma)
    return np.rint(share[..., None].repeat(3, axis=-1) * 255).astype(np.uint8)


def _outline(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels around an object, or at its own rim where it reaches the border of the picture."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(inside) & ~inside)
