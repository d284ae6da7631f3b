"""Which objects of a group are most like it, and which least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .given import check_whole, in_table_order
from .preparation import Preparation
from .tables import checked_table, chosen_columns

Ints = NDArray[np.int64]


def typical_objects(
    table: pd.DataFrame | ArrayLike,
    group: ArrayLike,
    n: int = 8,
    *,
    columns: Sequence[str] | None = None,
) -> tuple[Ints, Ints]:
    """Find the objects nearest to, and farthest from, the middle of their group.

    Distances are taken over the prepared features, from the median of the group.

    Parameters
    ----------
    table
        Objects.
    group
        (n_rows,) bool: the group. A Series is joined by its index.
    n
        How many of each; of a small group at most half of it each, so that none is in both.
    columns
        Features; None: all.

    Returns
    -------
    most, least
        Rows: the most typical first, and the least typical first.

    Raises
    ------
    InputError
        If the mask does not fit the table, the group is empty, or n is below 1.
    """
    table = checked_table(table)
    check_whole("n", n, 1)
    mask = np.asarray(in_table_order(table, group, "the group"))
    if mask.dtype != bool or mask.shape != (len(table),):
        raise InputError(f"give a mask with one entry a row (got {mask.dtype} of shape {mask.shape})")
    rows = np.flatnonzero(mask)
    if not len(rows):
        raise InputError("choose a group that has objects (got an empty one)")
    prepared = Preparation().fit_transform(table, chosen_columns(table, columns))[rows]
    distance = np.linalg.norm(prepared - np.median(prepared, axis=0), axis=1)
    order = rows[np.argsort(distance, kind="stable")]
    few = min(n, max(1, len(order) // 2))
    return order[:few], order[::-1][: min(few, len(order) - few)]
