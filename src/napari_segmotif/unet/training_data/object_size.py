"""How large the annotated objects are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..parameters import Annotation
from .label_counts import count_labels

_MOST_PIXELS = 1 << 26  # looked at in all: enough for thousands of objects


def typical_diameter(labels: Sequence[NDArray[np.int32]], annotation: Annotation) -> float | None:
    """Median diameter in Y and X of the annotated objects, in pixels.

    Parameters
    ----------
    labels
        (*s) int32 of every sample. In volumes an object is measured in the plane where it is largest.
    annotation
        Objects are those of "instances", or what hangs together of a class that is not the lowest one of
        "semantic". Strokes have no size.

    Returns
    -------
    float or None
        Diameter of a disk of the same area; None for scribbles, or where there is no object.
    """
    if annotation == "scribbles":
        return None
    areas: list[NDArray[np.float64]] = []
    seen = 0
    background = _lowest(labels) if annotation == "semantic" else 0
    for label in labels:
        if annotation == "semantic":
            connected, _ = ndimage.label(label > background)
            areas.append(_areas(connected))
        else:
            areas.append(_areas(label))
        seen += label.size
        if seen > _MOST_PIXELS:
            break
    pooled = np.concatenate(areas)
    return float(2 * np.sqrt(np.median(pooled) / np.pi)) if len(pooled) else None


def _lowest(labels: Sequence[NDArray[np.int32]]) -> int:
    """The lowest class, which is the background."""
    present = np.concatenate([count_labels(label)[0] for label in labels])
    return int(present[present >= 0].min(initial=np.iinfo(np.int32).max))


def _areas(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Area of every object, in a volume that of its largest plane."""
    largest: dict[int, int] = {}
    for plane in labels.reshape(-1, *labels.shape[-2:]):
        for label, area in zip(*(a.tolist() for a in count_labels(plane)), strict=True):
            if label > 0:
                largest[label] = max(largest.get(label, 0), area)
    return np.array(list(largest.values()), np.float64)
