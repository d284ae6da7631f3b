"""Lookups from labels to values, for any frame of an image, made when a frame is shown."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....explore.alignment import RowIndex
from .lookup_kernels import Lookup

# Labels beyond this are searched for; a table with an entry for each would take too much memory.
_LARGEST_INDEX = 2**25
_KEPT_FRAMES = 16


def lookup_of_frame(
    table: pd.DataFrame,
    values: NDArray[Any],
    roi_id: str = "",
    frame: int = 0,
    index: RowIndex | None = None,
) -> Lookup:
    """Return the lookup that paints the objects of one frame with a value for each row of the table.

    Parameters
    ----------
    table
        The object table.
    values
        (n_rows,).
    roi_id, frame
        Which image, and which frame of it.
    index
        Of the table, if it is there already.
    """
    index = RowIndex(table) if index is None else index
    labels = table["label"].to_numpy()
    if labels.max(initial=0) <= _LARGEST_INDEX:
        return Lookup(index.lookup(values, roi_id, frame))
    known = np.unique(labels[labels > 0])
    rows = index.rows(roi_id, frame, known)
    return Lookup(values[rows[rows >= 0]], known[rows >= 0].astype(np.int64))


class FrameLookups:
    """The lookups of one image: a value for each row, whichever frame is asked for.

    Parameters
    ----------
    roi_id
        Which of the table's images it is.
    """

    def __init__(self, roi_id: str) -> None:
        self._roi_id = roi_id
        self._table: pd.DataFrame | None = None
        self._index: RowIndex | None = None
        self.values: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._made: OrderedDict[int, Lookup] = OrderedDict()

    def set_values(
        self, table: pd.DataFrame | None, index: RowIndex | None, values: NDArray[np.uint8]
    ) -> None:
        """Paint with other values (n_rows,), of another table maybe."""
        self._table, self._index, self.values = table, index, values
        self._made.clear()

    def __call__(self, frame: int) -> Lookup:
        """Return the lookup of a frame; everything is 0 where there is no table."""
        if self._table is None or self._index is None:
            return Lookup(np.zeros(1, np.uint8))
        made = self._made.get(frame)
        if made is None:
            made = lookup_of_frame(self._table, self.values, self._roi_id, frame, self._index)
            self._made[frame] = made
            while len(self._made) > _KEPT_FRAMES:
                self._made.popitem(last=False)
        return made
