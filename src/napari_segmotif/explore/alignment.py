"""From objects in an image to rows of a table and back, by (roi_id, frame, label)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .tables import identified

Rows = NDArray[np.int64]
ABSENT = -1


class RowIndex:
    """Finds the row of an object, for tables in any order, with gaps, and with a row for the background.

    Rows count from 0 in the table's present order. A row whose label is 0 or less belongs to no object and is
    never found.

    Parameters
    ----------
    table
        An object table; only its identity columns are read.

    Raises
    ------
    InputError
        If the table has no labels, or an object has two rows.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        table = identified(table)
        self.n_rows = len(table)
        roi, names = pd.factorize(table["roi_id"])
        frame, label = table["frame"].to_numpy(), table["label"].to_numpy()
        order = np.lexsort((label, frame, roi))
        order = order[label[order] > 0]
        self._labels: Rows = label[order]
        self._rows: Rows = order.astype(np.int64)
        changes = np.flatnonzero((np.diff(roi[order]) != 0) | (np.diff(frame[order]) != 0)) + 1
        starts = [0, *changes.tolist()] if len(order) else []
        ends = [*starts[1:], len(order)]
        self._parts: dict[tuple[str, int], slice] = {
            (str(names[roi[order[start]]]), int(frame[order[start]])): slice(start, end)
            for start, end in zip(starts, ends, strict=False)
        }

    def frames(self, roi_id: str = "") -> tuple[int, ...]:
        """Frames of an image in which there are objects, ascending."""
        return tuple(sorted(frame for name, frame in self._parts if name == roi_id))

    def roi_ids(self) -> tuple[str, ...]:
        """Images that have objects, in the order of the table."""
        return tuple(dict.fromkeys(name for name, _ in self._parts))

    def row(self, roi_id: str, frame: int, label: int) -> int:
        """The row of one object, −1 where the table does not have it."""
        return int(self.rows(roi_id, frame, [label])[0])

    def rows(self, roi_id: str, frame: int, labels: ArrayLike) -> Rows:
        """Rows (n,) of objects (n,) of one frame of an image, −1 for those that the table does not have."""
        wanted = np.asarray(labels, np.int64)
        part = self._parts.get((roi_id, int(frame)))
        if part is None:
            return np.full(wanted.shape, ABSENT, np.int64)
        known, rows = self._labels[part], self._rows[part]
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return np.where(known[place] == wanted, rows[place], ABSENT)

    def lookup(
        self, values: NDArray[Any], roi_id: str = "", frame: int = 0, fill: Any = 0, size: int | None = None
    ) -> NDArray[Any]:
        """A table `lut` with which lut[labels] paints an image with the values of its objects.

        Parameters
        ----------
        values
            (n_rows,) a value for each row.
        roi_id, frame
            Which image, and which frame of it.
        fill
            Value of the background and of objects that the table does not have.
        size
            Entries of the result; by default one more than the largest label. Larger labels are left out.

        Returns
        -------
        (size,) array of the type of `values`

        Raises
        ------
        InputError
            If there is not one value for each row.
        """
        values = np.asarray(values)
        if values.shape[:1] != (self.n_rows,):
            raise InputError(f"give one value for each of the {self.n_rows} rows (got shape {values.shape})")
        part = self._parts.get((roi_id, int(frame)), slice(0, 0))
        labels, rows = self._labels[part], self._rows[part]
        if size is None:
            size = int(labels[-1]) + 1 if len(labels) else 1
        lut = np.full((size, *values.shape[1:]), fill, values.dtype)
        inside = labels < size
        lut[labels[inside]] = values[rows[inside]]
        return lut
