"""Telling by the looks of a label layer what its labels are, and saying in words what is in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..parameters import Annotation
from .label_counts import count_labels

_MOST_CLASSES = 20  # more numbers than this are objects
_MOST_PLANES = 8
_SIDE = 1024  # larger planes are looked at in part
_STRIDE = 8  # for a first look at large planes
_THIN_FILL, _LONG = 0.4, 3.0  # a stroke fills little of its box, or is this many times longer than wide
_SPARSE = 0.02

Plane = NDArray[Any]


def guess_annotation(labels: Any) -> Annotation:
    """Guess what the labels of a layer are; the user can overrule it.

    Parameters
    ----------
    labels
        (…, Y, X) whole numbers; NumPy, or what slices like it. Of large layers only a part is looked at.

    Returns
    -------
    Annotation
        "scribbles" for two or more numbers on thin or tiny pieces, "semantic" for few numbers on several
        pieces each or on every pixel, else "instances"; an empty layer counts as the last.
    """
    planes = _painted_planes(labels)
    if not planes:
        return "instances"
    values = sorted({int(v) for plane in planes for v in count_labels(plane)[0]} - {0})
    if len(values) > _MOST_CLASSES:
        return "instances"
    coverage = float(np.mean([np.count_nonzero(plane) / plane.size for plane in planes]))
    if coverage == 1:
        return "semantic"
    pieces = [_pieces(plane, value) for plane in planes for value in values]
    pieces = [found for found in pieces if len(found)]
    thin = float(np.mean(np.concatenate(pieces)))
    several = float(np.mean([len(found) for found in pieces])) > 1.5
    if len(values) > 1 and (thin > 0.5 or (several and coverage < _SPARSE)):
        return "scribbles"
    return "semantic" if several else "instances"


def describe_annotation(labels: Any, annotation: Annotation) -> str:
    """Say what is annotated: "214 objects", "3 classes, every pixel" or "2 classes on 1.3 % of the pixels".

    Parameters
    ----------
    labels
        (…, Y, X) whole numbers; they are read slab by slab.
    annotation
        What they are.
    """
    found: dict[int, int] = {}
    for slab in _slabs(labels):
        for value, count in zip(*(a.tolist() for a in count_labels(_whole(slab))), strict=True):
            found[value] = found.get(value, 0) + count
    n_pixels = sum(found.values())
    painted = sum(1 for value in found if value > 0)
    if not painted:
        return "nothing is annotated"
    if annotation == "instances":
        return f"{painted} object{'s' if painted > 1 else ''}"
    if annotation == "semantic":
        return f"{len(found)} class{'es' if len(found) > 1 else ''}, every pixel"
    share = 100 * (1 - found.get(0, 0) / n_pixels)
    digits = 1 if share >= 0.1 else 2
    return f"{painted} class{'es' if painted > 1 else ''} on {share:.{digits}f} % of the pixels"


def _whole(values: Any) -> NDArray[Any]:
    """Integers; what is neither whole nor finite is no label and counts as 0, as this only describes."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        array = np.where(np.isfinite(array), array, 0)
    return array if array.dtype.kind in "iu" else array.astype(np.int64)


def _slabs(labels: Any) -> Any:
    """The array in pieces along its first axis, of at most about 16 million pixels."""
    labels = labels if hasattr(labels, "shape") else np.asarray(labels)
    row = max(1, int(np.prod(labels.shape[1:], dtype=np.int64)))
    step = max(1, (1 << 24) // row)
    for start in range(0, labels.shape[0], step):
        yield labels[start : start + step]


def _painted_planes(labels: Any) -> list[Plane]:
    """Up to 8 planes with something painted, evenly spread, of large ones a part around some paint."""
    labels = labels if hasattr(labels, "shape") else np.asarray(labels)
    indices = list(np.ndindex(*labels.shape[:-2]))
    # spread over the layer first, then one after the other until enough is found
    spread = [indices[i] for i in np.unique(np.linspace(0, len(indices) - 1, _MOST_PLANES).astype(int))]
    planes: list[Plane] = []
    for index in [*spread, *(i for i in indices if i not in set(spread))]:
        if len(planes) == _MOST_PLANES or (planes and index not in spread):
            break
        plane = _around_paint(labels, index)
        if plane is not None:
            planes.append(plane)
    return planes


def _around_paint(labels: Any, index: tuple[int, ...]) -> Plane | None:
    plane = labels[index] if index else labels
    if max(plane.shape) <= _SIDE:
        whole = _whole(plane)
        return whole if whole.any() else None
    seen = np.argwhere(_whole(plane[::_STRIDE, ::_STRIDE]))
    if not len(seen):
        return None
    middle = seen[len(seen) // 2] * _STRIDE
    start = np.clip(middle - _SIDE // 2, 0, np.maximum(0, np.array(plane.shape) - _SIDE))
    return _whole(plane[tuple(slice(int(a), int(a) + _SIDE) for a in start)])


def _pieces(plane: Plane, value: int) -> NDArray[np.bool_]:
    """Of every piece of a value in a plane: whether it is thin, as a stroke is."""
    pieces, n = ndimage.label(plane == value, structure=np.ones((3, 3)))
    areas = np.bincount(pieces.reshape(-1), minlength=n + 1)[1:]
    thin = np.zeros(n, bool)
    for number, box in enumerate(ndimage.find_objects(pieces)):
        sides = sorted(part.stop - part.start for part in box)
        thin[number] = areas[number] < _THIN_FILL * sides[0] * sides[1] or sides[1] >= _LONG * sides[0]
    return thin
