"""Which labels layers an opened table is of, and whether its objects are there. No Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ...explore.tables import table_info

_READ_WHOLE = 2**26  # pixels of a frame; of larger ones only the boxes of objects are read
_MOST_OBJECTS, _MOST_LAZY = 2000, 100  # are looked up; lazy arrays are read anew for each
_MOST_FRAMES = 5
_SEED = 0


@dataclass(frozen=True)
class Candidate:
    """A labels layer that a table may be of.

    Attributes
    ----------
    name, array
        The layer's name and its labels, (*axes).
    axes
        What its axes may be, the likeliest first.
    """

    name: str
    array: Any
    axes: tuple[str, ...]


@dataclass(frozen=True)
class TableLink:
    """What a table and a labels layer have to do with each other.

    Attributes
    ----------
    roi_id, layer, axes
        The image's name in the table, the layer's name, and its axes.
    missing, looked_up
        How many objects of those that were looked up are not in the layer.
    dimensions
        Spatial dimensions of the table's objects where the layer's differ, else None.
    """

    roi_id: str
    layer: str
    axes: str
    missing: int = 0
    looked_up: int = 0
    dimensions: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the table can be of this layer: as many dimensions, and half of the objects at least."""
        return self.dimensions is None and 2 * self.missing <= self.looked_up

    @property
    def problem(self) -> str:
        """What does not fit, in a sentence; "" where all does."""
        if self.dimensions is not None:
            found = len(self.axes.replace("T", ""))
            return (
                f"The objects of the table have {self.dimensions} dimensions in space, those of labels "
                f"'{self.layer}' have {found}."
            )
        if not self.missing:
            return ""
        return f"{self.missing:,} of {self.looked_up:,} objects are not in labels '{self.layer}'."


def link_job(
    table: pd.DataFrame, candidates: Sequence[Candidate], chosen: str, cancel: CancelToken
) -> Job[tuple[TableLink, ...]]:
    """Find the layers that a table names, and look whether its objects are there.

    Parameters
    ----------
    table
        An object table with identity columns.
    candidates
        The labels layers of the viewer.
    chosen
        Name of the layer that a table of one image is of if it names none, "" for no layer.
    """
    by_name = {one.name: one for one in candidates}
    rois = [str(roi) for roi in table["roi_id"].unique()]
    pairs = [(roi, by_name[roi]) for roi in rois if roi in by_name]
    if not pairs and len(rois) == 1 and chosen in by_name:
        pairs = [(rois[0], by_name[chosen])]
    links = []
    for number, (roi, one) in enumerate(pairs):
        cancel.raise_if_cancelled()
        yield Progress(number, len(pairs), f"looking for the objects in '{one.name}'")
        links.append(_link(table[table["roi_id"] == roi], roi, one))
    return tuple(links)


def _link(table: pd.DataFrame, roi: str, one: Candidate) -> TableLink:
    info = table_info(table)
    wanted = None if info is None else info.dimensions
    fitting = [axes for axes in one.axes if wanted in (None, len(axes.replace("T", "")))]
    if not fitting:
        return TableLink(roi, one.name, one.axes[0] if one.axes else "", dimensions=wanted)
    axes = fitting[0]
    missing, looked_up = _missing(table, one.array, axes)
    return TableLink(roi, one.name, axes, missing, looked_up)


def _missing(table: pd.DataFrame, array: Any, axes: str) -> tuple[int, int]:
    """How many of some objects are not in a labels image, and how many were looked up."""
    objects = table[table["label"] > 0]
    n_frames = int(array.shape[0]) if "T" in axes else 1
    frames = np.unique(objects["frame"])
    outside = frames[(frames < 0) | (frames >= n_frames)]
    missing = looked_up = int(objects["frame"].isin(outside).sum())
    inside = np.setdiff1d(frames, outside)
    places = np.linspace(0, len(inside) - 1, min(len(inside), _MOST_FRAMES)).round().astype(int)
    for frame in inside[np.unique(places)]:
        present = _present(objects[objects["frame"] == frame], array[int(frame)] if "T" in axes else array)
        missing, looked_up = missing + int((~present).sum()), looked_up + len(present)
    return missing, looked_up


def _present(objects: pd.DataFrame, image: Any) -> NDArray[np.bool_]:
    """Which of the objects of a frame are in its labels (*s): where they should be, if that is known."""
    size = int(np.prod(image.shape))
    lazy = not isinstance(image, np.ndarray)
    if lazy and size <= _READ_WHOLE:
        image, lazy = np.asarray(image), False
    boxes = _boxes(objects, len(image.shape))
    if boxes is None:
        if size > _READ_WHOLE:
            return np.zeros(0, bool)  # nothing is known, and nothing is said
        labels = objects["label"].to_numpy()
        return np.asarray(np.isin(labels, np.unique(np.asarray(image))))
    most = _MOST_LAZY if lazy else _MOST_OBJECTS
    rows = np.arange(len(objects))
    if len(rows) > most:
        rows = np.random.default_rng(_SEED).choice(rows, most, replace=False)
    labels = objects["label"].to_numpy()
    return np.array(
        [bool((np.asarray(image[_slices(boxes[row])]) == labels[row]).any()) for row in rows], dtype=bool
    )


def _boxes(objects: pd.DataFrame, ndim: int) -> NDArray[np.int64] | None:
    """Bounding boxes (n, 2 ndim), first pixels and ends; None where the table does not say them."""
    names = [f"bbox-{k}" for k in range(2 * ndim)]
    if not all(name in objects and pd.api.types.is_numeric_dtype(objects[name]) for name in names):
        return None
    boxes = objects[names].to_numpy(dtype=np.float64, na_value=np.nan)
    whole = np.isfinite(boxes).all() and (boxes == np.rint(boxes)).all() and (boxes >= 0).all()
    return boxes.astype(np.int64) if whole else None


def _slices(box: NDArray[np.int64]) -> tuple[slice, ...]:
    n = len(box) // 2
    return tuple(slice(int(a), int(b)) for a, b in zip(box[:n], box[n:], strict=True))
