"""Classes that were picked, carried over to the objects of the same images measured again. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.words import count
from ...explore.alignment import RowIndex
from ...explore.tables import CLASS


@dataclass(frozen=True)
class KeptClasses:
    """Classes of the objects of a table, taken over from an earlier table.

    Attributes
    ----------
    classes
        (n,) int64, 0 for none.
    n_kept, n_gone
        How many objects kept their class; how many objects with a class are not in the table.
    """

    classes: NDArray[np.int64]
    n_kept: int
    n_gone: int

    @property
    def message(self) -> str:
        """What became of the picked classes, in a sentence; "" where none was picked."""
        if not self.n_kept and not self.n_gone:
            return ""
        if not self.n_kept:
            return f"The picked classes of {count(self.n_gone, 'object')} of the earlier table are gone."
        gone = f"; {count(self.n_gone, 'picked object')} {'are' if self.n_gone > 1 else 'is'} gone"
        return f"The picked classes of {count(self.n_kept, 'object')} were kept{gone if self.n_gone else ''}."


def keep_classes(
    old: pd.DataFrame | None, new: pd.DataFrame, renamed: Mapping[str, str] | None = None
) -> KeptClasses:
    """Look up the picked classes of a table by (roi_id, frame, label) of an earlier one.

    Parameters
    ----------
    old, new
        The earlier table, or None, and the one that replaces it.
    renamed
        What the images of the earlier table are called now, by their old names.
    """
    classes = np.zeros(len(new), np.int64)
    if old is None or CLASS not in old.columns:
        return KeptClasses(classes, 0, 0)
    given = old[old[CLASS].to_numpy() > 0]
    index = RowIndex(new)
    rois = given["roi_id"].map(lambda roi: (renamed or {}).get(roi, roi))
    for (roi, frame), part in given.groupby([rois, "frame"], sort=False):
        rows = index.rows(str(roi), int(frame), part["label"].to_numpy())
        classes[rows[rows >= 0]] = part[CLASS].to_numpy()[rows >= 0]
    n_kept = int((classes > 0).sum())
    return KeptClasses(classes, n_kept, len(given) - n_kept)
